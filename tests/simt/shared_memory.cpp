#include "tests/simt/shared_memory.hpp"

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "tests/simt/sanitizers.hpp"

namespace heddle::simt::emulator {
namespace {

constexpr std::size_t red_zone = 64;
// Room for every byte that CUDA would give, plus red zones around as many pieces as there may be.
constexpr std::size_t arena_bytes = max_shared_bytes + max_static_shared_bytes + 128 * (red_zone + 256);

}  // namespace

SharedMemory::~SharedMemory() {
  if (!base_) return;
  unpoison(base_, arena_bytes);
  std::free(base_);
}

void SharedMemory::begin_block(std::size_t dynamic_bytes) {
  if (!base_) {
    const Unobserved unobserved;
    base_ = static_cast<char*>(std::aligned_alloc(256, (arena_bytes + 255) / 256 * 256));
    used_ = arena_bytes;
  }
  poison(base_, used_);
  used_ = static_bytes_ = 0;
  dynamic_bytes_ = dynamic_bytes;
  variables_ = 0;
  pieces_ = 0;
}

void* SharedMemory::place(std::size_t bytes, std::size_t align, std::string& error) {
  const std::size_t at = (used_ + red_zone + align - 1) / align * align;
  if (at + bytes + red_zone > arena_bytes) {
    error = "no room for more shared memory";
    return nullptr;
  }
  used_ = at + bytes;
  unpoison(base_ + at, bytes);
  const Unobserved unobserved;
  std::memset(base_ + at, 0xFF, bytes);
  return base_ + at;
}

void* SharedMemory::variable(const void* key, const char* name, std::size_t bytes, std::size_t align, std::string& error) {
  for (int i = 0; i < variables_; ++i)
    if (variable_[i].key == key) return variable_[i].address;
  static_bytes_ = (static_bytes_ + align - 1) / align * align + bytes;
  if (static_bytes_ > max_static_shared_bytes || static_bytes_ + dynamic_bytes_ > max_shared_bytes) {
    error = std::string("with ") + name + " the block has " + std::to_string(static_bytes_) + " bytes of static and " +
            std::to_string(dynamic_bytes_) + " of dynamic shared memory, more than there is";
    return nullptr;
  }
  if (variables_ == max_variables) {
    error = "too many shared variables";
    return nullptr;
  }
  void* const address = place(bytes, align, error);
  if (address) variable_[variables_++] = {key, address};
  return address;
}

void* SharedMemory::piece(unsigned index, std::size_t offset, std::size_t bytes, std::size_t align, std::string& error) {
  if (offset + bytes > dynamic_bytes_) {
    error = "the kernel carves " + std::to_string(offset + bytes) + " bytes of dynamic shared memory, but was launched with " +
            std::to_string(dynamic_bytes_);
    return nullptr;
  }
  if (index < pieces_) {
    const Piece& p = piece_[index];
    if (p.offset == offset && p.bytes == bytes && p.align == align) return p.address;
    error = "the threads of the block carve shared memory differently: piece " + std::to_string(index) + " is " +
            std::to_string(bytes) + " bytes at " + std::to_string(offset) + " here, and " + std::to_string(p.bytes) + " at " +
            std::to_string(p.offset) + " elsewhere";
    return nullptr;
  }
  if (index != pieces_ || pieces_ == max_pieces) {
    error = "too many pieces of shared memory";
    return nullptr;
  }
  void* const address = place(bytes, align, error);
  if (address) piece_[pieces_++] = {offset, bytes, align, address};
  return address;
}

bool SharedMemory::contains(const void* p, std::size_t bytes) const {
  const auto at = reinterpret_cast<std::uintptr_t>(p), base = reinterpret_cast<std::uintptr_t>(base_);
  return at >= base && at + bytes <= base + used_;
}

}  // namespace heddle::simt::emulator
