// Normalization over the layers of the five example systems at batch 128 (compact also at its own 512), on a GPU of bf16
// activations too. Bytes are the least that must move: x and y forward, x, dy and dx backward; "% roofline" holds them against
// the device's copy bandwidth.
#include "bench/support.hpp"
#include "kernels/norm/norm.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::bench;

namespace {

using Batch = BatchNormKernels<float>;

// The same for kernels of every type: numbers that bf16 has.
template <class T>
std::vector<T> made_up_for_all(std::int64_t count, std::uint64_t seed) {
  std::vector<T> values;
  for (const BFloat16 v : made_up<BFloat16>(count, -1, 1, seed)) values.push_back(static_cast<T>(static_cast<float>(v)));
  return values;
}

// Buffers and constants of one shape.
template <class T>
struct Data {
  Rotating<T> x, dy, y, dx;
  Fixed<float> gamma, beta, mean, rstd, dgamma, dbeta, running_mean, running_var;
  Workspace workspace;

  Data(Where where, std::int64_t size, std::int64_t rows, std::int64_t affine, std::size_t workspace_bytes, bool cold)
      : x(where, made_up_for_all<T>(size, 1), cold),
        dy(where, made_up_for_all<T>(size, 2), cold),
        y(where, size, cold),
        dx(where, size, cold),
        gamma(where, made_up<float>(affine, 0.5, 1.5)),
        beta(where, made_up<float>(affine)),
        mean(where, rows),
        rstd(where, rows),
        dgamma(where, affine),
        dbeta(where, affine),
        running_mean(where, std::vector<float>(rows)),
        running_var(where, std::vector<float>(rows, 1.0f)),
        workspace(where, static_cast<std::int64_t>(workspace_bytes)) {}
};

template <class T>
void forward(const BatchNormKernels<T>& k, Stream stream, const BatchNormShape& s, const NormFusion& fusion, const Data<T>& d) {
  k.forward(stream, s, fusion, d.x.next(), d.gamma, d.beta, 1e-5f, {0.1f, d.running_mean, d.running_var}, d.mean, d.rstd,
            d.y.next(), d.workspace);
}
template <class T>
void backward(const BatchNormKernels<T>& k, Stream stream, const BatchNormShape& s, const NormFusion& fusion,
              const Data<T>& d) {
  k.backward(stream, s, fusion, d.x.next(), d.dy.next(), d.gamma, d.beta, d.mean, d.rstd, false, d.dx.next(), d.dgamma, d.dbeta,
             d.workspace);
}
template <class T>
void forward(const GroupNormKernels<T>& k, Stream stream, const GroupNormShape& s, const NormFusion& fusion, const Data<T>& d) {
  const bool affine = s.affine != Affine::none;
  k.forward(stream, s, fusion, d.x.next(), affine ? d.gamma.next() : nullptr, affine ? d.beta.next() : nullptr, 1e-5f, d.mean,
            d.rstd, d.y.next(), d.workspace);
}
template <class T>
void backward(const GroupNormKernels<T>& k, Stream stream, const GroupNormShape& s, const NormFusion& fusion,
              const Data<T>& d) {
  const bool affine = s.affine != Affine::none;
  k.backward(stream, s, fusion, d.x.next(), d.dy.next(), affine ? d.gamma.next() : nullptr, affine ? d.beta.next() : nullptr,
             d.mean, d.rstd, d.dx.next(), affine ? d.dgamma.next() : nullptr, affine ? d.dbeta.next() : nullptr, d.workspace);
}

template <class T>
void compare(const std::string& name, const std::vector<T>& got, const std::vector<float>& want, double tolerance = 2e-4) {
  const std::int64_t count = std::ssize(want), step = 1 + count / 1009;
  for (std::int64_t i = 0; i < count; i += step) {
    const double expected = static_cast<double>(want[i]), stored = sizeof(T) == 2 ? 0x1p-8 * std::abs(expected) : 0;
    require_near(name, static_cast<double>(static_cast<float>(got[i])), expected, tolerance + stored);
  }
}

std::int64_t size_of(const BatchNormShape& s) {
  return std::int64_t{s.n} * s.c * s.inner;
}
std::int64_t size_of(const GroupNormShape& s) {
  return s.n * s.c * s.inner;
}
template <class T, class Shape>
Data<T> data_of(Where where, const Shape& s, std::size_t workspace, bool cold = false) {
  if constexpr (std::is_same_v<Shape, BatchNormShape>)
    return {where, size_of(s), s.c, s.c, workspace, cold};
  else
    return {where, size_of(s), s.rows(), s.affine_size(), workspace, cold};
}

// Both passes of a kernel on its first buffers against the naive ones, which know no bf16.
template <template <class> class Kernels, class T, class Shape>
void check(const std::string& layer, const Kernels<T>& k, const Shape& s, const NormFusion& fusion, Data<T> d) {
  if (size_of(s) > 1 << 22) return;
  const auto& naive = reference<Kernels<float>>();
  const Data want = data_of<float>(Where::host, s, naive.workspace(s));
  forward(naive, {}, s, fusion, want), backward(naive, {}, s, fusion, want);
  forward(k, {}, s, fusion, d), backward(k, {}, s, fusion, d);
  compare(layer + " forward", d.y.host(), want.y.host());
  compare(layer + " backward", d.dx.host(), want.dx.host());
  const auto terms = static_cast<double>(size_of(s)) / std::max(1.0, static_cast<double>(want.dgamma.host().size()));
  compare(layer + " dgamma", d.dgamma.host(), want.dgamma.host(), 2e-4 + 1e-6 * terms);
}

// Forward and backward of a norm; `inner` and n become small on the emulator.
template <template <class> class Kernels, class T, class Shape>
void add_norm(const std::string& family, const std::string& layer, const Shape& full, const NormFusion& fusion) {
  const auto make = [=](const Backend<Kernels<T>>& b, bool back) {
    Shape s = full;
    s.n = sized(b, s.n, decltype(s.n){2}), s.inner = sized(b, s.inner, std::int64_t{256});
    const Kernels<T>& k = *b.table;
    const Data d = data_of<T>(b.where, s, k.workspace(s), true);
    check(layer, k, s, fusion, data_of<T>(b.where, s, k.workspace(s)));
    forward(k, {}, s, fusion, d);  // leaves what backward reads
    const double bytes = sizeof(T) * static_cast<double>(size_of(s));
    if (back) return Ready{{.bytes = 3 * bytes}, [=, &k](Stream stream) { backward(k, stream, s, fusion, d); }};
    return Ready{{.bytes = 2 * bytes}, [=, &k](Stream stream) { forward(k, stream, s, fusion, d); }};
  };
  add<Kernels<T>>(family + "/forward/" + layer, [=](const Backend<Kernels<T>>& b) { return make(b, false); });
  add<Kernels<T>>(family + "/backward/" + layer, [=](const Backend<Kernels<T>>& b) { return make(b, true); });
}

void add_batch_norm(const std::string& layer, const BatchNormShape& full, const NormFusion& fusion) {
  add_norm<BatchNormKernels, float>("batch", layer, full, fusion);
  add_norm<BatchNormKernels, BFloat16>("batch", layer + ", bf16", full, fusion);
  add<Batch>("batch/inference/" + layer, [=](const Backend<Batch>& b) {
    BatchNormShape s = full;
    s.n = sized(b, s.n, 2), s.inner = sized(b, s.inner, std::int64_t{256});
    const auto infer = [=](const Batch& k, Stream stream, const Data<float>& d) {
      k.inference(stream, s, fusion, d.x.next(), d.gamma, d.beta, 1e-5f, d.running_mean, d.running_var, d.y.next());
    };
    const Batch& k = *b.table;
    const Data d = data_of<float>(b.where, s, 0, true), want = data_of<float>(Where::host, s, 0);
    infer(k, {}, d), infer(reference<Batch>(), {}, want);
    compare(layer + " inference", d.y.host(), want.y.host());
    return Ready{{.bytes = 8.0 * static_cast<double>(size_of(s))}, [=, &k](Stream stream) { infer(k, stream, d); }};
  });
}

// The moments [c, parts] of z [n, c, inner], each of `images` images.
std::vector<float> moments_of(const BatchNormShape& s, const std::vector<float>& z, int images) {
  const int parts = (s.n + images - 1) / images;
  std::vector<float> all;
  for (int c = 0; c < s.c; ++c)
    for (int part = 0; part < parts; ++part) {
      double count = 0, sum = 0, squares = 0;
      for (int n = part * images; n < std::min(s.n, (part + 1) * images); ++n)
        for (std::int64_t i = 0; i < s.inner; ++i) {
          const double v = z[static_cast<std::size_t>((std::int64_t{n} * s.c + c) * s.inner + i)];
          count += 1, sum += v, squares += v * v;
        }
      for (double v : {count, sum / count, squares - sum * sum / count}) all.push_back(static_cast<float>(v));
    }
  return all;
}

// The forward pass behind a convolution that left z and its moments: of tiles of 256 pixels, more images where they are small.
void add_from_moments(const std::string& layer, const BatchNormShape& full, NormFusion fusion) {
  for (const auto& b : backends<Batch>()) {
    if (!b.table->forward_from_moments) continue;
    add("batch/forward_from_moments/" + layer, b.name, b.where, [=] {
      BatchNormShape s = full;
      s.n = sized(b, s.n, 6), s.inner = sized(b, s.inner, std::int64_t{64});
      const Batch &k = *b.table, &naive = reference<Batch>();
      auto z = made_up<float>(size_of(s));
      if (fusion.relu_before)
        for (float& v : z) v = std::max(v, 0.0f);
      const int images = static_cast<int>(std::max<std::int64_t>(1, 256 / s.inner));
      // A large image's tiles have moments of their own.
      const int tiles = static_cast<int>(std::max<std::int64_t>(1, s.inner / 256));
      const BatchNormShape rows{s.n * tiles, s.c, s.inner / tiles};
      std::vector<float> by_tile(z.size());
      for (std::int64_t i = 0; i < size_of(s); ++i) {
        const std::int64_t n = i / s.inner / s.c, c = i / s.inner % s.c, p = i % s.inner;
        by_tile[static_cast<std::size_t>((((n * tiles + p / rows.inner) * s.c) + c) * rows.inner + p % rows.inner)] =
            z[static_cast<std::size_t>(i)];
      }
      const auto values = moments_of(rows, by_tile, images);
      const int parts = (rows.n + images - 1) / images;
      const Fixed<float> moments(b.where, values);
      const Data<float> d(b.where, size_of(s), s.c, s.c, 0, true),
          want(Where::host, size_of(s), s.c, s.c, naive.workspace(s), false);
      const Rotating<float> x(b.where, z), want_x(Where::host, z, false);
      const auto call = [=, &k](Stream stream) {
        NormFusion behind = fusion;
        behind.before_applied = true;
        k.forward_from_moments(stream, s, behind, reinterpret_cast<const PartialMoments<float>*>(moments.next()), parts,
                               x.next(), d.gamma, d.beta, 1e-5f, {0.1f, d.running_mean, d.running_var}, d.mean, d.rstd,
                               d.y.next());
      };
      call({});
      naive.forward({}, s, fusion, want_x.next(), want.gamma, want.beta, 1e-5f, {0.1f, want.running_mean, want.running_var},
                    want.mean, want.rstd, want.y.next(), want.workspace);
      compare(layer + " forward_from_moments", d.y.host(), want.y.host());
      compare(layer + " running_var", d.running_var.host(), want.running_var.host());
      return Ready{{.bytes = 8.0 * static_cast<double>(size_of(s)) + 4.0 * static_cast<double>(values.size())}, call};
    });
  }
}

void add_group_norm(const std::string& layer, const GroupNormShape& s, const NormFusion& fusion) {
  add_norm<GroupNormKernels, float>("group", layer, s, fusion);
  add_norm<GroupNormKernels, BFloat16>("group", layer + ", bf16", s, fusion);
}

void add_all() {
  const NormFusion plain, relu{.relu_after = true};
  const Dropout planes{0.05f, true, {1, 2, 3, Purpose::dropout}}, elements{0.05f, false, {1, 2, 3, Purpose::dropout}};
  const NormFusion bottleneck{.relu_after = true, .after = planes}, compact{.relu_before = true, .after = elements};
  const NormFusion transition{.relu_before = true, .before = elements};
  add_batch_norm("bottleneck 32@32", {128, 32, 1024}, bottleneck);
  add_batch_norm("bottleneck 32@16", {128, 32, 256}, bottleneck);
  add_batch_norm("bottleneck 32@8", {128, 32, 64}, bottleneck);
  add_batch_norm("residual 16@32", {128, 16, 1024}, relu);
  add_batch_norm("transition 20@32", {128, 20, 1024}, {.relu_before = true});
  add_batch_norm("transition 20@32 with dropout", {128, 20, 1024}, transition);
  add_batch_norm("compact 10@32", {128, 10, 1024}, compact);
  add_batch_norm("compact 24@16", {128, 24, 256}, compact);
  add_batch_norm("compact 10@32, batch 512", {512, 10, 1024}, compact);
  add_batch_norm("dilated 64@32", {128, 64, 1024}, {.relu_before = true, .after = planes});
  add_batch_norm("dilated 128@32", {128, 128, 1024}, {.relu_before = true, .after = planes});
  add_batch_norm("dilated 64@18", {128, 64, 324}, {.relu_before = true, .after = planes});
  add_batch_norm("dilated 64@7", {128, 64, 49}, {.relu_before = true, .after = planes});
  add_from_moments("bottleneck 32@32", {128, 32, 1024}, bottleneck);
  add_from_moments("bottleneck 32@8", {128, 32, 64}, bottleneck);
  add_from_moments("transition 20@32", {128, 20, 1024}, {.relu_before = true});
  add_from_moments("compact 10@32, batch 512", {512, 10, 1024}, compact);
  add_from_moments("dilated 128@32", {128, 128, 1024}, {.relu_before = true, .after = planes});
  add_group_norm("bottleneck 32@32, 4 groups", {128, 32, 1024, 4, Affine::channel}, bottleneck);
  add_group_norm("bottleneck 32@16, 8 groups", {128, 32, 256, 8, Affine::channel}, bottleneck);
  add_group_norm("bottleneck 32@8, 4 groups", {128, 32, 64, 4, Affine::channel}, bottleneck);
  add_group_norm("bottleneck 16@32, layer", {128, 16, 1024, 1, Affine::element}, bottleneck);
  add_group_norm("residual 16@32, layer by channel", {128, 16, 1024, 1, Affine::channel}, relu);
  add_group_norm("transition 20@32, layer", {128, 20, 1024, 1, Affine::none}, {.relu_before = true});
  add_group_norm("compact 10@32, layer by channel", {128, 10, 1024, 1, Affine::channel}, compact);
  add_group_norm("rows of 512", {8192, 1, 512, 1, Affine::element}, plain);
}

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv, add_all);
}
