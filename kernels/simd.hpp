// What CPU kernel files share: vectors as wide as this compilation's instruction set has, and scratch memory. Everything
// here is inlined or in an unnamed namespace, since each kernel file is compiled once for each instruction set.
#pragma once

#include <cstdint>
#include <cstring>
#include <new>

#include "heddle/base/inline.hpp"
#include "heddle/base/isa.hpp"

namespace heddle::kernels {
namespace {

template <class T>
struct VecOf {
  typedef T type __attribute__((vector_size(vector_bytes)));
};
/// `lanes<T>` elements in one register; arithmetic and comparisons work lane by lane.
template <class T>
using Vec = typename VecOf<T>::type;
template <class T>
inline constexpr int lanes = vector_bytes / static_cast<int>(sizeof(T));

template <class T>
HD_INLINE Vec<T> load(const T* p) {
  Vec<T> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <class T>
HD_INLINE void store(T* p, Vec<T> v) {
  std::memcpy(p, &v, sizeof v);
}
template <class T>
HD_INLINE Vec<T> broadcast(T x) {
  return x - Vec<T>{};
}

/// Uninitialised memory for a kernel's own use, aligned for vectors; freed at the end of the scope.
template <class T>
class Scratch {
 public:
  HD_INLINE explicit Scratch(std::int64_t count)
      : data_(static_cast<T*>(::operator new (static_cast<std::size_t>(count) * sizeof(T), std::align_val_t{64}))) {}
  HD_INLINE ~Scratch() { ::operator delete (data_, std::align_val_t{64}); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  HD_INLINE T* get() const { return data_; }
  HD_INLINE T& operator[](std::int64_t i) const { return data_[i]; }

 private:
  T* data_;
};

}  // namespace
}  // namespace heddle::kernels
