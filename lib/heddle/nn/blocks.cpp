#include "heddle/nn/blocks.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "heddle/autograd/grad_mode.hpp"
#include "heddle/autograd/record.hpp"
#include "heddle/autograd/trace.hpp"
#include "heddle/base/error.hpp"
#include "heddle/base/parallel.hpp"
#include "heddle/core/dispatch.hpp"
#include "heddle/core/random.hpp"
#include "heddle/nn/containers.hpp"
#include "heddle/nn/mode_guard.hpp"
#include "heddle/nn/walk.hpp"
#include "heddle/ops/prepared_weights.hpp"
#include "kernels/elementwise/elementwise.hpp"

namespace heddle::nn {
namespace {

std::string_view wish() {
  const char* text = std::getenv("HEDDLE_BLOCKS");
  return text ? text : "";
}
std::atomic<bool> blocks_on = wish() != "0", blocks_recorded = wish() == "train";

constexpr std::int64_t block_elements = 8 * 3 * 32 * 32;  // of the network's input, and the least that is divided

// How the rows are divided; depends on the shape alone.
struct Partition {
  std::int64_t rows, size, count;

  explicit Partition(const Shape& shape) : rows(shape[0]) {
    const std::int64_t row = std::max<std::int64_t>(1, shape.numel() / std::max<std::int64_t>(1, rows));
    size = std::clamp<std::int64_t>(block_elements / row, 1, std::max<std::int64_t>(1, (rows + 3) / 4));
    count = (rows + size - 1) / size;
  }
  std::int64_t begin(std::int64_t block) const { return block * size; }
  std::int64_t end(std::int64_t block) const { return std::min(rows, (block + 1) * size); }
};

// Rows [begin, end) of a dense tensor, without history.
Tensor rows_of(const Tensor& t, std::int64_t begin, std::int64_t end) {
  Shape shape = t.shape();
  shape[0] = end - begin;
  return t.view_of_memory(shape, t.strides(), begin * t.strides()[0]);
}

// Before each batch, so without a set of what was met: a module of several names is looked at several times.
struct Walk : Members {
  bool parts = false, by_rows = true;
  const internal::Chain* chain;
  explicit Walk(const internal::Chain& root) : chain(&root) {}
  void value(std::string_view, Tensor&, bool) override {}
  void part(std::string_view, Module& m) override {
    parts = true;
    by_rows = by_rows && !chain->holds(m) && m.by_rows() && !m.has_hooks();
    if (!by_rows) return;
    const internal::Chain here{&m, chain};
    chain = &here;
    m.members(*this);
    chain = here.outer;
  }
};

std::vector<Tensor> trained_tensors(Module& module) {
  std::vector<Tensor> tensors;
  internal::walk_values(module, internal::Ties::once, [&](const std::string&, Tensor& t, bool trained) {
    if (trained && t.requires_grad()) tensors.push_back(t);
  });
  return tensors;
}

// This thread draws what `start` would draw for rows `row` and up, and afterwards what it drew before.
class DrawsFor {
 public:
  DrawsFor(const Generator& start, std::int64_t row) : generator_(start), scope_(generator_) {
    generator_.set_first_row(start.first_row() + row);
  }
  DrawsFor(const DrawsFor&) = delete;
  DrawsFor& operator=(const DrawsFor&) = delete;

 private:
  Generator generator_;
  detail::GeneratorScope scope_;
};

// The blocks' outputs one under the other; undefined where they are not rows of anything.
Tensor join(const Partition& p, const std::vector<Tensor>& parts) {
  Shape shape = parts[0].shape();
  for (std::int64_t b = 0; b < p.count; ++b) {
    Shape expected = shape;
    if (shape.rank() == 0) return {};
    expected[0] = p.end(b) - p.begin(b);
    if (parts[static_cast<std::size_t>(b)].shape() != expected) return {};
  }
  shape[0] = p.rows;
  NoGradGuard guard;
  Tensor whole = empty(shape, parts[0].options());
  for (std::int64_t b = 0; b < p.count; ++b) rows_of(whole, p.begin(b), p.end(b)).copy_(parts[static_cast<std::size_t>(b)]);
  return whole;
}

// The sum of one leaf's gradients over the blocks, in order.
Tensor add_up(const std::vector<std::vector<Tensor>>& gradients, std::size_t leaf) {
  Tensor total;
  for (const auto& block : gradients) {
    const Tensor& one = block[leaf];
    if (!one.defined()) continue;
    if (!total.defined()) {
      total = empty_like(one).copy_(one);
      continue;
    }
    visit_floating(one.dtype(), "backward", [&]<class T>(TypeTag<T>) {
      kernels_for<kernels::ElementwiseKernels<T>>(one.device())
          .add_scaled(stream_of(one), one.numel(), one.data<T>(), T{1}, total.data<T>());
    });
  }
  return total;
}

}  // namespace

void set_blocks(bool on, bool recorded) {
  blocks_on = on;
  blocks_recorded = recorded;
}
bool blocks_enabled() {
  return blocks_on;
}

bool runs_in_blocks(Module& module, const Tensor& x) {
  if (!blocks_on || (is_grad_enabled() && !blocks_recorded)) return false;
  if (autograd::tracing() || !x.defined() || !x.device().is_cpu() || x.dim() != 4 ||
      (x.dtype() != float32 && x.dtype() != float64) || x.numel() < block_elements)
    return false;
  if (Partition(x.shape()).count < 2 || !module.by_rows() || module.has_hooks()) return false;
  const internal::Chain root{&module, nullptr};
  Walk walk(root);
  module.members(walk);
  return walk.parts && walk.by_rows;
}

Tensor forward_in_blocks(Module& module, const Tensor& x, const std::function<Tensor(const Tensor&)>& forward) {
  const Partition p(x.shape());
  std::vector<Tensor> leaves;
  if (is_grad_enabled()) leaves = trained_tensors(module);
  const bool wants_dx = is_grad_enabled() && x.requires_grad();
  const bool recorded = wants_dx || !leaves.empty();
  const ModeGuard* const modes = ModeGuard::current();
  const Tensor x_dense = no_grad([&] { return x.contiguous(); });
  const Generator start = default_generator();
  Generator end = start;
  std::vector<Tensor> inputs(static_cast<std::size_t>(p.count)), outputs(static_cast<std::size_t>(p.count));
  detail::PreparedWeights weights;
  try {
    parallel_chunks(p.count, [&](std::int64_t block, int) {
      const auto b = static_cast<std::size_t>(block);
      std::optional<NoGradGuard> unrecorded;
      if (!recorded) unrecorded.emplace();
      inputs[b] = rows_of(x_dense, p.begin(block), p.end(block));
      if (wants_dx) inputs[b].requires_grad_();
      const ModeGuard::Use same_modes(modes);
      const DrawsFor draws(start, p.begin(block));
      const detail::PreparedWeights::Use use(weights);
      outputs[b] = forward(inputs[b]);
      if (block == 0) end = default_generator();
    });
  } catch (const Error&) {
    return forward(x);
  }
  Tensor y = join(p, outputs);
  if (!y.defined()) return forward(x);
  end.set_first_row(start.first_row());
  default_generator() = end;
  if (!recorded) return y;

  // The blocks' leaves: the parameters, and where x wants a gradient, the block's own input.
  std::vector<Tensor> all = leaves;
  all.push_back(x);
  return autograd::record(
      "blocks", all, y,
      [p, wants_dx, inputs = std::move(inputs), outputs = std::move(outputs), parameters = std::move(leaves),
       x_shape = x.shape()](const Tensor& dy, const autograd::Needs&) {
        std::vector<std::vector<Tensor>> gradients(outputs.size());
        const std::size_t count = parameters.size();
        Tensor dx;
        if (wants_dx) dx = empty(x_shape, dy.options());
        parallel_chunks(p.count, [&](std::int64_t block, int) {
          const auto b = static_cast<std::size_t>(block);
          std::vector<Tensor> here = parameters;
          if (wants_dx) here.push_back(inputs[b]);
          gradients[b] = autograd::gradients(outputs[b], rows_of(dy, p.begin(block), p.end(block)), here);
          if (!wants_dx) return;
          Tensor part = rows_of(dx, p.begin(block), p.end(block));
          gradients[b].back().defined() ? part.copy_(gradients[b].back()) : part.fill_(0);
        });
        autograd::Grads result(count + 1);
        parallel_chunks(static_cast<std::int64_t>(count), [&](std::int64_t leaf, int) {
          result[static_cast<std::size_t>(leaf)] = add_up(gradients, static_cast<std::size_t>(leaf));
        });
        result[count] = dx;
        return result;
      });
}

}  // namespace heddle::nn
