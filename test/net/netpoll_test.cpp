// SPDX-License-Identifier: MIT
// Who polls, and what the scheduler says of those who wait.
#include "net/connected.hpp"

#include <goro/detail/pollable.hpp>

#include "sched/netpoll.hpp"
#include "support/at_procs.hpp"
#include "support/child.hpp"

#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <thread>
#include <vector>

namespace {

using namespace goro_test;

class Netpoll : public testing::Test {
 protected:
  void SetUp() override { procs_ = goro::max_procs(); }
  void TearDown() override {
    goro::set_max_procs(procs_);
    goro::leak::verify_none();
  }

 private:
  int procs_ = 0;
};

// Goroutines that compute on all Ps and never stop by themselves.
class hogs {
 public:
  explicit hogs(int n) {
    for (int i = 0; i != n; ++i)
      scope_.go([this] {
        ++running_;
        while (!stop_.load(std::memory_order_relaxed)) {
        }
      });
    EXPECT_TRUE(eventually([this, n] { return running_ == n; }));
  }
  ~hogs() {
    stop_ = true;
    scope_.wait();
  }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<int> running_{0};
  goro::scope scope_;
};

TEST_F(Netpoll, NP19_AReadySocketIsServedWhileAllPsAreBusy) {
  for (const int procs : {1, 2}) {
    goro::set_max_procs(procs);
    auto [client, server] = connect(kind::tcp);
    std::atomic<int> served{0};
    auto reader = goro::async([&server = server, &served] {
      char buffer[8];
      while (server.read(buffer) != 0) ++served;
    });
    ASSERT_TRUE(waiting_for_io(1));
    {
      const hogs busy(procs);
      // By a plain thread: goro's own threads are all taken.
      for (int i = 1; i != 20; ++i) {
        client.write("x");
        ASSERT_TRUE(eventually([&] { return served == i; })) << "nobody looked at the netpoller";
      }
    }
    client.close();
    reader.get();
  }
}

// The only P is lent to a blocking call; somebody has to poll all the same.
TEST_F(Netpoll, AnnouncedBlockingDoesNotStopIt) {
  goro::set_max_procs(1);
  auto [client, server] = connect(kind::tcp);
  auto reader = goro::async([&server = server] {
    char buffer[8];
    return server.read(buffer);
  });
  ASSERT_TRUE(waiting_for_io(1));
  std::atomic<bool> blocked{false};
  std::atomic<bool> stop{false};
  auto blocker = goro::async([&] {
    goro::blocking([&] {
      blocked = true;
      while (!stop) std::this_thread::sleep_for(1ms);
    });
  });
  ASSERT_TRUE(eventually([&] { return blocked.load(); }));
  client.write("x");
  EXPECT_EQ(reader.get(), 1u);
  stop = true;
  blocker.get();
}

TEST_F(Netpoll, AGoroutineBoundToItsThreadIsWoken) {
  for (const int procs : {1, 4}) {
    goro::set_max_procs(procs);
    auto [client, server] = connect(kind::tcp);
    auto reader = goro::async([&server = server] {
      goro::lock_os_thread();
      char buffer[1];
      const std::size_t n = server.read(buffer) + server.read(buffer);
      goro::unlock_os_thread();
      return n;
    });
    ASSERT_TRUE(waiting_for_io(1));
    client.write("x");
    ASSERT_TRUE(waiting_for_io(1));
    client.write("y");
    EXPECT_EQ(reader.get(), 2u);
  }
}

// Timers go on while the M that keeps time sleeps in epoll_wait.
TEST_F(Netpoll, TimersAreKeptByThePoller) {
  auto [client, server] = connect(kind::tcp);
  auto reader = goro::async([&server = server] {
    char buffer[8];
    return server.read(buffer);
  });
  ASSERT_TRUE(waiting_for_io(1));
  for (int i = 0; i != 30; ++i) {
    const auto ticks = goro::after(2ms);
    EXPECT_TRUE(ticks.recv().has_value());
  }
  // A later timer first, then an earlier one: the M that sleeps until the first must not be the only one.
  const auto late = goro::after(10s);
  goro::sleep_for(1ms);
  EXPECT_TRUE(goro::after(1ms).recv().has_value());
  client.write("x");
  EXPECT_EQ(reader.get(), 1u);
}

TEST_F(Netpoll, ADumpSaysIOWait) {
  auto [client, server] = connect(kind::tcp);
  goro::scope s;
  s.go([&server = server] {
    char buffer[8];
    std::error_code ec;
    (void)server.read(buffer, ec);
  });
  ASSERT_TRUE(waiting_for_io(1));
  const auto all = goro::goroutines();
  EXPECT_EQ(std::count_if(all.begin(), all.end(),
                          [](const goro::goroutine_info& g) { return g.state == "IO wait"; }),
            1);
  server.close();
  s.wait();
}

// No M is left that could be made for the ready one: the poller itself has to come back.
TEST_F(Netpoll, SC35_ThePollerComesBackIfNoThreadCanBeHad) {
  goro::set_max_procs(1);
  auto [client, server] = connect(kind::tcp);
  auto reader = goro::async([&server = server] {
    char buffer[8];
    return server.read(buffer);
  });
  ASSERT_TRUE(waiting_for_io(1));
  const int before = goro::set_max_threads(1);
  for (int i = 0; i != 100; ++i) {
    ASSERT_TRUE(eventually([] { return goro::detail::idle.poller.load() != nullptr; }));
    EXPECT_EQ(goro::async([] { return 42; }).get(), 42);
  }
  goro::set_max_threads(before);
  client.write("x");
  EXPECT_EQ(reader.get(), 1u);
}

// Descriptors and blocks are used again: what is left of one must not be taken for the next one.
TEST_F(Netpoll, DescriptorsAreUsedAgain) {
  listening l(kind::tcp);
  for (int i = 0; i != 500; ++i) {
    auto [client, server] = connect(l);
    client.write("x");  // an event that nobody takes
    char buffer[4];
    if (i % 2 == 0) {
      ASSERT_EQ(server.read(buffer), 1u);
    }
    if (i % 3 == 0) client.set_deadline(goro::clock::now() + 1ms);
  }
}

TEST_F(Netpoll, NP16_AFileThatIsAlwaysReadyIsRefused) {
  std::FILE* const file = std::tmpfile();
  goro::detail::pollable p;
  EXPECT_EQ(p.open(::fileno(file)), EPERM);
  std::fclose(file);
}

TEST_F(Netpoll, TwoTasksForOneDirectionAreRefused) {
  goro::detail::pollable p;
  ASSERT_EQ(p.open_memory(), 0);
  goro::scope s;
  s.go([&p] { EXPECT_EQ(p.wait(goro::detail::direction::read), goro::detail::poll_end::ready); });
  ASSERT_TRUE(waiting_for_io(1));
  EXPECT_THROW((void)p.wait(goro::detail::direction::read), std::logic_error);
  p.notify(goro::detail::direction::read);
  s.wait();
  p.close();
  EXPECT_EQ(p.wait(goro::detail::direction::write), goro::detail::poll_end::closed);
  p.release();
}

// Goroutines that wait for sockets, all Ps idle: no thread of the process wakes up.
TEST_F(Netpoll, IdleMeansIdleWhileSomebodyWaits) {
  if (under_tsan) GTEST_SKIP() << "TSan has a thread of its own that wakes up";
  auto [client, server] = connect(kind::tcp);
  auto reader = goro::async([&server = server] {
    char buffer[8];
    return server.read(buffer);
  });
  ASSERT_TRUE(waiting_for_io(1));
  const auto switches = [] {
    rusage u{};
    ::getrusage(RUSAGE_SELF, &u);
    return u.ru_nvcsw;
  };
  // The monitor goes to rest within a few tenths of a second; then half a second passes without it. In a
  // loop, because the machine may be slow.
  ASSERT_TRUE(eventually([&] {
    const auto before = switches();
    std::this_thread::sleep_for(500ms);
    return switches() - before <= 2;  // this thread's own sleep
  }));
  client.write("x");
  EXPECT_EQ(reader.get(), 1u);
}

// Programs of their own: run() looks for deadlocks only in its process.
TEST(NetpollChild, DISABLED_WaitsForASocketUnderRun) {
  goro::run([] {
    auto [client, server] = connect(kind::tcp);
    goro::scope s;
    s.go([&server = server] {
      char buffer[8];
      (void)server.read(buffer);
    });
    std::thread writer([fd = client.native_handle()] {
      std::this_thread::sleep_for(100ms);  // all goroutines wait meanwhile; this thread does not use goro
      (void)!::write(fd, "x", 1);
    });
    s.wait();
    writer.join();  // before the descriptor is closed
  });
}

TEST(NetpollChild, DISABLED_WaitsForAPipeUnderRun) {
  goro::run([] {
    auto [a, b] = net::pipe();
    char buffer[8];
    (void)a.read(buffer);
  });
}

TEST_F(Netpoll, SC28_WaitingForASocketIsNoDeadlock) {
  const auto r = run_child("/proc/self/exe", {"--gtest_filter=NetpollChild.*WaitsForASocketUnderRun",
                                              "--gtest_also_run_disabled_tests"});
  EXPECT_EQ(r.exit_status, 0) << r.out << r.err;
}

TEST_F(Netpoll, WaitingForAPipeInMemoryIsOne) {
  const auto r = run_child("/proc/self/exe", {"--gtest_filter=NetpollChild.*WaitsForAPipeUnderRun",
                                              "--gtest_also_run_disabled_tests"});
  EXPECT_EQ(r.exit_status, 2) << r.out << r.err;
  EXPECT_NE(r.err.find("all goroutines are asleep"), std::string::npos) << r.err;
  EXPECT_NE(r.err.find("IO wait"), std::string::npos) << r.err;
}

}  // namespace
