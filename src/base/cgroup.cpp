// SPDX-License-Identifier: MIT
#include "base/cgroup.hpp"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstddef>
#include <string_view>

namespace goro::detail {
namespace {

using std::string_view;

constexpr int no_limit = INT_MAX;

// The whole file; empty if it cannot be read.
std::string read_file(const std::string& path) {
  std::string text;
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return text;
  char part[4096];
  for (;;) {
    const ssize_t n = read(fd, part, sizeof part);
    if (n > 0)
      text.append(part, static_cast<std::size_t>(n));
    else if (n == 0 || errno != EINTR)
      break;
  }
  close(fd);
  return text;
}

// Cuts what comes before the first `separator` off `rest` and returns it; all of it, if there is none.
string_view cut(string_view& rest, char separator) {
  const std::size_t at = rest.find(separator);
  const string_view part = rest.substr(0, at);
  rest = at == string_view::npos ? string_view() : rest.substr(at + 1);
  return part;
}

bool lists(string_view items, string_view wanted) {  // comma-separated
  while (!items.empty())
    if (cut(items, ',') == wanted) return true;
  return false;
}

bool number(string_view text, long long& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end != text.data();
}

// mountinfo writes blanks and backslashes in paths as three octal digits.
std::string unescape(string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto octal = [&](std::size_t at) { return text[at] >= '0' && text[at] <= '7'; };
    if (text[i] == '\\' && i + 3 < text.size() && octal(i + 1) && octal(i + 2) && octal(i + 3)) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

// CPUs for `quota` microseconds each `period`, rounded up.
int cpus(long long quota, long long period) {
  if (quota <= 0 || period <= 0) return no_limit;
  const long long n = quota / period + (quota % period != 0 ? 1 : 0);
  return static_cast<int>(std::min<long long>(n, no_limit));
}

int limit_v2(const std::string& directory) {  // "200000 100000" or "max 100000"
  const std::string text = read_file(directory + "/cpu.max");
  string_view rest = text;
  long long quota = 0, period = 0;
  if (!number(cut(rest, ' '), quota) || !number(rest, period)) return no_limit;
  return cpus(quota, period);
}

int limit_v1(const std::string& directory) {  // quota -1: none
  long long quota = 0, period = 0;
  if (!number(read_file(directory + "/cpu.cfs_quota_us"), quota)) return no_limit;
  if (!number(read_file(directory + "/cpu.cfs_period_us"), period)) return no_limit;
  return cpus(quota, period);
}

// How many ".." the path begins with: in a cgroup namespace, how far above its root a group lies.
std::size_t steps_up(string_view path) {
  std::size_t n = 0;
  while (path == "/.." || path.substr(0, 4) == "/../") {
    path.remove_prefix(3);
    ++n;
  }
  return n;
}

// Where below a mount that shows the group `shown` our group `ours` is: "" for the mount point itself,
// "/a/b" below it. False: it is not below.
bool below(string_view ours, string_view shown, string_view& rest) {
  if (ours == "/") ours = "";
  if (shown == "/") shown = "";
  if (ours.substr(0, shown.size()) == shown) {
    rest = ours.substr(shown.size());
    if ((rest.empty() || rest[0] == '/') && steps_up(rest) == 0) return true;
  }
  // The mount was made outside our namespace and shows an ancestor of its root: "/../..". The names in
  // between are hidden from us, but the ancestor's own limit holds for us.
  const std::size_t up = steps_up(shown);
  rest = "";
  return up != 0 && up * 3 == shown.size() && up >= steps_up(ours);
}

// The lowest limit of our group and its ancestors, as far up as one mount shows them.
int limit_in_mount(const std::string& mount_point, string_view rest, int (*limit)(const std::string&)) {
  int lowest = no_limit;
  for (;;) {
    lowest = std::min(lowest, limit(mount_point + std::string(rest)));
    if (rest.empty()) return lowest;
    rest = rest.substr(0, rest.rfind('/'));
  }
}

struct groups {
  std::string v1, v2;  // our path in the cpu controller's hierarchy and in the unified one; empty: none
};

groups own_groups(const std::string& root) {  // lines "4:cpu,cpuacct:/path" and "0::/path"
  groups found;
  const std::string text = read_file(root + "/proc/self/cgroup");
  for (string_view lines = text; !lines.empty();) {
    string_view path = cut(lines, '\n');
    const string_view id = cut(path, ':');
    const string_view controllers = cut(path, ':');
    if (lists(controllers, "cpu"))
      found.v1 = path;
    else if (id == "0" && controllers.empty())
      found.v2 = path;
  }
  return found;
}

int quota_from(const std::string& root) {
  const groups own = own_groups(root);
  if (own.v1.empty() && own.v2.empty()) return no_limit;
  int lowest = no_limit;
  const std::string text = read_file(root + "/proc/self/mountinfo");
  for (string_view lines = text; !lines.empty();) {
    // "36 25 0:31 /shown /mount/point rw,nosuid shared:9 - cgroup2 cgroup rw,nsdelegate"
    string_view line = cut(lines, '\n');
    for (int i = 0; i != 3; ++i) cut(line, ' ');
    const string_view shown_field = cut(line, ' ');
    const string_view point_field = cut(line, ' ');
    while (!line.empty() && cut(line, ' ') != "-") {  // the optional fields are any number
    }
    const string_view type = cut(line, ' ');
    cut(line, ' ');
    const bool v2 = type == "cgroup2";
    if (!v2 && !(type == "cgroup" && lists(line, "cpu"))) continue;
    const std::string& ours = v2 ? own.v2 : own.v1;
    const std::string shown = unescape(shown_field);
    string_view rest;
    if (ours.empty() || !below(ours, shown, rest)) continue;
    lowest = std::min(lowest, limit_in_mount(root + unescape(point_field), rest, v2 ? limit_v2 : limit_v1));
  }
  return lowest;
}

}  // namespace

int affinity_count() noexcept {
  // The kernel refuses masks shorter than its own with EINVAL, and does not say how long that is.
  for (int cpus_in_mask = 1024; cpus_in_mask <= 1 << 20; cpus_in_mask *= 2) {
    const std::size_t size = CPU_ALLOC_SIZE(cpus_in_mask);
    cpu_set_t* const mask = CPU_ALLOC(cpus_in_mask);
    if (mask == nullptr) break;
    CPU_ZERO_S(size, mask);
    const bool filled = sched_getaffinity(0, size, mask) == 0;
    const bool too_short = !filled && errno == EINVAL;
    const int n = filled ? CPU_COUNT_S(size, mask) : 0;
    CPU_FREE(mask);
    if (n > 0) return n;
    if (!too_short) break;
  }
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? static_cast<int>(online) : 1;
}

int cpu_count_from(const std::string& root, int affinity) {
  constexpr int fewest = 2;
  const int quota = std::max(quota_from(root), fewest);
  return std::max(1, std::min(affinity, quota));
}

int cpu_count() { return cpu_count_from("", affinity_count()); }

}  // namespace goro::detail
