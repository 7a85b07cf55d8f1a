// SPDX-License-Identifier: MIT
// The CPU count under control groups. CG numbers: conformance ids of the design pages.
#include "base/cgroup.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

using namespace goro::detail;

namespace {

// A file system of our own under a fresh directory.
class Cgroup : public testing::Test {
 protected:
  Cgroup() {
    std::string pattern = testing::TempDir() + "goro_cgroup_XXXXXX";
    root = mkdtemp(pattern.data()) != nullptr ? pattern : "";
    EXPECT_NE(root, "");
  }
  ~Cgroup() override { std::filesystem::remove_all(root); }

  void file(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root + path).parent_path());
    std::ofstream(root + path) << text;
  }

  void v2(const std::string& group, const std::string& shown = "/",
          const std::string& at = "/sys/fs/cgroup") {
    file("/proc/self/cgroup", "0::" + group + "\n");
    file("/proc/self/mountinfo",
         "22 28 0:20 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n"
         "28 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
         "36 22 0:31 " + shown + " " + at + " rw,nosuid shared:9 master:3 - cgroup2 cgroup2 rw,nsdelegate\n");
  }

  void v1(const std::string& group, const std::string& shown = "/") {
    file("/proc/self/cgroup", "9:cpuset:/other\n4:cpu,cpuacct:" + group + "\n1:name=systemd:/x\n0::/x\n");
    file("/proc/self/mountinfo",
         "33 32 0:28 / /sys/fs/cgroup/cpuset rw shared:14 - cgroup cgroup rw,cpuset\n"
         "34 32 0:29 " + shown + " /sys/fs/cgroup/cpu,cpuacct rw shared:15 - cgroup cgroup rw,cpu,cpuacct\n");
  }

  void quota_v1(const std::string& group, const std::string& quota, const std::string& period = "100000") {
    file("/sys/fs/cgroup/cpu,cpuacct" + group + "/cpu.cfs_quota_us", quota + "\n");
    file("/sys/fs/cgroup/cpu,cpuacct" + group + "/cpu.cfs_period_us", period + "\n");
  }

  int with_quota(const std::string& cpu_max, int affinity = 8) {
    v2("/app");
    file("/sys/fs/cgroup/app/cpu.max", cpu_max);
    return cpu_count_from(root, affinity);
  }

  std::string root;
};

}  // namespace

TEST_F(Cgroup, CG01WholeQuotaIsTaken) {
  EXPECT_EQ(with_quota("300000 100000\n"), 3);
  EXPECT_EQ(with_quota("150000 50000\n"), 3);
}

TEST_F(Cgroup, CG02FractionsRoundUp) {
  EXPECT_EQ(with_quota("200001 100000\n"), 3);
  EXPECT_EQ(with_quota("250000 100000\n"), 3);
  EXPECT_EQ(with_quota("299999 100000\n"), 3);
}

TEST_F(Cgroup, CG03MinimumIsTwo) {
  EXPECT_EQ(with_quota("50000 100000\n"), 2);
  EXPECT_EQ(with_quota("100000 100000\n"), 2);
  EXPECT_EQ(with_quota("150000 100000\n"), 2);
  EXPECT_EQ(with_quota("50000 100000\n", 1), 1) << "unless the machine has but one";
}

TEST_F(Cgroup, CG04NoLimitIsTheCpuCount) {
  EXPECT_EQ(with_quota("max 100000\n"), 8);
  EXPECT_EQ(cpu_count_from(root + "/nowhere", 8), 8) << "nothing can be read";
}

TEST_F(Cgroup, CG05LimitAboveTheCpuCountIsTheCpuCount) { EXPECT_EQ(with_quota("1600000 100000\n"), 8); }

TEST_F(Cgroup, CG07AffinityBelowTheQuotaWins) {
  EXPECT_EQ(with_quota("400000 100000\n", 2), 2);
  EXPECT_EQ(with_quota("400000 100000\n", 1), 1);
}

TEST_F(Cgroup, CG11VisibleAncestorsLimitToo) {
  v2("/a/b/c");
  file("/sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n");
  file("/sys/fs/cgroup/a/b/cpu.max", "700000 100000\n");
  file("/sys/fs/cgroup/a/cpu.max", "300000 100000\n");
  EXPECT_EQ(cpu_count_from(root, 16), 3);
  file("/sys/fs/cgroup/cpu.max", "200000 100000\n");  // a container's root group is a group like others
  EXPECT_EQ(cpu_count_from(root, 16), 2);
}

TEST_F(Cgroup, CG12VersionOne) {
  v1("/docker/1234");
  quota_v1("/docker/1234", "250000");
  EXPECT_EQ(cpu_count_from(root, 8), 3);
  quota_v1("/docker/1234", "-1");
  EXPECT_EQ(cpu_count_from(root, 8), 8);
  quota_v1("/docker", "400000");
  EXPECT_EQ(cpu_count_from(root, 8), 4);
}

TEST_F(Cgroup, CG12VersionOneMountThatShowsOnlyOurGroup) {
  v1("/docker/1234", "/docker/1234");
  quota_v1("", "300000");
  EXPECT_EQ(cpu_count_from(root, 8), 3);
}

TEST_F(Cgroup, BothVersionsAtOnceTheLowerCounts) {
  v1("/job");
  quota_v1("/job", "500000");
  std::ofstream(root + "/proc/self/mountinfo", std::ios::app)
      << "35 32 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
  file("/sys/fs/cgroup/unified/x/cpu.max", "300000 100000\n");
  EXPECT_EQ(cpu_count_from(root, 8), 3);
}

TEST_F(Cgroup, MountThatShowsAPartOfTheTree) {
  v2("/kube/pod/box", "/kube/pod");
  file("/sys/fs/cgroup/box/cpu.max", "300000 100000\n");
  EXPECT_EQ(cpu_count_from(root, 8), 3);
  v2("/kubernetes/pod", "/kube");  // a common beginning of the name is no common group
  file("/sys/fs/cgroup/cpu.max", "200000 100000\n");
  EXPECT_EQ(cpu_count_from(root, 8), 8);
}

TEST_F(Cgroup, NamespacesWithStepsUp) {
  file("/sys/fs/cgroup/cpu.max", "300000 100000\n");
  v2("/", "/../..");  // mounted before the namespace was made: shows an ancestor of ours
  EXPECT_EQ(cpu_count_from(root, 8), 3);
  v2("/../sibling", "/");  // we are outside of what is shown
  EXPECT_EQ(cpu_count_from(root, 8), 8);
  v2("/../sibling", "/..");
  file("/sys/fs/cgroup/sibling/cpu.max", "200000 100000\n");
  EXPECT_EQ(cpu_count_from(root, 8), 2);
}

TEST_F(Cgroup, MountPointsWithBlanks) {
  v2("/app", "/", "/my\\040groups");
  file("/my groups/app/cpu.max", "300000 100000\n");
  EXPECT_EQ(cpu_count_from(root, 8), 3);
}

TEST_F(Cgroup, NonsenseLimitsNothing) {
  for (const char* text : {"", "\n", "banana", "300000", "300000 0", "300000 x", "-5 100000", "0 100000",
                           "99999999999999999999 100000"})
    EXPECT_EQ(with_quota(text), 8) << text;
  file("/proc/self/mountinfo", "36 22\n\n - - -\n36 22 0:31 / /sys/fs/cgroup rw\n");
  EXPECT_EQ(cpu_count_from(root, 8), 8);
  file("/proc/self/cgroup", ":::\n0\n\n0::\n");
  EXPECT_EQ(cpu_count_from(root, 8), 8);
}

TEST(CpuCount, OfThisMachineIsWithinItsAffinity) {
  EXPECT_GE(affinity_count(), 1);
  EXPECT_GE(cpu_count(), 1);
  EXPECT_LE(cpu_count(), affinity_count());
}

TEST(CpuCount, FollowsTheAffinityMask) {
  cpu_set_t before, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  CPU_ZERO(&one);
  for (int cpu = 0; cpu != CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &before)) {
      CPU_SET(cpu, &one);
      break;
    }
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(affinity_count(), 1);
  EXPECT_EQ(cpu_count(), 1);
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
}
