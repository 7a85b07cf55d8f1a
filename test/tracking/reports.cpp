// SPDX-License-Identifier: MIT
// Keeps what GORO_DEBUG=deadlock has said anywhere in a run of the tests: LD_PRELOAD=libgoro_reports.so with
// GORO_TEST_REPORTS=FILE. Tests capture standard error, and start children whose standard error they read and drop;
// so each report is copied where it is written. Each process that writes one appends to the file:
//
//   == <program> <its arguments>
//   goro: lock order: …
//   	…
//
// tools/tracking.py reads it and knows which reports are meant. Nothing here runs unless a report is written.
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace {

constexpr const char* beginnings[] = {"goro: deadlock: ", "goro: lock order: ", "goro: mutex 0x",
                                      "goro: rw_mutex 0x", "goro: false proof: "};

bool is_report(const char* text, std::size_t n) {
  for (const char* const each : beginnings)
    if (n > std::strlen(each) && std::memcmp(text, each, std::strlen(each)) == 0) return true;
  return false;
}

// "== program arguments\n", from /proc: the arguments there end with a zero each.
std::size_t heading(char* to, std::size_t room) {
  std::memcpy(to, "== ", 3);
  std::size_t n = 3;
  const int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
  if (fd >= 0) {
    const long got = syscall(SYS_read, fd, to + n, room - n - 1);
    close(fd);
    for (long i = 0; i < got; ++i, ++n)
      if (to[n] == '\0' || to[n] == '\n') to[n] = ' ';
  }
  to[n++] = '\n';
  return n;
}

void keep(const char* text, std::size_t n) {
  const char* const path = std::getenv("GORO_TEST_REPORTS");
  if (path == nullptr) return;
  const int before = errno;
  const int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (fd >= 0) {
    char head[1024];
    const iovec parts[] = {{head, heading(head, sizeof head)}, {const_cast<char*>(text), n}};
    (void)!writev(fd, parts, 2);  // at once: others append meanwhile
    close(fd);
  }
  errno = before;
}

}  // namespace

// Not by way of the C library's, which would have to be looked up: a report may come from a signal handler.
extern "C" __attribute__((visibility("default"))) ssize_t write(int fd, const void* data, std::size_t n) {
  if (fd == STDERR_FILENO && is_report(static_cast<const char*>(data), n)) keep(static_cast<const char*>(data), n);
  return syscall(SYS_write, fd, data, n);
}
