// SPDX-License-Identifier: MIT
// Ten thousand idle connections and a thousand active ones in one process. The clients are another process, so that
// each needs one descriptor a connection.
#include "net/connected.hpp"

#include "support/at_procs.hpp"
#include "support/child.hpp"

#include <goro/leak.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <vector>

namespace {

using namespace goro_test;

constexpr int rounds = 10;  // questions of each active connection
constexpr int spare = 200;  // descriptors that are needed for other things

int idle_ones() { return scaled(10'000); }
int active_ones() { return std::max(scaled(1'000), 10); }

bool enough_descriptors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur >= static_cast<rlim_t>(idle_ones() + active_ones() + spare);
}

void ask(net::conn& c) {
  c.write("question");
  char answer[8];
  for (std::size_t n = 0; n < sizeof answer;) {
    const std::size_t more = c.read(std::span(answer).subspan(n));
    ASSERT_NE(more, 0u);
    n += more;
  }
  ASSERT_EQ(std::string_view(answer, sizeof answer), "question");
}

// A few goroutines share the connections, each goroutine taking the next one.
void ask_each(std::vector<net::conn>& all) {
  std::atomic<std::size_t> next{0};
  goro::scope s;
  for (int i = 0; i != 64; ++i)
    s.go([&] {
      for (std::size_t n; (n = next++) < all.size();) ask(all[n]);
    });
  s.wait();
}

// The clients' process.
TEST(ManyConnectionsChild, DISABLED_Clients) {
  ASSERT_TRUE(enough_descriptors());
  const std::string at = std::getenv("GORO_TEST_AT");
  std::vector<net::conn> idle(static_cast<std::size_t>(idle_ones()));
  std::vector<net::conn> active(static_cast<std::size_t>(active_ones()));
  for (auto* all : {&idle, &active})
    for (net::conn& c : *all) c = net::dial(goro::background(), at);
  ask_each(idle);
  goro::scope s;
  for (net::conn& c : active)
    s.go([&c] {
      for (int i = 0; i != rounds; ++i) ask(c);
    });
  s.wait();
  ask_each(idle);  // none has been forgotten
}

TEST(ManyConnections, TenThousandIdleAndAThousandActive) {
  const hang_guard guard("ManyConnections", 120);
  const goro::leak::family family;
  if (!enough_descriptors())
    GTEST_SKIP() << "the hard limit of descriptors (ulimit -Hn) is below "
                 << idle_ones() + active_ones() + spare;
  const int many = idle_ones() + active_ones();
  std::atomic<int> answered{0};
  {
    listening l(kind::tcp);
    goro::scope servers;
    servers.go([&] {
      for (int i = 0; i != many; ++i)
        servers.go([c = l.listener.accept(), &answered]() mutable {
          char buffer[64];
          std::error_code ec;
          while (const std::size_t n = c.read(buffer, ec)) {
            c.write({buffer, n}, ec);
            if (!ec) ++answered;
          }
        });
    });
    const auto r = run_child(
        "/proc/self/exe", {"--gtest_filter=ManyConnectionsChild.*", "--gtest_also_run_disabled_tests"},
        {{"GORO_TEST_AT", l.listener.local_address().to_string()}}, std::chrono::seconds(110));
    EXPECT_EQ(r.exit_status, 0) << r.out << r.err;
    if (r.exit_status != 0) l.listener.close();
    servers.wait();
  }
  EXPECT_GE(answered, 2 * idle_ones() + rounds * active_ones());  // of a question that came in two parts, two
  EXPECT_NO_THROW(family.verify_none());
}

}  // namespace
