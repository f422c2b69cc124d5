// Elements by number, by mask, running sums and sorting, in GB/s of memory they must move, and elements sorted a second.
#include "bench/support.hpp"
#include "kernels/index/index.hpp"
#include "kernels/scan/scan.hpp"
#include "kernels/sort/sort.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::bench;

namespace {

// Rows of a table of 64 numbers each, as an embedding's forward and backward pass take them.
void add_rows(const std::string& name, bool scatter) {
  add<IndexKernels>(name, [=](const Backend<IndexKernels>& b) {
    const std::int64_t size = sized(b, std::int64_t{10000}, std::int64_t{50}),
                       count = sized(b, std::int64_t{16384}, std::int64_t{100});
    constexpr std::int64_t inner = 64;
    const IndexShape s{.size = size, .count = count, .inner = inner};
    const std::int64_t read = scatter ? count * inner : size * inner, written = scatter ? size * inner : count * inner;
    const auto values = made_up<float>(read);
    const auto numbers = made_up<std::int64_t>(count, 0, static_cast<double>(size));
    const Rotating<float> x(b.where, values), want_x(Where::host, values, false);
    const Rotating<float> y(b.where, std::vector<float>(static_cast<std::size_t>(written), 0)),
        want(Where::host, std::vector<float>(static_cast<std::size_t>(written), 0), false);
    const Fixed<std::int64_t> index(b.where, numbers), want_index(Where::host, numbers);
    const auto run = [=](const IndexKernels& k, Stream stream, const Rotating<float>& from, const std::int64_t* at,
                         const Rotating<float>& to) {
      if (scatter)
        k.scatter_add(stream, float32, s, at, from.next(), to.next());
      else
        k.gather(stream, float32, s, from.next(), at, to.next());
    };
    const IndexKernels& k = *b.table;
    run(k, {}, x, index, y), run(reference<IndexKernels>(), {}, want_x, want_index, want);
    require_near(name, y.host(), want.host(), 0);
    return Ready{{.bytes = static_cast<double>(count) * (4.0 * inner * (scatter ? 3 : 2) + 8)},
                 [=, &k](Stream stream) { run(k, stream, x, index, y); }};
  });
}

// Half of the elements of one tensor over those of another.
void add_select() {
  add<IndexKernels>("select", [=](const Backend<IndexKernels>& b) {
    const std::int64_t count = sized(b, std::int64_t{1} << 22, std::int64_t{4096});
    const ElementShape shape{1, {count}, {1}, {1}};
    const auto values = made_up<float>(count);
    const auto flags = made_up<std::uint8_t>(count, 0, 2);
    const Rotating<float> x(b.where, values), want_x(Where::host, values, false);
    const Rotating<float> y(b.where, std::vector<float>(static_cast<std::size_t>(count), 1)),
        want(Where::host, std::vector<float>(static_cast<std::size_t>(count), 1), false);
    const Rotating<std::uint8_t> mask(b.where, flags), want_mask(Where::host, flags, false);
    const IndexKernels& k = *b.table;
    k.select({}, float32, shape, mask.next(), x.next(), y.next());
    reference<IndexKernels>().select({}, float32, shape, want_mask.next(), want_x.next(), want.next());
    require_near("select", y.host(), want.host(), 0);
    return Ready{{.bytes = 13.0 * static_cast<double>(count)},
                 [=, &k](Stream stream) { k.select(stream, float32, shape, mask.next(), x.next(), y.next()); }};
  });
}

void add_scan(const std::string& name, const ReduceShape& full) {
  using Kernels = ScanKernels<float>;
  add<Kernels>(name, [=](const Backend<Kernels>& b) {
    ReduceShape s = full;
    s.outer = sized(b, s.outer, std::int64_t{2});
    const std::int64_t count = s.outer * s.reduced * s.inner;
    const auto values = made_up<float>(count);
    const Rotating<float> x(b.where, values), y(b.where, count), want_x(Where::host, values, false),
        want(Where::host, count, false);
    const Kernels& k = *b.table;
    k.scan({}, {}, s, x.next(), y.next());
    reference<Kernels>().scan({}, {}, s, want_x.next(), want.next());
    require_near(name, y.host(), want.host(), 1e-6);
    return Ready{{.bytes = 8.0 * static_cast<double>(count)},
                 [=, &k](Stream stream) { k.scan(stream, {}, s, x.next(), y.next()); }};
  });
}

void add_sort(const std::string& name, const ReduceShape& full) {
  using Kernels = SortKernels<float>;
  add<Kernels>(name, [=](const Backend<Kernels>& b) {
    ReduceShape s = full;
    s.outer = sized(b, s.outer, std::int64_t{2});
    s.reduced = sized(b, s.reduced, std::int64_t{100});
    const std::int64_t count = s.outer * s.reduced * s.inner;
    const auto values = made_up<float>(count);
    const Kernels &k = *b.table, &naive = reference<Kernels>();
    const Rotating<float> x(b.where, values), want_x(Where::host, values, false);
    const Rotating<std::int64_t> y(b.where, count), want(Where::host, count, false);
    const Workspace workspace(b.where, static_cast<std::int64_t>(k.workspace(s))),
        want_workspace(Where::host, static_cast<std::int64_t>(naive.workspace(s)));
    k.argsort({}, false, s, x.next(), y.next(), workspace);
    naive.argsort({}, false, s, want_x.next(), want.next(), want_workspace);
    require_near(name, y.host(), want.host(), 0);
    return Ready{{.items = static_cast<double>(count)},
                 [=, &k](Stream stream) { k.argsort(stream, false, s, x.next(), y.next(), workspace); }};
  });
}

void add_all() {
  add_rows("gather, rows of 64", false);
  add_rows("scatter_add, rows of 64", true);
  add_select();
  add_scan("running sum of rows of 1024", {1024, 1024, 1});
  add_scan("running sum over channels", {128, 32, 1024});
  add_sort("sort, rows of ten", {12800, 10, 1});
  add_sort("sort, rows of 1000", {128, 1000, 1});
  add_sort("sort, 100,000 at once", {1, 100000, 1});
}

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv, add_all);
}
