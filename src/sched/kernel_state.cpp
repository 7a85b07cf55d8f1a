// SPDX-License-Identifier: MIT
#include "sched/kernel_state.hpp"

#include "sched/machine.hpp"

#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace goro::detail {

bool sleeps_in_kernel(machine* m) noexcept {
  const int tid = m->tid.load(std::memory_order_acquire);
  if (tid == 0) return false;
  if (m->stat_fd >= 0 && m->stat_tid != tid) {
    close(m->stat_fd);
    m->stat_fd = -1;
  }
  if (m->stat_fd < 0) {
    char path[64];
    std::snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
    m->stat_fd = open(path, O_RDONLY | O_CLOEXEC);
    m->stat_tid = tid;
    if (m->stat_fd < 0) return false;
  }
  // "tid (name) S ...": the name may contain anything, so the state is behind the last parenthesis.
  char text[256];
  const ssize_t n = pread(m->stat_fd, text, sizeof text - 1, 0);
  if (n <= 0) return false;
  text[n] = '\0';
  const char* const end = std::strrchr(text, ')');
  return end != nullptr && end[1] == ' ' && (end[2] == 'S' || end[2] == 'D');
}

int threads_of_process() noexcept {
  constexpr int unknown = INT_MAX;
  const int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return unknown;
  char text[512];
  const ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n <= 0) return unknown;
  text[n] = '\0';
  const char* at = std::strrchr(text, ')');  // behind it the state, the third field; their number is the 20th
  for (int field = 2; at != nullptr && field != 20; ++field) at = std::strchr(at + 1, ' ');
  const int threads = at == nullptr ? 0 : std::atoi(at);
  return threads > 0 ? threads : unknown;
}

}  // namespace goro::detail
