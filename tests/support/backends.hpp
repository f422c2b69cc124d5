// What kernel tests loop over: every implementation of a family's table that this test program has, each with memory of
// its own kind. CPU programs have cpu (and cpu naive where the family has one); programs that are compiled with
// HEDDLE_TEST_CUDA also have cuda and cuda naive, on a real device or on the emulator.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "heddle/base/stream.hpp"
#include "kernels/precision.hpp"
#include "kernels/variant.hpp"
#if defined(HEDDLE_TEST_CUDA)
#include "kernels/simt/runtime.hpp"
#endif

namespace heddle::test {

enum class Where { host, device };

/// Memory that one table's kernels can reach: filled from host values, read back as such.
template <class T> class Buffer {
 public:
  Buffer(Where where, std::vector<T> values) : where_(where), host_(std::move(values)) {
    if (host_.empty()) host_.resize(1);
#if defined(HEDDLE_TEST_CUDA)
    if (where_ == Where::device) {
      device_ = static_cast<T*>(simt::allocate(bytes()));
      simt::copy_to_device(device_, host_.data(), bytes(), {});
    }
#endif
  }
  Buffer(Where where, std::size_t count, T value = T{}) : Buffer(where, std::vector<T>(count, value)) {}
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() {
#if defined(HEDDLE_TEST_CUDA)
    if (device_) simt::free(device_);
#endif
  }
  T* get() { return where_ == Where::host ? host_.data() : device_; }
  operator T*() { return get(); }
  /// The values now, after everything launched so far. Copied from the device only where something was launched since the
  /// last time, so that tests may ask for it element by element.
  const std::vector<T>& host() {
#if defined(HEDDLE_TEST_CUDA)
    if (where_ == Where::device && copied_at_ != simt::launch_count()) {
      copied_at_ = simt::launch_count();
      simt::copy_to_host(host_.data(), device_, bytes(), {});
      simt::synchronize({});
    }
#endif
    return host_;
  }

 private:
  std::size_t bytes() const { return host_.size() * sizeof(T); }
  Where where_;
  std::vector<T> host_;
  T* device_ = nullptr;
  [[maybe_unused]] std::uint64_t copied_at_ = ~std::uint64_t{0};
};

template <class Table> struct Backend {
  std::string name;
  const Table* table;
  Where where;
  template <class T> Buffer<T> buffer(std::vector<T> values) const { return Buffer<T>(where, std::move(values)); }
  /// Whether tests should keep arrays small: each thread of an emulated GPU costs a thousand times a real one's.
  bool emulated() const {
#if defined(HEDDLE_TEST_CUDA)
    return where == Where::device && simt::is_emulated();
#else
    return false;
#endif
  }
};

/// Tables for bf16 have fast kernels for the GPU and nothing else.
template <class Table>
inline constexpr bool is_bf16_table = false;
template <template <class> class Table>
inline constexpr bool is_bf16_table<Table<BFloat16>> = true;

/// Every implementation of Table in this program.
template <class Table> std::vector<Backend<Table>> backends() {
  using kernels::Variant;
  std::vector<Backend<Table>> all;
  if constexpr (!is_bf16_table<Table>) {
    if constexpr (requires { Table::cpu(Variant::naive); }) {
      all.push_back({"cpu", &Table::cpu(Variant::fast), Where::host});
      all.push_back({"cpu naive", &Table::cpu(Variant::naive), Where::host});
    } else {
      all.push_back({"cpu", &Table::cpu(), Where::host});
    }
  }
#if defined(HEDDLE_TEST_CUDA)
  all.push_back({"cuda", &Table::cuda(Variant::fast), Where::device});
  if constexpr (!is_bf16_table<Table>) all.push_back({"cuda naive", &Table::cuda(Variant::naive), Where::device});
#endif
  return all;
}

}  // namespace heddle::test
