// The vectors of vector.hpp under shorter names, and scratch memory, for CPU kernel files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

#include "kernels/vector.hpp"

namespace heddle::kernels {
namespace {

template <class T> inline constexpr int lanes = lanes_of<T>;
template <class T> HD_INLINE Vec<T> broadcast(T x) { return splat(x); }

/// Uninitialised memory for a kernel's own use, aligned for vectors; freed at the end of the scope.
template <class T> class Scratch {
 public:
  HD_INLINE explicit Scratch(std::int64_t count)
      : data_(static_cast<T*>(::operator new(static_cast<std::size_t>(count) * sizeof(T), std::align_val_t{64}))) {}
  HD_INLINE ~Scratch() { ::operator delete(data_, std::align_val_t{64}); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  HD_INLINE T* get() const { return data_; }
  HD_INLINE T& operator[](std::int64_t i) const { return data_[i]; }

 private:
  T* data_;
};

}  // namespace
}  // namespace heddle::kernels
