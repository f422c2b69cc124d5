// Element types, and the way from a run-time type to a compile-time one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "heddle/base/bfloat16.hpp"
#include "heddle/base/error.hpp"
#include "heddle/base/export.hpp"

HD_API_BEGIN
namespace heddle {

/// float32, float64 and bfloat16 carry gradients; int64 holds labels and indices, uint8 images and masks. bfloat16 is for
/// activations: parameters beside them are float32, and so is all arithmetic, rounded as a result is stored.
enum class DType : std::uint8_t { float32, float64, int64, uint8, bfloat16 };

inline constexpr DType float32 = DType::float32;
inline constexpr DType float64 = DType::float64;
inline constexpr DType int64 = DType::int64;
inline constexpr DType uint8 = DType::uint8;
inline constexpr DType bfloat16 = DType::bfloat16;

constexpr std::size_t size_of(DType type) {
  constexpr std::size_t sizes[] = {4, 8, 8, 1, 2};
  return sizes[static_cast<int>(type)];
}
constexpr bool is_floating_point(DType type) { return type != DType::int64 && type != DType::uint8; }
constexpr std::string_view name_of(DType type) {
  constexpr std::string_view names[] = {"float32", "float64", "int64", "uint8", "bfloat16"};
  return names[static_cast<int>(type)];
}

template <class T> inline constexpr bool is_element = false;
template <> inline constexpr bool is_element<float> = true;
template <> inline constexpr bool is_element<double> = true;
template <> inline constexpr bool is_element<std::int64_t> = true;
template <> inline constexpr bool is_element<std::uint8_t> = true;
template <> inline constexpr bool is_element<BFloat16> = true;

template <class T> inline constexpr DType dtype_of = DType::float32;
template <> inline constexpr DType dtype_of<double> = DType::float64;
template <> inline constexpr DType dtype_of<std::int64_t> = DType::int64;
template <> inline constexpr DType dtype_of<std::uint8_t> = DType::uint8;
template <> inline constexpr DType dtype_of<BFloat16> = DType::bfloat16;

template <class T> struct TypeTag { using type = T; };

/// Calls f(TypeTag<T>{}) for float32 or float64; any other is an Error that names `where`.
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
    case DType::bfloat16: return f(TypeTag<BFloat16>{});
    default: return f(TypeTag<std::uint8_t>{});
  }
}

}  // namespace heddle
HD_API_END
