// SPDX-License-Identifier: MIT
#include "base/thread.hpp"

#include <gtest/gtest.h>

#include <pthread.h>
#include <sys/prctl.h>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <string>

namespace {

using goro::detail::runtime_thread;
using goro::detail::start_thread;

struct seen {
  std::array<char, 16> name{};
  std::size_t stack_size = 0;
  bool detached = false;
  sigset_t blocked{};
  std::atomic<bool> done{false};
};

void look(void* argument) noexcept {
  auto& s = *static_cast<seen*>(argument);
  (void)prctl(PR_GET_NAME, s.name.data(), 0, 0, 0);
  pthread_sigmask(SIG_SETMASK, nullptr, &s.blocked);
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
    int state = 0;
    pthread_attr_getstacksize(&attributes, &s.stack_size);
    pthread_attr_getdetachstate(&attributes, &state);
    s.detached = state == PTHREAD_CREATE_DETACHED;
    pthread_attr_destroy(&attributes);
  }
  s.done = true;
  s.done.notify_one();
}

constexpr runtime_thread looker{.name = "goro-looker", .stack_size = 512u * 1024, .body = &look};

TEST(Thread, HasItsNameItsStackAndNoSignalsOfUsers) {
  sigset_t before;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  static seen s;  // the thread may still be in notify_one when the test has ended
  errno = EDOM;
  ASSERT_EQ(start_thread<looker>(&s), 0);
  EXPECT_EQ(errno, EDOM);
  s.done.wait(false);
  EXPECT_STREQ(s.name.data(), "goro-looker");
  EXPECT_TRUE(s.detached);
  EXPECT_LE(s.stack_size, 1024u * 1024);
  for (const int left : {SIGTERM, SIGINT, SIGUSR1, SIGALRM, SIGCHLD})
    EXPECT_EQ(sigismember(&s.blocked, left), 1) << left;
  for (const int ours : {SIGSEGV, SIGBUS, SIGABRT, SIGPROF})
    EXPECT_EQ(sigismember(&s.blocked, ours), 0) << ours;
  sigset_t after;
  pthread_sigmask(SIG_SETMASK, nullptr, &after);
  for (int signal = 1; signal != 32; ++signal)
    EXPECT_EQ(sigismember(&before, signal), sigismember(&after, signal)) << signal;
}

}  // namespace
