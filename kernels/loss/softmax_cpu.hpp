// Softmax of a few or many columns on the CPU, shared by softmax itself and by cross-entropy. For CPU kernel files alone.
//
// y = exp(x - m) / sum, m the maximum: no logit, however large, overflows. Rows of few classes are turned on their side,
// sixteen rows to a vector, since ten classes fill no vector.
#pragma once

#include <cmath>
#include <limits>

#include "kernels/simd.hpp"
#include "kernels/vector_math.hpp"

namespace heddle::kernels {
namespace {

constexpr std::int64_t softmax_columns = 64;  // columns side by side in one call
constexpr std::int64_t few_classes = 64;      // rows up to this long are turned on their side

// x, y: [classes] rows of `width` <= softmax_columns columns, `pitch` apart; each column is one distribution. y may be x.
template <class T>
void softmax_of_columns(std::int64_t classes, std::int64_t width, std::int64_t pitch, bool log, const T* x, T* y) {
  T most[softmax_columns], sum[softmax_columns];
  for (std::int64_t j = 0; j < width; ++j) most[j] = -std::numeric_limits<T>::infinity(), sum[j] = 0;
  for (std::int64_t c = 0; c < classes; ++c)
    for (std::int64_t j = 0; j < width; ++j) most[j] = x[c * pitch + j] > most[j] ? x[c * pitch + j] : most[j];
  if (log) {
    for (std::int64_t c = 0; c < classes; ++c)
      for (std::int64_t j = 0; j < width; ++j) sum[j] += vector_exp(x[c * pitch + j] - most[j]);
    for (std::int64_t j = 0; j < width; ++j) sum[j] = vector_log(sum[j]);
    for (std::int64_t c = 0; c < classes; ++c)
      HD_IVDEP
      for (std::int64_t j = 0; j < width; ++j) y[c * pitch + j] = (x[c * pitch + j] - most[j]) - sum[j];
  } else {
    for (std::int64_t c = 0; c < classes; ++c)
      HD_IVDEP
      for (std::int64_t j = 0; j < width; ++j) {
        const T e = vector_exp(x[c * pitch + j] - most[j]);
        sum[j] += e;
        y[c * pitch + j] = e;
      }
    for (std::int64_t j = 0; j < width; ++j) sum[j] = 1 / sum[j];
    for (std::int64_t c = 0; c < classes; ++c)
      for (std::int64_t j = 0; j < width; ++j) y[c * pitch + j] *= sum[j];
  }
}

// Lane by lane, then across lanes.
template <class T>
T greatest(std::int64_t n, const T* x) {
  T most = -std::numeric_limits<T>::infinity();
  std::int64_t i = 0;
  if (n >= lanes<T>) {
    Vec<T> running = load(x);
    for (i = lanes<T>; i + lanes<T> <= n; i += lanes<T>) {
      const Vec<T> v = load(x + i);
      running = v > running ? v : running;
    }
    T lane[lanes<T>];
    store(lane, running);
    for (T v : lane) most = v > most ? v : most;
  }
  for (; i < n; ++i) most = x[i] > most ? x[i] : most;
  return most;
}
template <class T>
T added(std::int64_t n, const T* x) {
  constexpr int L = lanes<T>;
  Vec<T> running[4] = {};
  std::int64_t i = 0;
  for (; i + 4 * L <= n; i += 4 * L)
    for (int v = 0; v < 4; ++v) running[v] += load(x + i + v * L);
  T lane[L];
  store(lane, (running[0] + running[1]) + (running[2] + running[3]));
  T sum = 0;
  for (; i < n; ++i) sum += x[i];
  for (T v : lane) sum += v;
  return sum;
}

// `rows` contiguous rows of `classes` each. y is not x.
template <class T>
void softmax_of_rows(std::int64_t rows, std::int64_t classes, bool log, const T* x, T* y) {
  if (classes <= few_classes) {
    constexpr std::int64_t side = 16;
    T turned[few_classes * side];
    for (std::int64_t r = 0; r < rows; r += side) {
      const std::int64_t here = rows - r < side ? rows - r : side;
      for (std::int64_t i = 0; i < side; ++i) {
        const T* from = x + (r + (i < here ? i : 0)) * classes;  // rows that are not there repeat the first
        for (std::int64_t c = 0; c < classes; ++c) turned[c * side + i] = from[c];
      }
      softmax_of_columns<T>(classes, side, side, log, turned, turned);
      for (std::int64_t i = 0; i < here; ++i)
        for (std::int64_t c = 0; c < classes; ++c) y[(r + i) * classes + c] = turned[c * side + i];
    }
    return;
  }
  for (std::int64_t r = 0; r < rows; ++r, x += classes, y += classes) {
    const T most = greatest(classes, x);
    for (std::int64_t c = 0; c < classes; ++c) y[c] = vector_exp(x[c] - most);
    const T sum = added(classes, y);
    if (log) {
      const T shift = vector_log(sum);
      for (std::int64_t c = 0; c < classes; ++c) y[c] = (x[c] - most) - shift;
    } else {
      const T scale = 1 / sum;
      for (std::int64_t c = 0; c < classes; ++c) y[c] *= scale;
    }
  }
}

}  // namespace
}  // namespace heddle::kernels
