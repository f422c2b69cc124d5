// Shared memory for kernels compiled as C++. A variable is a reference into memory that the emulator owns, poisons when a
// block begins, and surrounds with red zones.
#pragma once

#include <cstddef>
#include <string>

#include "tests/simt/kernel_context.hpp"

// The key's address tells variables apart: a template has one variable per instantiation, as in CUDA.
#define HD_SHARED(T, name, dimensions)                                                                              \
  typedef T name##_hd_type dimensions;                                                                              \
  static const char name##_hd_key = 0;                                                                              \
  name##_hd_type& name = *static_cast<name##_hd_type*>(                                                             \
      ::heddle::simt::emulator::static_shared(&name##_hd_key, #name, sizeof(name##_hd_type), alignof(name##_hd_type), \
                                              ::heddle::simt::emulator::Site::current()))

#define HD_CARVER(name) ::heddle::simt::Carver name

namespace heddle::simt {

/// Hands out dynamic shared memory; see device_cuda.hpp. Each piece has red zones of its own.
class Carver {
 public:
  template <class T> T* take(std::size_t count, emulator::Site site = emulator::Site::current()) {
    constexpr std::size_t align = alignof(T) > 16 ? alignof(T) : 16;
    offset_ = (offset_ + align - 1) / align * align;
    T* const piece = static_cast<T*>(emulator::dynamic_shared(index_++, offset_, count * sizeof(T), align, site));
    offset_ += count * sizeof(T);
    return piece;
  }

 private:
  unsigned index_ = 0;
  std::size_t offset_ = 0;
};

}  // namespace heddle::simt
