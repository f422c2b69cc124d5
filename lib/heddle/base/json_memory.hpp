// JSON documents whose destruction cannot fail. Internal: public headers leak no dependency.
//
// nlohmann's destructor moves what a document holds into a std::vector, so that deep ones do not recurse, and ends the program
// where there is no memory for that. These documents are types of our own, for which that vector's memory comes from a reserve
// where the system has no more: 1 MB, enough for 65,536 values that one list or object holds.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <nlohmann/json.hpp>

namespace heddle {

namespace detail {
// Of what documents hold: as std::allocator, which below is another for documents themselves.
template <class T>
struct JsonAllocator {
  using value_type = T;
  JsonAllocator() = default;
  template <class U>
  JsonAllocator(const JsonAllocator<U>&) {}
  T* allocate(std::size_t count) {
    if (count > static_cast<std::size_t>(-1) / 2 / sizeof(T)) throw std::bad_alloc();
    return static_cast<T*>(::operator new(count * sizeof(T)));
  }
  void deallocate(T* memory, std::size_t) noexcept { ::operator delete(memory); }
  friend bool operator==(const JsonAllocator&, const JsonAllocator&) { return true; }
};

/// Memory from the system, or else from the reserve, which one thread has at a time; std::bad_alloc where that is too small.
void* json_stack(std::size_t bytes);
void free_json_stack(void* memory) noexcept;
}  // namespace detail

/// nlohmann::json, and nlohmann::ordered_json.
using JsonDocument =
    nlohmann::basic_json<std::map, std::vector, std::string, bool, std::int64_t, std::uint64_t, double, detail::JsonAllocator>;
using OrderedJsonDocument = nlohmann::basic_json<nlohmann::ordered_map, std::vector, std::string, bool, std::int64_t,
                                                 std::uint64_t, double, detail::JsonAllocator>;

namespace detail {
template <class T>
struct JsonStack {
  using value_type = T;
  JsonStack() = default;
  T* allocate(std::size_t count) { return static_cast<T*>(json_stack(count * sizeof(T))); }
  void deallocate(T* memory, std::size_t) noexcept { free_json_stack(memory); }
  friend bool operator==(const JsonStack&, const JsonStack&) { return true; }
};
}  // namespace detail

}  // namespace heddle

// A program may specialise this for types of its own. The lists that documents hold have JsonAllocator, and are not meant.
template <>
struct std::allocator<heddle::JsonDocument> : heddle::detail::JsonStack<heddle::JsonDocument> {};
template <>
struct std::allocator<heddle::OrderedJsonDocument> : heddle::detail::JsonStack<heddle::OrderedJsonDocument> {};
