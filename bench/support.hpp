// What the benchmarks of the kernel families share. A benchmark is described once, for any table of its family: what it needs
// is made in that table's memory, its result is held against a naive kernel's, and then it is timed, on the CPU or, with
// --device cuda, on a GPU (device_clock.hpp). Buffers rotate, so that figures above the memory's bandwidth measure a cache
// only where that is meant.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "heddle/base/stream.hpp"
#include "kernels/precision.hpp"
#include "kernels/variant.hpp"
#include "tests/support/backends.hpp"

namespace heddle::bench {

using kernels::Precision;
using test::Backend;
using test::Where;

/// Numbers in [-1, 1), the same in every run; other ones for each seed, so that sums of products stay small.
template <class T>
std::vector<T> made_up(std::int64_t count, double low = -1, double high = 1, std::uint64_t seed = 1) {
  std::vector<T> values(static_cast<std::size_t>(count));
  std::uint64_t state = 88172645463325252ull * seed;
  for (auto& value : values) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    value = static_cast<T>(low + (high - low) * static_cast<double>(state >> 11) * 0x1p-53);
  }
  return values;
}

/// Memory of the host, or of the GPU where there is one; full of bytes 0xFF, which are NaN. Aligned to 256.
class Memory {
 public:
  Memory(Where where, std::size_t bytes);
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  char* get() const { return data_; }
  /// So many bytes become the beginning of each stretch of `stride`.
  void fill(const void* from, std::size_t bytes, std::size_t stride, std::size_t copies);

 private:
  Where where_;
  char* data_ = nullptr;
};
void read(Where where, void* to, const void* from, std::size_t bytes);

/// How many copies of a buffer leave the last cache behind: 32 MB three times over and at most 64 copies on the host, the
/// second-level cache twice over on a GPU.
std::size_t cold_copies(Where where, std::size_t bytes);

/// Copies of one buffer, taken in turn; enough of them to leave the last cache behind, where `cold`. They are made when the
/// first is asked for. Handed on by reference.
template <class T>
class Rotating {
 public:
  Rotating(Where where, std::vector<T> values, bool cold = true)
      : own_(std::make_shared<Own>(Own{where, values.size() * sizeof(T), cold, std::move(values)})) {}
  /// Of `count` that a kernel is going to write.
  Rotating(Where where, std::int64_t count, bool cold = true)
      : own_(std::make_shared<Own>(Own{where, static_cast<std::size_t>(count) * sizeof(T), cold})) {}

  T* next() const { return at(own_->turn++); }
  /// What the copy taken last holds.
  std::vector<T> host() const {
    std::vector<T> values(own_->bytes / sizeof(T));
    read(own_->where, values.data(), at(std::max<std::size_t>(own_->turn, 1) - 1), own_->bytes);
    return values;
  }

 private:
  struct Own {
    Where where;
    std::size_t bytes;
    bool cold;
    std::vector<T> values{};  // until they are copied
    std::size_t stride = 0, copies = 0, turn = 0;
    std::unique_ptr<Memory> memory{};
  };
  T* at(std::size_t turn) const {
    Own& own = *own_;
    if (!own.memory) {
      own.stride = std::max<std::size_t>((own.bytes + 255) / 256, 1) * 256;
      own.copies = own.cold ? cold_copies(own.where, own.stride) : 1;
      own.memory = std::make_unique<Memory>(own.where, own.stride * own.copies);
      if (!own.values.empty()) own.memory->fill(own.values.data(), own.bytes, own.stride, own.copies);
      own.values = {};
    }
    return reinterpret_cast<T*>(own.memory->get() + turn % own.copies * own.stride);
  }
  std::shared_ptr<Own> own_;
};

/// One buffer, always the same: what every call reads anyway, and workspace.
template <class T>
struct Fixed : Rotating<T> {
  Fixed(Where where, std::vector<T> values) : Rotating<T>(where, std::move(values), false) {}
  Fixed(Where where, std::int64_t count) : Rotating<T>(where, count, false) {}
  operator T*() const { return this->next(); }
};
using Workspace = Fixed<unsigned char>;

/// Ends the program unless the two agree: a kernel that is wrong has no speed.
void require_near(const std::string& what, double got, double want, double tolerance);
template <class T>
void require_near(const std::string& what, const std::vector<T>& got, const std::vector<T>& want, double tolerance) {
  require_near(what + ", size", static_cast<double>(got.size()), static_cast<double>(want.size()), 0);
  for (std::size_t i = 0; i < want.size(); ++i)
    require_near(what, static_cast<double>(got[i]), static_cast<double>(want[i]), tolerance);
}

/// What one call does: bytes that must move, FLOPs, items; 0: none. Elements are floats unless their size says otherwise.
struct Work {
  double bytes = 0, flops = 0, items = 0;
  int element_size = 4;
  Precision precision = Precision::float32;
};

/// A kernel made ready, and checked: its work, and one call of it.
struct Ready {
  Work work;
  std::function<void(Stream)> call;
};

/// The most naive implementation on the CPU: what others are held against.
template <class Table>
const Table& reference() {
  if constexpr (requires { Table::cpu(kernels::Variant::naive); })
    return Table::cpu(kernels::Variant::naive);
  else
    return Table::cpu();
}

/// What run() was asked for.
Where chosen_device();

/// Registers a benchmark of one implementation; `make` is called when it is to be run for the first time, and what it made
/// is let go of when another has been made.
void add(const std::string& name, const std::string& backend, Where where, std::function<Ready()> make);
/// The implementations of a table on the device that run() was asked for. Without a GPU nothing may be asked of a GPU's.
template <class Table>
std::vector<Backend<Table>> backends() {
  auto all = test::backends<Table>();
  std::erase_if(all, [](const auto& backend) { return backend.where != chosen_device(); });
  return all;
}
/// The same for every implementation of a table, each of which `make` is called with.
template <class Table, class Make>
void add(const std::string& name, Make make) {
  for (const auto& backend : backends<Table>()) add(name, backend.name, backend.where, [=] { return make(backend); });
}

/// A batch or size: `full`, or on the emulator `least`, where a shape only has to be executed.
template <class Table, class Int>
Int sized(const Backend<Table>& backend, Int full, Int least) {
  return backend.emulated() ? std::min(full, least) : full;
}

/// Reads the options, has `add_all` register the benchmarks once the device is known to be there, and runs them: those of the
/// cpu, or with --device cuda the GPU's; of each the fast implementations, with --naive the naive ones too. Returns the
/// program's exit status.
int run(int argc, char** argv, const std::function<void()>& add_all);

}  // namespace heddle::bench
