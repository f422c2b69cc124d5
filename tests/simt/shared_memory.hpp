// The shared memory of the block that a worker is running.
#pragma once

#include <cstddef>
#include <string>

namespace heddle::simt::emulator {

/// What an SM of compute capability 9.0 gives one block.
inline constexpr std::size_t max_shared_bytes = 227 * 1024;
inline constexpr std::size_t max_static_shared_bytes = 48 * 1024;

class SharedMemory {
 public:
  SharedMemory() = default;
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;
  ~SharedMemory();

  /// Forgets and poisons everything; the next block has `dynamic_bytes`.
  void begin_block(std::size_t dynamic_bytes);
  /// The variable of a key, NaN-filled when it is first asked for. On failure null, and `error` says why.
  void* variable(const void* key, const char* name, std::size_t bytes, std::size_t align, std::string& error);
  void* piece(unsigned index, std::size_t offset, std::size_t bytes, std::size_t align, std::string& error);
  bool contains(const void* p, std::size_t bytes) const;

 private:
  struct Variable {
    const void* key;
    void* address;
  };
  struct Piece {
    std::size_t offset, bytes, align;
    void* address;
  };
  static constexpr int max_variables = 64, max_pieces = 64;

  void* place(std::size_t bytes, std::size_t align, std::string& error);

  char* base_ = nullptr;
  std::size_t used_ = 0, static_bytes_ = 0, dynamic_bytes_ = 0;
  int variables_ = 0;
  unsigned pieces_ = 0;
  Variable variable_[max_variables];
  Piece piece_[max_pieces];
};

}  // namespace heddle::simt::emulator
