// Where a tensor lives and which kernels serve it.
#pragma once

#include <string>
#include <string_view>

#include "heddle/base/export.hpp"

HD_API_BEGIN
namespace heddle {

enum class DeviceType { cpu, cuda };

/// A device by type and number, as in PyTorch: cpu, cuda:0, cuda:1.
struct Device {
  DeviceType type = DeviceType::cpu;
  int index = 0;

  bool is_cpu() const { return type == DeviceType::cpu; }
  bool is_cuda() const { return type == DeviceType::cuda; }
  friend bool operator==(const Device&, const Device&) = default;

  /// "cpu" or "cuda:0".
  std::string str() const;
  /// Reads "cpu", "cuda" or "cuda:1"; anything else is an Error. Says nothing about whether the device exists.
  static Device parse(std::string_view text);
};

inline constexpr Device cpu{};
inline constexpr Device cuda{DeviceType::cuda, 0};

}  // namespace heddle
HD_API_END
