// SPDX-License-Identifier: MIT
// A process whose goroutines all wait for sockets does nothing: no thread of it wakes up in ten seconds.
#include "net/served.hpp"

#include "support/at_procs.hpp"

#include <sys/resource.h>

#include <thread>

namespace {

using namespace goro_test;

long sleeps_of_all_threads() {
  rusage u{};
  ::getrusage(RUSAGE_SELF, &u);
  return u.ru_nvcsw;
}

TEST(IdleNetwork, TenSecondsWithIdleConnectionsHaveNoTick) {
  if (under_sanitizer) GTEST_SKIP() << "a sanitizer's own thread is never idle";
  const hang_guard guard("IdleNetwork", 120);
  served all(100);
  // The last that happens when a process goes idle is that stacks are given back.
  ASSERT_TRUE(eventually([&] { return all.most_pages() == 1; })) << all.most_pages();
  long woken = 0;
  for (int attempt = 0; attempt != 3; ++attempt) {  // the last threads may still be on their way to sleep
    const long before = sleeps_of_all_threads();
    std::this_thread::sleep_for(10s);
    woken = sleeps_of_all_threads() - before - 1;  // less this thread's own
    if (woken <= 0) break;
  }
  EXPECT_LE(woken, 0) << "in ten seconds";
  all.ask_all();
}

}  // namespace
