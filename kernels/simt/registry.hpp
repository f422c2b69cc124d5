// A list of every kernel that a program can launch, kept by the launch wrapper itself: instantiating simt::launch<kernel>
// puts an entry into the list before main runs, and each launch counts on it. So a test can name the kernels that no test
// ever launched, and a program can print the launches of a training step.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// Outside heddle, since GCC leaves out of a name what its surroundings share with it.
namespace heddle_names {
template <auto Kernel> std::string_view pretty_kernel_name() { return __PRETTY_FUNCTION__; }
}  // namespace heddle_names

namespace heddle::simt {

/// One kernel. Entries have static storage and are linked into a list; they are never taken out of it.
class KernelEntry {
 public:
  /// `pretty` is the compiler's name of a function template whose argument "Kernel" is the kernel.
  explicit KernelEntry(std::string_view pretty);
  KernelEntry(const KernelEntry&) = delete;
  KernelEntry& operator=(const KernelEntry&) = delete;

  const std::string& name;  ///< as in "heddle::kernels::fill_kernel<float>"; never freed, so that it can be read at exit
  std::atomic<std::uint64_t> launches{0};
  KernelEntry* const next;
};

/// The entry of a kernel, registered where it is used at all.
template <auto Kernel> inline KernelEntry kernel_entry{heddle_names::pretty_kernel_name<Kernel>()};

/// Called by the launch wrapper; a launch recorded into a graph counts once, its replays do not.
void note_launch(KernelEntry&);

struct KernelInfo {
  std::string name;
  std::uint64_t launches = 0;
};

/// Every kernel this program contains, by name, with how often it was launched.
std::vector<KernelInfo> registered_kernels();
/// Launches so far, of all kernels.
std::uint64_t launch_count();

/// The names of the kernels launched between the two calls, in order: what a training step consists of.
void begin_launch_log();
std::vector<std::string> end_launch_log();

}  // namespace heddle::simt
