// The cores that a process may use, with the quota of its cgroup: containers of both versions, as their files look.
#include <filesystem>
#include <fstream>
#include <string>

#include "heddle/base/cores.hpp"
#include "heddle/base/parallel.hpp"
#include "tests/support/catch.hpp"

using namespace heddle;
namespace fs = std::filesystem;

namespace {

// A root folder with these files, which goes at the end.
struct Root {
  fs::path path = fs::temp_directory_path() / ("heddle-cores-" + std::to_string(std::rand()));
  ~Root() { fs::remove_all(path); }
  void write(const std::string& file, const std::string& text) const {
    const fs::path to = path.string() + file;
    fs::create_directories(to.parent_path());
    std::ofstream(to) << text;
  }
  double quota() const { return detail::cpu_quota(path.string()); }
};

const char* const second_mount =
    "25 1 8:1 / / rw - ext4 /dev/sda1 rw\n34 25 0:29 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n";

}  // namespace

TEST_CASE("without cgroups, or without a limit, there is no quota", "[cores]") {
  const Root root;
  CHECK(root.quota() == 0);
  root.write("/proc/self/mountinfo", second_mount);
  CHECK(root.quota() == 0);
  root.write("/proc/self/cgroup", "0::/user.slice\n");
  root.write("/sys/fs/cgroup/user.slice/cpu.max", "max 100000\n");
  CHECK(root.quota() == 0);
  for (const char* odd : {"", "\n", "abc 100000", "-1 100000", "0 100000", "100000 0", "100000"}) {
    root.write("/sys/fs/cgroup/user.slice/cpu.max", odd);
    CHECK(root.quota() == 0);
  }
}

TEST_CASE("the least quota from the process's cgroup upwards counts", "[cores]") {
  const Root root;
  root.write("/proc/self/mountinfo", second_mount);
  root.write("/proc/self/cgroup", "0::/a.slice/b.slice/c.scope\n");
  root.write("/sys/fs/cgroup/a.slice/b.slice/c.scope/cpu.max", "max 100000\n");
  root.write("/sys/fs/cgroup/a.slice/cpu.max", "150000 100000\n");
  CHECK(root.quota() == 1.5);
  root.write("/sys/fs/cgroup/a.slice/b.slice/cpu.max", "25000 50000\n");
  CHECK(root.quota() == 0.5);
  root.write("/sys/fs/cgroup/a.slice/b.slice/c.scope/cpu.max", "800000 100000\n");
  CHECK(root.quota() == 0.5);
  // In a container with a cgroup namespace the container's group is the top.
  root.write("/proc/self/cgroup", "0::/\n");
  root.write("/sys/fs/cgroup/cpu.max", "200000 100000\n");
  CHECK(root.quota() == 2);
  root.write("/proc/self/cgroup", "0::/../elsewhere\n");
  CHECK(root.quota() == 2);
}

TEST_CASE("cgroups of the first version: in a container the mount's top is the container's group", "[cores]") {
  const Root root;
  root.write("/proc/self/mountinfo",
             "32 31 0:29 /docker/1f2e /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
             "33 31 0:30 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n");
  root.write("/proc/self/cgroup", "5:cpuset:/\n4:cpu,cpuacct:/docker/1f2e\n1:name=systemd:/docker/1f2e\n");
  root.write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  root.write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  CHECK(root.quota() == 0);
  root.write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "250000\n");
  CHECK(root.quota() == 2.5);
  root.write("/proc/self/cgroup", "4:cpu,cpuacct:/docker/1f2e/inner\n");
  root.write("/sys/fs/cgroup/cpu,cpuacct/inner/cpu.cfs_period_us", "100000\n");
  root.write("/sys/fs/cgroup/cpu,cpuacct/inner/cpu.cfs_quota_us", "100000\n");
  CHECK(root.quota() == 1);
}

TEST_CASE("a quota is rounded up to whole threads, and an affinity mask counts beside it", "[cores]") {
  const int cores = detail::available_cores();
  CHECK(cores >= 1);
  CHECK(cores <= detail::affinity_cores());
  CHECK(max_num_threads() >= cores);
}
