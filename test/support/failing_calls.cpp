// SPDX-License-Identifier: MIT
#include "support/failing_calls.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cerrno>

namespace goro_test {

failing_call the_failing_accept4;
failing_call the_failing_epoll_add;

int failing_call::take() noexcept {
  int left = times.load();
  while (left > 0)
    if (left == always || times.compare_exchange_weak(left, left - 1)) {
      ++failed;
      return error.load();
    }
  return 0;
}

failing_calls::failing_calls(failing_call& which, int error, int times) noexcept : which_(which) {
  which_.error = error;
  which_.failed = 0;
  which_.times = times;
}

}  // namespace goro_test

extern "C" int accept4(int fd, sockaddr* from, socklen_t* size, int flags) {
  if (const int error = goro_test::the_failing_accept4.take()) {
    errno = error;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_accept4, fd, from, size, flags));
}

extern "C" int epoll_ctl(int set, int what, int fd, epoll_event* event) noexcept {
  if (what == EPOLL_CTL_ADD) {
    if (const int error = goro_test::the_failing_epoll_add.take()) {
      errno = error;
      return -1;
    }
  }
  return static_cast<int>(::syscall(SYS_epoll_ctl, set, what, fd, event));
}
