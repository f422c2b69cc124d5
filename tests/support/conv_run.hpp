// One convolution through one table: random inputs, the three passes with guarded outputs and poisoned workspace.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kernels/conv/conv.hpp"
#include "tests/support/backends.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/values.hpp"

namespace heddle::test {

inline std::string describe(const kernels::ConvShape& s) {
  const auto pair = [](const char* name, int a, int b) {
    return std::string(name) + std::to_string(a) + "x" + std::to_string(b);
  };
  return std::to_string(s.n) + "x" + std::to_string(s.c) + "x" + std::to_string(s.h) + "x" + std::to_string(s.w) + " to " +
         std::to_string(s.k) + pair(", kernel ", s.kh, s.kw) + pair(", stride ", s.stride_h, s.stride_w) +
         pair(", padding ", s.pad_h, s.pad_w) + pair(", dilation ", s.dilation_h, s.dilation_w) + ", groups " +
         std::to_string(s.groups);
}

template <class T>
std::vector<T> random_values(std::int64_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<kernels::Wide<T>> uniform(-1, 1);
  std::vector<T> values(count);
  for (T& v : values) v = static_cast<T>(uniform(generator));
  return values;
}

template <class T>
struct ConvData {
  using W = kernels::Wide<T>;
  kernels::ConvShape shape;
  std::vector<T> x;
  std::vector<W> weight, bias;
  std::vector<T> dy;
  explicit ConvData(const kernels::ConvShape& s)
      : shape(s),
        x(random_values<T>(s.x_size(), 1)),
        weight(random_values<W>(s.w_size(), 2)),
        bias(random_values<W>(s.k, 3)),
        dy(random_values<T>(s.y_size(), 4)) {}
};

/// An output of `size` values: all NaN before the kernel, with a guard on either side.
template <class T>
class Output {
  using W = kernels::Wide<T>;

 public:
  Output(Where where, std::int64_t size)
      : size_(size),
        buffer_(where, static_cast<std::size_t>(size + 2 * guard), static_cast<T>(std::numeric_limits<W>::quiet_NaN())) {}
  T* get() { return buffer_.get() + guard; }
  /// The values; requires that the guards are untouched.
  std::vector<T> values() {
    const auto& all = buffer_.host();
    for (std::int64_t i = 0; i < guard; ++i) {
      if (!std::isnan(static_cast<W>(all[i]))) FAIL("wrote " << guard - i << " values before the output");
      if (!std::isnan(static_cast<W>(all[guard + size_ + i]))) FAIL("wrote " << i + 1 << " values after the output");
    }
    return {all.begin() + guard, all.begin() + guard + size_};
  }

 private:
  static constexpr std::int64_t guard = 64;
  std::int64_t size_;
  Buffer<T> buffer_;
};

/// Workspace of `size` bytes, aligned to 64, full of NaN; a guard behind it.
class Workspace {
 public:
  Workspace(Where where, std::size_t size) : size_(size), buffer_(where, size + 64 + guard, static_cast<unsigned char>(0xff)) {}
  void* get() {
    offset_ = (64 - reinterpret_cast<std::uintptr_t>(buffer_.get()) % 64) % 64;
    return buffer_.get() + offset_;
  }
  void check() {
    const auto& all = buffer_.host();
    for (std::size_t i = 0; i < guard; ++i)
      if (all[offset_ + size_ + i] != 0xff) FAIL("wrote " << i + 1 << " bytes after the workspace");
  }

 private:
  static constexpr std::size_t guard = 256;
  std::size_t size_, offset_ = 0;
  Buffer<unsigned char> buffer_;
};

template <class T>
struct ConvResults {
  std::vector<T> y, dx;
  std::vector<kernels::Wide<T>> dweight, dbias;
};

/// The passes of `table` on `data`; with or without bias.
template <class T, class Table>
ConvResults<T> run_conv(const Backend<Table>& backend, ConvData<T>& data, bool with_bias) {
  using kernels::ConvPass;
  const auto& s = data.shape;
  const auto& table = *backend.table;
  auto x = backend.buffer(data.x), dy = backend.buffer(data.dy);
  auto weight = backend.buffer(data.weight), bias = backend.buffer(data.bias);
  ConvResults<T> results;
  {
    Output<T> y(backend.where, s.y_size());
    Workspace workspace(backend.where, table.workspace(s, ConvPass::forward));
    table.forward({}, s, x, weight, with_bias ? bias.get() : nullptr, y.get(), workspace.get());
    results.y = y.values();
    workspace.check();
  }
  {
    Output<T> dx(backend.where, s.x_size());
    Workspace workspace(backend.where, table.workspace(s, ConvPass::grad_input));
    table.grad_input({}, s, dy, weight, dx.get(), workspace.get());
    results.dx = dx.values();
    workspace.check();
  }
  {
    Output<kernels::Wide<T>> dweight(backend.where, s.w_size()), dbias(backend.where, s.k);
    Workspace workspace(backend.where, table.workspace(s, ConvPass::grad_weight));
    table.grad_weight({}, s, x, dy, dweight.get(), with_bias ? dbias.get() : nullptr, workspace.get());
    results.dweight = dweight.values();
    if (with_bias) results.dbias = dbias.values();
    workspace.check();
  }
  return results;
}

}  // namespace heddle::test
