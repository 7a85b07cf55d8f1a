// SPDX-License-Identifier: MIT
// dial: contexts, names, several addresses. No network: names come from a server of the test's own.
#include "net/connected.hpp"
#include "net/name_server.hpp"

#include "net/resolver.hpp"

#include <string>
#include <vector>

namespace {

using namespace goro_test;

class Dial : public testing::Test {
 protected:
  void TearDown() override { goro::leak::verify_none(); }
};

std::error_code dial_code(const goro::context& ctx, std::string_view at) {
  std::error_code ec;
  const net::conn c = net::dial(ctx, at, ec);
  EXPECT_EQ(static_cast<bool>(c), !ec);
  return ec;
}

// Connects until nobody gets in any more. (Once in vain may be a machine that stands still.)
void fill_queue_of(const std::string& at, std::vector<net::conn>& in_queue) {
  for (int in_vain = 0; in_vain != 3;) {
    auto [ctx, cancel] = goro::with_timeout(goro::background(), 50ms);
    std::error_code ec;
    net::conn c = net::dial(ctx, at, ec);
    in_vain = ec ? in_vain + 1 : 0;
    if (!ec) in_queue.push_back(std::move(c));
  }
}

// Somebody listens whose queue is full, so that a connection waits.
class never_accepting {
 public:
  never_accepting() {
    net::listen_options options;
    options.backlog = 0;
    std::error_code ec;
    listener_ = net::listen("127.0.0.1:0", options, ec);
    EXPECT_FALSE(ec);
    fill_queue_of(at(), waiting_);
  }
  std::string at() const { return listener_.local_address().to_string(); }

 private:
  net::listener listener_;
  std::vector<net::conn> waiting_;
};

TEST_F(Dial, NP07_AContextThatIsDoneEndsItAtOnce) {
  listening l(kind::tcp);
  auto [ctx, cancel] = goro::with_timeout(goro::background(), -1s);
  EXPECT_EQ(dial_code(ctx, l.listener.local_address().to_string()), goro::errc::deadline_exceeded);
  EXPECT_EQ(dial_code(ctx, "localhost:1"), goro::errc::deadline_exceeded);
  auto [cancelled, cancel_it] = goro::with_cancel(goro::background());
  cancel_it();
  EXPECT_EQ(dial_code(cancelled, l.listener.local_address().to_string()), goro::errc::canceled);
}

TEST_F(Dial, NP07_TheShorterOfTwoLimitsHolds) {
  const never_accepting nobody;
  auto [outer, cancel_outer] = goro::with_timeout(goro::background(), 20ms);
  auto [inner, cancel_inner] = goro::with_timeout(outer, 1h);
  EXPECT_EQ(dial_code(inner, nobody.at()), goro::errc::deadline_exceeded);
  auto [long_outer, cancel_long] = goro::with_timeout(goro::background(), 1h);
  auto [short_inner, cancel_short] = goro::with_timeout(long_outer, 20ms);
  EXPECT_EQ(dial_code(short_inner, nobody.at()), goro::errc::deadline_exceeded);
}

TEST_F(Dial, NP07_TheLongestDurationDoesNotOverflow) {
  listening l(kind::tcp);
  auto [ctx, cancel] = goro::with_timeout(goro::background(), goro::duration::max());
  EXPECT_FALSE(dial_code(ctx, l.listener.local_address().to_string()));
}

TEST_F(Dial, CancellationEndsIt) {
  const never_accepting nobody;
  auto [ctx, cancel] = goro::with_cancel(goro::background());
  auto result = goro::async([&, &ctx = ctx] { return dial_code(ctx, nobody.at()); });
  ASSERT_TRUE(waiting_for_io(1));
  cancel();
  EXPECT_EQ(result.get(), goro::errc::canceled);
}

TEST_F(Dial, ErrorsOfTheSystem) {
  std::string at;
  {
    listening l(kind::tcp);
    at = l.listener.local_address().to_string();
  }
  EXPECT_EQ(dial_code(goro::background(), at), std::errc::connection_refused);
  EXPECT_EQ(dial_code(goro::background(), "unix:@goro-nobody"), std::errc::connection_refused);
  EXPECT_EQ(dial_code(goro::background(), "unix:/nowhere/x"), std::errc::no_such_file_or_directory);
  for (const char* bad : {"", "x", "host", ":::", "host:", "unix:"})
    EXPECT_EQ(dial_code(goro::background(), bad), net::errc::bad_address) << bad;
  EXPECT_THROW((void)net::dial(goro::background(), at), std::system_error);
}

TEST_F(Dial, LocalhostNeedsNoNetwork) {
  listening l(kind::tcp);
  const std::string port = std::to_string(l.listener.local_address().port());
  EXPECT_FALSE(dial_code(goro::background(), "localhost:" + port));
  EXPECT_TRUE(net::listen("localhost:0"));
}

// The listener's queue is full: a Unix socket says so at once, and dial tries again.
TEST_F(Dial, UnixWaitsForRoomInTheQueue) {
  net::listen_options options;
  options.backlog = 0;
  std::error_code ec;
  net::listener l = net::listen(unix_name(), options, ec);
  ASSERT_FALSE(ec);
  constexpr int many = 5;
  std::atomic<int> connected{0};
  goro::scope s;
  for (int i = 0; i != many; ++i)
    s.go([&] {
      if (!dial_code(goro::background(), l.local_address().to_string())) ++connected;
    });
  for (int i = 0; i != many; ++i) (void)l.accept();
  s.wait();
  EXPECT_EQ(connected, many);
}

TEST_F(Dial, LooksUpAName) {
  name_server names(name_server::table{{"echo.test", {"127.0.0.1"}}});
  listening l(kind::tcp);
  EXPECT_FALSE(
      dial_code(goro::background(), "echo.test:" + std::to_string(l.listener.local_address().port())));
  EXPECT_GE(names.asked(), 1);
  EXPECT_EQ(dial_code(goro::background(), "nobody.test:80"), net::errc::no_such_host);
}

TEST_F(Dial, TriesAllAddressesAndKeepsTheFirstError) {
  name_server names(name_server::table{{"two.test", {"127.0.0.2", "127.0.0.1"}},
                                       {"dead.test", {"127.0.0.2", "127.0.0.3"}}});
  listening l(kind::tcp);  // on 127.0.0.1 only
  const std::string port = std::to_string(l.listener.local_address().port());
  EXPECT_FALSE(dial_code(goro::background(), "two.test:" + port));
  EXPECT_EQ(dial_code(goro::background(), "dead.test:" + port), std::errc::connection_refused);
}

// A name of both families: that which answers is found, whichever it is.
TEST_F(Dial, BothFamiliesOfANameAreTried) {
  std::error_code ec;
  net::listener six = net::listen("[::1]:0", {}, ec);
  if (ec) GTEST_SKIP() << "no IPv6 here: " << ec.message();
  name_server names(name_server::table{{"both.test", {"::1", "127.0.0.1"}}, {"six.test", {"::1"}}});
  const std::string port = std::to_string(six.local_address().port());
  EXPECT_EQ(net::dial(goro::background(), "six.test:" + port).remote_address().host(), "::1");
  EXPECT_EQ(net::dial(goro::background(), "both.test:" + port).remote_address().host(), "::1");
  listening four(kind::tcp);
  const std::string other = std::to_string(four.listener.local_address().port());
  EXPECT_EQ(net::dial(goro::background(), "both.test:" + other).remote_address().host(), "127.0.0.1");
}

// The first address never answers; the second one is tried after its head start.
TEST_F(Dial, DoesNotWaitForAnAddressThatIsSilent) {
  net::listen_options options;
  options.backlog = 0;
  std::error_code ec;
  net::listener silent = net::listen("127.0.0.1:0", options, ec);
  ASSERT_FALSE(ec);
  const std::string port = std::to_string(silent.local_address().port());
  std::vector<net::conn> in_queue;
  fill_queue_of("127.0.0.1:" + port, in_queue);
  net::listener answers = net::listen("127.0.0.2:" + port);
  name_server names(name_server::table{{"slow.test", {"127.0.0.1", "127.0.0.2"}}});
  auto [ctx, cancel] = goro::with_timeout(goro::background(), 20s);
  const net::conn c = net::dial(ctx, "slow.test:" + port);
  EXPECT_EQ(c.remote_address().host(), "127.0.0.2");
}

TEST_F(Dial, ContextEndsALookUp) {
  name_server names({}, name_server::silent);
  auto [ctx, cancel] = goro::with_cancel(goro::background());
  auto result = goro::async([&ctx = ctx] { return dial_code(ctx, "nobody.test:80"); });
  ASSERT_TRUE(eventually([&] { return names.asked() != 0; }));
  cancel();
  EXPECT_EQ(result.get(), goro::errc::canceled);
}

TEST_F(Dial, ManyLookUpsAtATime) {
  name_server names(name_server::table{{"many.test", {"127.0.0.1"}}});
  std::atomic<int> found{0};
  goro::scope s;
  for (int i = 0; i != 50; ++i)
    s.go([&found] {
      std::error_code ec;
      const auto all = goro::detail::look_up(goro::background(), "many.test", "80", ec);
      if (all.size() == 1 && all[0].to_string() == "127.0.0.1:80") ++found;
    });
  s.wait();
  EXPECT_EQ(found, 50);
}

}  // namespace
