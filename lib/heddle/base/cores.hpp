// How many cores this process may use. Internal.
#pragma once

#include <string>

namespace heddle::detail {

/// Those that the process may run on: its affinity mask's.
int affinity_cores();

/// The processor time that the process's cgroup and those around it grant, in cores (1.5), or 0 where they set no limit. Both
/// versions of cgroups count: cpu.max, and cpu.cfs_quota_us with cpu.cfs_period_us. /proc and the cgroups' folders are read
/// below `root`. What cannot be read sets no limit.
double cpu_quota(const std::string& root = "");

/// affinity_cores(), or cpu_quota() rounded up where that is less: more threads would only wait for their turn.
int available_cores();

}  // namespace heddle::detail
