// Element types, and the way from a run-time type to a compile-time one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "heddle/base/error.hpp"

namespace heddle {

/// float32 and float64 carry gradients; int64 holds labels and indices, uint8 images and masks.
enum class DType : std::uint8_t { float32, float64, int64, uint8 };

inline constexpr DType float32 = DType::float32;
inline constexpr DType float64 = DType::float64;
inline constexpr DType int64 = DType::int64;
inline constexpr DType uint8 = DType::uint8;

constexpr std::size_t size_of(DType type) {
  return type == DType::float32 ? 4 : type == DType::uint8 ? 1 : 8;
}
constexpr bool is_floating_point(DType type) { return type == DType::float32 || type == DType::float64; }
constexpr std::string_view name_of(DType type) {
  constexpr std::string_view names[] = {"float32", "float64", "int64", "uint8"};
  return names[static_cast<int>(type)];
}

template <class T> inline constexpr bool is_element = false;
template <> inline constexpr bool is_element<float> = true;
template <> inline constexpr bool is_element<double> = true;
template <> inline constexpr bool is_element<std::int64_t> = true;
template <> inline constexpr bool is_element<std::uint8_t> = true;

template <class T> inline constexpr DType dtype_of = DType::float32;
template <> inline constexpr DType dtype_of<double> = DType::float64;
template <> inline constexpr DType dtype_of<std::int64_t> = DType::int64;
template <> inline constexpr DType dtype_of<std::uint8_t> = DType::uint8;

template <class T> struct TypeTag { using type = T; };

/// Calls f(TypeTag<T>{}) for the floating-point type named; any other is an Error that names `where`.
template <class F> decltype(auto) visit_floating(DType type, std::string_view where, F&& f) {
  if (type == DType::float32) return f(TypeTag<float>{});
  if (type == DType::float64) return f(TypeTag<double>{});
  fail(where, std::string("expected float32 or float64, got ") + std::string(name_of(type)));
}

/// Calls f(TypeTag<T>{}) for any element type.
template <class F> decltype(auto) visit_any(DType type, F&& f) {
  switch (type) {
    case DType::float32: return f(TypeTag<float>{});
    case DType::float64: return f(TypeTag<double>{});
    case DType::int64: return f(TypeTag<std::int64_t>{});
    default: return f(TypeTag<std::uint8_t>{});
  }
}

}  // namespace heddle
