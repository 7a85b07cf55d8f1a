// SPDX-License-Identifier: MIT
// System calls that fail on demand, for errors that no test can bring about: a test program that uses this has an
// accept4 and an epoll_ctl of its own, which are libc's but for the calls that are to fail. For the whole process.
//
//   failing_accepts out(ENFILE);               // every accept4 fails until `out` goes
//   failing_accepts twice(ECONNABORTED, 2);
#pragma once

#include <atomic>
#include <limits>

namespace goro_test {

struct failing_call {
  std::atomic<int> error{0};
  std::atomic<int> times{0};  // still to fail
  std::atomic<int> failed{0};

  // The errno to fail with, or 0.
  int take() noexcept;
};

extern failing_call the_failing_accept4;
extern failing_call the_failing_epoll_add;

// One at a time for each call.
class failing_calls {
 public:
  failing_calls(failing_call& which, int error, int times) noexcept;
  ~failing_calls() { stop(); }
  failing_calls(const failing_calls&) = delete;
  failing_calls& operator=(const failing_calls&) = delete;

  void stop() noexcept { which_.times = 0; }
  int failed() const noexcept { return which_.failed; }

 private:
  failing_call& which_;
};

constexpr int always = std::numeric_limits<int>::max();

struct failing_accepts : failing_calls {
  explicit failing_accepts(int error, int times = always) noexcept
      : failing_calls(the_failing_accept4, error, times) {}
};

// epoll_ctl with EPOLL_CTL_ADD.
struct failing_registrations : failing_calls {
  explicit failing_registrations(int error, int times = always) noexcept
      : failing_calls(the_failing_epoll_add, error, times) {}
};

}  // namespace goro_test
