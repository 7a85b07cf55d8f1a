// SPDX-License-Identifier: MIT
#include "net/connected.hpp"

#include "support/child.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <system_error>
#include <vector>

namespace {

using namespace goro_test;

class Listener : public testing::Test {
 protected:
  void TearDown() override { goro::leak::verify_none(); }
};

TEST_F(Listener, AddressesAsTheyAreWritten) {
  for (const char* text :
       {"127.0.0.1:80", "[::1]:80", "[fe80::1%2]:9", "unix:/tmp/x.sock", "unix:@abstract", "0.0.0.0:0"}) {
    std::error_code ec;
    const net::address a = net::address::parse(text, ec);
    EXPECT_FALSE(ec) << text;
    EXPECT_EQ(net::address(a.to_string()), a) << text;
  }
  EXPECT_EQ(net::address("127.0.0.1:80").to_string(), "127.0.0.1:80");
  EXPECT_EQ(net::address("127.0.0.1:80").host(), "127.0.0.1");
  EXPECT_EQ(net::address("[::1]:443").port(), 443);
  EXPECT_EQ(net::address("unix:@abstract").to_string(), "unix:@abstract");
  EXPECT_EQ(net::address("unix:/tmp/x.sock").host(), "/tmp/x.sock");
  EXPECT_EQ(net::address(":8080").to_string(), "[::]:8080");
  EXPECT_EQ(net::address("1.2.3.4:5").with_port(6).to_string(), "1.2.3.4:6");
  EXPECT_TRUE(net::address().empty());
  for (const char* text : {"", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "1.2.3:4",
                           "[::1:80", "::1:80", "unix:", "localhost:80", "[::1%]:80", "127.0.0.1:80 "}) {
    std::error_code ec;
    (void)net::address::parse(text, ec);
    EXPECT_EQ(ec, net::errc::bad_address) << text;
  }
  EXPECT_THROW(net::address("nonsense"), std::system_error);
  std::error_code ec;
  (void)net::address::parse("unix:" + std::string(200, 'x'), ec);
  EXPECT_EQ(ec, net::errc::bad_address);
}

TEST_F(Listener, PicksAPortAndServesMany) {
  listening l(kind::tcp);
  EXPECT_NE(l.listener.local_address().port(), 0);
  std::vector<net::conn> clients;
  for (int i = 0; i != 50; ++i) clients.push_back(l.dial());
  for (int i = 0; i != 50; ++i) {
    const net::conn c = l.listener.accept();
    EXPECT_EQ(c.local_address(), l.listener.local_address());
  }
}

TEST_F(Listener, RefusesWhatIsTaken) {
  listening l(kind::tcp);
  std::error_code ec;
  EXPECT_FALSE(net::listen(l.listener.local_address().to_string(), {}, ec));
  EXPECT_EQ(ec, std::errc::address_in_use);
  EXPECT_THROW((void)net::listen(l.listener.local_address().to_string()), std::system_error);
  EXPECT_THROW((void)net::listen("no such thing"), std::system_error);
}

TEST_F(Listener, SharesAPortIfAskedTo) {
  net::listen_options options;
  options.reuse_port = true;
  std::error_code ec;
  net::listener a = net::listen("127.0.0.1:0", options, ec);
  ASSERT_FALSE(ec);
  net::listener b = net::listen(a.local_address().to_string(), options, ec);
  EXPECT_FALSE(ec) << ec.message();
}

TEST_F(Listener, UnixFileGoesWithTheListener) {
  const std::string path = "/tmp/goro-test-" + std::to_string(::getpid()) + ".sock";
  struct stat about;
  {
    net::listener l = net::listen("unix:" + path);
    EXPECT_EQ(::stat(path.c_str(), &about), 0);
    const net::conn c = net::dial(goro::background(), "unix:" + path);
    const net::conn s = l.accept();
    EXPECT_EQ(s.local_address().to_string(), "unix:" + path);
  }
  EXPECT_NE(::stat(path.c_str(), &about), 0);
}

TEST_F(Listener, AcceptedConnectionsHaveNoDelayAndKeepAlive) {
  auto [client, server] = connect(kind::tcp);
  for (const net::conn* c : {&client, &server}) {
    int value = 0;
    socklen_t size = sizeof value;
    ASSERT_EQ(::getsockopt(c->native_handle(), 6 /* TCP */, 1 /* NODELAY */, &value, &size), 0);
    EXPECT_EQ(value, 1);
    ASSERT_EQ(::getsockopt(c->native_handle(), SOL_SOCKET, SO_KEEPALIVE, &value, &size), 0);
    EXPECT_EQ(value, 1);
    EXPECT_NE(::fcntl(c->native_handle(), F_GETFD) & FD_CLOEXEC, 0);
  }
  client.set_no_delay(false);
  client.set_keep_alive(30s);
  client.set_keep_alive(0s);
  auto [a, b] = net::pipe();
  a.set_no_delay(true);
  a.set_keep_alive(1s);
}

TEST_F(Listener, NP14_AnAbortedConnectionIsPassedOver) {
  listening l(kind::tcp);
  net::conn gone = l.dial();
  const linger at_once{1, 0};
  ASSERT_EQ(::setsockopt(gone.native_handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
  gone.close();
  net::conn stays = l.dial();
  stays.write("x");
  // Linux gives the aborted one as well, dead; others are dropped in the kernel.
  for (;;) {
    net::conn c = l.listener.accept();
    char buffer[4];
    std::error_code ec;
    if (c.read(buffer, ec) == 1) break;
    EXPECT_EQ(ec, std::errc::connection_reset);
  }
}

// Runs in a process of its own: the limit is the process's.
TEST(ListenerChild, DISABLED_DescriptorsRunOut) {
  listening l(kind::tcp);
  std::vector<net::conn> clients;
  for (int i = 0; i != 3; ++i) clients.push_back(l.dial());
  // UBSan looks at a category when it is first used, and needs a pipe for that.
  for (const std::error_category* c : {&std::generic_category(), &std::system_category()})
    ASSERT_EQ(std::error_code(EMFILE, *c), std::errc::too_many_files_open);
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = 64;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  std::vector<int> taken;
  for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) taken.push_back(fd);
  std::error_code ec;
  EXPECT_FALSE(l.listener.accept(ec));  // tells
  EXPECT_EQ(ec, std::errc::too_many_files_open);
  std::atomic<bool> about{false};
  auto accepted = goro::async([&] {
    std::vector<net::conn> got;
    about = true;
    for (int i = 0; i != 3; ++i) got.push_back(l.listener.accept());  // goes on until it can
    return got.size();
  });
  ASSERT_TRUE(eventually([&] { return about.load(); }));
  ASSERT_TRUE(waiting_for_io(1));
  for (const int fd : taken) ::close(fd);
  EXPECT_EQ(accepted.get(), 3u);
}

TEST_F(Listener, GoesOnAfterDescriptorsRanOut) {
  const auto r =
      run_child("/proc/self/exe", {"--gtest_filter=ListenerChild.**", "--gtest_also_run_disabled_tests"});
  EXPECT_EQ(r.exit_status, 0) << r.out << r.err;
}

}  // namespace
