#include "heddle/base/cores.hpp"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <string_view>
#include <thread>
#include <vector>

namespace heddle::detail {
namespace {

// A hierarchy of cgroups that has processor time to grant.
struct Mount {
  std::string root, point;  // the group that stands at the mount's top, and where that is
  bool second = false;      // of cgroups' second version
};

bool contains(std::string_view list, std::string_view wanted) {
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    if (list.substr(begin, end - begin) == wanted) return true;
    begin = end + 1;
  }
  return false;
}

// /proc/self/mountinfo: "34 25 0:29 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate".
std::vector<Mount> mounts(const std::string& root) {
  std::vector<Mount> found;
  std::ifstream file(root + "/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string skipped, type, options;
    Mount mount;
    words >> skipped >> skipped >> skipped >> mount.root >> mount.point;
    while (words >> skipped && skipped != "-") {
    }
    words >> type >> skipped >> options;
    mount.second = type == "cgroup2";
    if (words && (mount.second || (type == "cgroup" && contains(options, "cpu")))) found.push_back(std::move(mount));
  }
  return found;
}

// /proc/self/cgroup: "0::/user.slice" in the second version, "4:cpu,cpuacct:/docker/1f2e" in the first. Empty where there is
// none.
std::string group_in(const Mount& mount, const std::string& root) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string_view controllers = std::string_view(line).substr(first + 1, second - first - 1);
    if (mount.second ? controllers.empty() : contains(controllers, "cpu")) return line.substr(second + 1);
  }
  return {};
}

// What one group grants; 0 where it sets no limit.
double quota_of(const std::string& folder, bool second) {
  double quota = 0, period = 0;
  if (second) {
    std::ifstream file(folder + "/cpu.max");  // "150000 100000" or "max 100000"
    file >> quota >> period;
    if (!file) return 0;
  } else {
    std::ifstream granted(folder + "/cpu.cfs_quota_us"), every(folder + "/cpu.cfs_period_us");
    granted >> quota, every >> period;
    if (!granted || !every) return 0;
  }
  return quota > 0 && period > 0 ? quota / period : 0;
}

}  // namespace

int affinity_cores() {
  // The mask must hold as many bits as the kernel has, which nothing tells beforehand.
  for (std::size_t words = 16; words <= 4096; words *= 4) {
    std::vector<unsigned long> mask(words);
    auto* const set = reinterpret_cast<cpu_set_t*>(mask.data());
    const std::size_t bytes = words * sizeof(unsigned long);
    if (sched_getaffinity(0, bytes, set) == 0) return std::max(1, CPU_COUNT_S(bytes, set));
  }
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

double cpu_quota(const std::string& root) {
  double least = 0;
  for (const Mount& mount : mounts(root)) {
    // In a container the mount's top may be the container's own group, which the process's path then begins with.
    std::string group = group_in(mount, root);
    const std::string top = mount.root == "/" ? "" : mount.root;
    const bool below = group.starts_with(top + "/") || group == top;
    group = below && group.find("/..") == std::string::npos ? group.substr(top.size()) : "";
    while (!group.empty() && group.back() == '/') group.pop_back();
    for (;;) {
      const double quota = quota_of(root + mount.point + group, mount.second);
      if (quota > 0 && (least == 0 || quota < least)) least = quota;
      if (group.empty()) break;
      group.resize(group.rfind('/'));
    }
  }
  return least;
}

int available_cores() {
  const int cores = affinity_cores();
  const double quota = cpu_quota();
  return quota > 0 && quota < cores ? std::max(1, static_cast<int>(std::ceil(quota))) : cores;
}

}  // namespace heddle::detail
