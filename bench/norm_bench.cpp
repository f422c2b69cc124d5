// Normalization over the layers of the five example systems at batch 128 (compact also at its own 512). Bytes are the least
// that must move: x and y forward, x, dy and dx backward; "% roofline" holds them against this machine's copy bandwidth.
#include <memory>

#include "bench/support.hpp"
#include "kernels/norm/norm.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::bench;

namespace {

// Rotating buffers and constants of one shape, and the check of its fast kernels against the naive ones.
struct Data {
  Rotating<float> x, dy, y, dx;
  std::vector<float> gamma, beta, mean, rstd, dgamma, dbeta, running_mean, running_var;
  std::vector<double> workspace;

  Data(std::int64_t size, std::int64_t rows, std::int64_t affine, std::size_t workspace_bytes)
      : x(made_up<float>(size)), dy(made_up<float>(size)), y(std::vector<float>(size)), dx(std::vector<float>(size)),
        gamma(made_up<float>(affine, 0.5, 1.5)), beta(made_up<float>(affine)), mean(rows), rstd(rows), dgamma(affine), dbeta(affine),
        running_mean(rows), running_var(rows, 1.0f), workspace(workspace_bytes / sizeof(double) + 1) {}
};

void compare(const std::string& name, const float* got, const float* want, std::int64_t count) {
  for (std::int64_t i = 0; i < count; i += 1 + count / 1009) require_near(name, got[i], want[i], 2e-4);
}

void add_batch_norm(const std::string& layer, BatchNormShape s, const NormFusion& fusion) {
  const auto& k = BatchNormKernels<float>::cpu();
  const auto& naive = BatchNormKernels<float>::cpu(Variant::naive);
  const std::int64_t size = std::int64_t{s.n} * s.c * s.inner;
  auto d = std::make_shared<Data>(size, s.c, s.c, k.workspace(s));
  const auto forward = [=](const BatchNormKernels<float>& table, const float* x, float* y) {
    table.forward({}, s, fusion, x, d->gamma.data(), d->beta.data(), 1e-5f, 0.1f, d->running_mean.data(), d->running_var.data(),
                  d->mean.data(), d->rstd.data(), y, d->workspace.data());
  };
  const auto backward = [=](const BatchNormKernels<float>& table, const float* x, const float* dy, float* dx) {
    table.backward({}, s, fusion, x, dy, d->gamma.data(), d->beta.data(), d->mean.data(), d->rstd.data(), false, dx, d->dgamma.data(),
                   d->dbeta.data(), d->workspace.data());
  };
  if (size <= 1 << 22) {
    std::vector<float> y(size), y2(size), dx(size), dx2(size);
    const float *x = d->x.next(), *dy = d->dy.next();
    forward(naive, x, y.data()), backward(naive, x, dy, dx.data());
    forward(k, x, y2.data()), backward(k, x, dy, dx2.data());
    compare(layer + " forward", y2.data(), y.data(), size);
    compare(layer + " backward", dx2.data(), dx.data(), size);
  }
  const double bytes = 4.0 * static_cast<double>(size);
  add("batch/forward/" + layer, {.bytes = 2 * bytes}, [=, &k] { forward(k, d->x.next(), d->y.next()); });
  add("batch/backward/" + layer, {.bytes = 3 * bytes}, [=, &k] { backward(k, d->x.next(), d->dy.next(), d->dx.next()); });
  add("batch/inference/" + layer, {.bytes = 2 * bytes}, [=, &k] {
    k.inference({}, s, fusion, d->x.next(), d->gamma.data(), d->beta.data(), 1e-5f, d->running_mean.data(), d->running_var.data(), d->y.next());
  });
}

void add_group_norm(const std::string& layer, GroupNormShape s, const NormFusion& fusion) {
  const auto& k = GroupNormKernels<float>::cpu();
  const auto& naive = GroupNormKernels<float>::cpu(Variant::naive);
  const std::int64_t size = s.n * s.c * s.inner;
  auto d = std::make_shared<Data>(size, s.rows(), s.affine_size(), k.workspace(s));
  const bool affine = s.affine != Affine::none;
  const auto forward = [=](const GroupNormKernels<float>& table, const float* x, float* y) {
    table.forward({}, s, fusion, x, affine ? d->gamma.data() : nullptr, affine ? d->beta.data() : nullptr, 1e-5f, d->mean.data(), d->rstd.data(), y,
                  d->workspace.data());
  };
  const auto backward = [=](const GroupNormKernels<float>& table, const float* x, const float* dy, float* dx) {
    table.backward({}, s, fusion, x, dy, affine ? d->gamma.data() : nullptr, affine ? d->beta.data() : nullptr, d->mean.data(), d->rstd.data(), dx,
                   affine ? d->dgamma.data() : nullptr, affine ? d->dbeta.data() : nullptr, d->workspace.data());
  };
  if (size <= 1 << 22) {
    std::vector<float> y(size), y2(size), dx(size), dx2(size);
    const float *x = d->x.next(), *dy = d->dy.next();
    forward(naive, x, y.data()), backward(naive, x, dy, dx.data());
    forward(k, x, y2.data()), backward(k, x, dy, dx2.data());
    compare(layer + " forward", y2.data(), y.data(), size);
    compare(layer + " backward", dx2.data(), dx.data(), size);
  }
  const double bytes = 4.0 * static_cast<double>(size);
  add("group/forward/" + layer, {.bytes = 2 * bytes}, [=, &k] { forward(k, d->x.next(), d->y.next()); });
  add("group/backward/" + layer, {.bytes = 3 * bytes}, [=, &k] { backward(k, d->x.next(), d->dy.next(), d->dx.next()); });
}

}  // namespace

int main(int argc, char** argv) {
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
  add_group_norm("bottleneck 32@32, 4 groups", {128, 32, 1024, 4, Affine::channel}, bottleneck);
  add_group_norm("bottleneck 32@16, 8 groups", {128, 32, 256, 8, Affine::channel}, bottleneck);
  add_group_norm("bottleneck 32@8, 4 groups", {128, 32, 64, 4, Affine::channel}, bottleneck);
  add_group_norm("bottleneck 16@32, layer", {128, 16, 1024, 1, Affine::element}, bottleneck);
  add_group_norm("residual 16@32, layer by channel", {128, 16, 1024, 1, Affine::channel}, relu);
  add_group_norm("transition 20@32, layer", {128, 20, 1024, 1, Affine::none}, {.relu_before = true});
  add_group_norm("compact 10@32, layer by channel", {128, 10, 1024, 1, Affine::channel}, compact);
  add_group_norm("rows of 512", {8192, 1, 512, 1, Affine::element}, plain);
  return run(argc, argv);
}
