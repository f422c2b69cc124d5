// 2 x 2 windows with stride 2 that halve a plane of even height and width, one plane at a time. Two vectors of each of a
// window's two rows give one vector of outputs: even and odd columns taken apart (backward: put together) in registers.
// Where a row of x is only one vector, the vectors come from two rows of windows, whose outputs are neighbours in memory.
#pragma once

#include <cstdint>

#include "kernels/pool/pool_windows.hpp"
#include "kernels/vector.hpp"

namespace heddle::kernels {
namespace {

/// Whether the kernels below serve this shape.
template <class T> bool halves(const PoolShape& s) {
  return halves_planes(s) && (s.out_w % lanes<T> == 0 || (2 * s.out_w == lanes<T> && s.out_h % 2 == 0));
}

// Calls f(low, high, out) for each vector of outputs: offsets in x of the two vectors of the window's upper row (its lower
// row lies w behind), and of the vector of outputs.
template <class T> HD_INLINE void each_window(const PoolShape& s, auto&& f) {
  if (2 * s.out_w == lanes<T>) {
    for (int p = 0; p < s.out_h; p += 2) f(2 * p * s.w, (2 * p + 2) * s.w, p * s.out_w);
    return;
  }
  for (int p = 0; p < s.out_h; ++p)
    for (int q = 0; q < s.out_w; q += lanes<T>) f(2 * p * s.w + 2 * q, 2 * p * s.w + 2 * q + lanes<T>, p * s.out_w + q);
}

// Integers as wide as T, for masks and places, and as many bytes.
template <class T> using Places = decltype(Vec<T>{} < Vec<T>{});
template <class T> struct BytesOf {
  typedef std::uint8_t type __attribute__((vector_size(lanes<T>)));
};

template <class T> void max_2x2(const PoolShape& s, const T* x, T* y, std::uint8_t* arg) {
  using V = Vec<T>;
  using P = Places<T>;
  using Bytes = typename BytesOf<T>::type;
  each_window<T>(s, [&](int low, int high, int out) HD_INLINE_LAMBDA {
    V best, next[3];
    deinterleave<T>(load(x + low), load(x + high), best, next[0]);
    deinterleave<T>(load(x + low + s.w), load(x + high + s.w), next[1], next[2]);
    P place{};
    unrolled<3>([&](auto i) HD_INLINE_LAMBDA {
      const P wins = (next[i] > best) | ((next[i] != next[i]) & (best == best));  // a first NaN too
      best = wins ? next[i] : best;
      place = wins ? P{} + (i + 1) : place;
    });
    store(y + out, best);
    if (arg) {
      const Bytes bytes = __builtin_convertvector(place, Bytes);
      std::memcpy(arg + out, &bytes, sizeof bytes);
    }
  });
}

template <class T> void max_2x2_backward(const PoolShape& s, const T* dy, const std::uint8_t* arg, T* dx) {
  using V = Vec<T>;
  using P = Places<T>;
  typename BytesOf<T>::type bytes;
  each_window<T>(s, [&](int low, int high, int out) HD_INLINE_LAMBDA {
    std::memcpy(&bytes, arg + out, sizeof bytes);
    const P place = __builtin_convertvector(bytes, P);
    const V g = load(dy + out);
    unrolled<2>([&](auto r) HD_INLINE_LAMBDA {
      V first, second;
      interleave<T>(place == P{} + 2 * r ? g : V{}, place == P{} + (2 * r + 1) ? g : V{}, first, second);
      store(dx + low + r * s.w, first);
      store(dx + high + r * s.w, second);
    });
  });
}

template <class T> void average_2x2(const PoolShape& s, const T* x, T* y) {
  using V = Vec<T>;
  each_window<T>(s, [&](int low, int high, int out) HD_INLINE_LAMBDA {
    V a, b, c, d;
    deinterleave<T>(load(x + low), load(x + high), a, b);
    deinterleave<T>(load(x + low + s.w), load(x + high + s.w), c, d);
    store<T>(y + out, ((a + b) + (c + d)) * T(0.25));
  });
}

template <class T> void average_2x2_backward(const PoolShape& s, const T* dy, T* dx) {
  using V = Vec<T>;
  each_window<T>(s, [&](int low, int high, int out) HD_INLINE_LAMBDA {
    const V share = load(dy + out) * T(0.25);
    V first, second;
    interleave<T>(share, share, first, second);
    store(dx + low, first);
    store(dx + low + s.w, first);
    store(dx + high, second);
    store(dx + high + s.w, second);
  });
}

}  // namespace
}  // namespace heddle::kernels
