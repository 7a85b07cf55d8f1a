// SPDX-License-Identifier: MIT
// accept when the kernel refuses: errors of one connection, shortages, errors of the listener.
#include "net/connected.hpp"

#include "support/at_procs.hpp"
#include "support/failing_calls.hpp"

#include <cerrno>
#include <optional>
#include <system_error>

namespace {

using namespace goro_test;

class Accept : public testing::Test {
 protected:
  void TearDown() override { goro::leak::verify_none(); }

  // One that is accepted while `failing` fails; true: what it sends arrives.
  bool serves_one() {
    net::conn client = l.dial();
    net::conn server = l.listener.accept();
    return carries(client, server);
  }
  static bool carries(net::conn& from, net::conn& to) {
    from.write("x");
    char byte[1];
    return to.read(byte) == 1;
  }

  listening l{kind::tcp};

 private:
  hang_guard guard_{"Accept", 60};
};

// accept(2), "Error handling": they are that connection's own, and the next one may be well. Nobody is told.
TEST_F(Accept, ErrorsOfOneConnectionArePassedOver) {
  for (const int error :
       {ECONNABORTED, EPROTO, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH, ENETUNREACH}) {
    failing_accepts three(error, 3);
    net::conn client = l.dial();
    std::error_code ec;
    net::conn server = l.listener.accept(ec);
    ASSERT_FALSE(ec) << error << ": " << ec.message();
    EXPECT_TRUE(carries(client, server));
    EXPECT_EQ(three.failed(), 3) << error;
  }
}

TEST_F(Accept, ShortagesAreToldAndPass) {
  for (const int error : {EMFILE, ENFILE, ENOBUFS, ENOMEM}) {
    net::conn client = l.dial();
    failing_accepts twice(error, 2);
    for (int i = 0; i != 2; ++i) {
      std::error_code ec;
      EXPECT_FALSE(l.listener.accept(ec));
      EXPECT_EQ(ec, std::error_code(error, std::system_category()));
    }
    net::conn server = l.listener.accept();
    EXPECT_TRUE(carries(client, server));

    failing_accepts again(error, 2);
    EXPECT_TRUE(serves_one()) << "without an error code it goes on by itself";
    EXPECT_EQ(again.failed(), 2);
  }
}

// The connection has been taken out of the queue then. It cannot be kept, and its client hears of it.
TEST_F(Accept, OneThatFindsNoPlaceInEpollIsClosed) {
  for (const int error : {ENOSPC, ENOMEM}) {
    net::conn first = l.dial();
    net::conn second = l.dial();
    std::optional<failing_registrations> once(std::in_place, error, 1);
    std::error_code ec;
    EXPECT_FALSE(l.listener.accept(ec));
    EXPECT_EQ(ec, std::error_code(error, std::system_category()));
    EXPECT_EQ(once->failed(), 1);
    char byte[1];
    EXPECT_EQ(first.read(byte, ec), 0u);
    net::conn server = l.listener.accept();
    EXPECT_TRUE(carries(second, server));
  }
}

TEST_F(Accept, CloseAndDeadlineEndAShortage) {
  net::conn client = l.dial();
  failing_accepts out(ENFILE);
  l.listener.set_deadline(goro::clock::now() + 30ms);
  std::error_code ec;
  do EXPECT_FALSE(l.listener.accept(ec));
  while (ec == std::errc::too_many_files_open_in_system);
  EXPECT_EQ(ec, goro::errc::deadline_exceeded);
  l.listener.set_deadline(goro::time_point::max());

  auto accepting = goro::async([&] {
    std::error_code why;
    do EXPECT_FALSE(l.listener.accept(why));
    while (why == std::errc::too_many_files_open_in_system);
    return why;
  });
  ASSERT_TRUE(eventually([&] { return out.failed() > 3; }));
  l.listener.close();
  EXPECT_EQ(accepting.get(), net::errc::closed);
}

// EPERM: a firewall's rules; EINVAL: it does not listen. Both are for whoever runs the server.
TEST_F(Accept, OtherErrorsAreTheCallers) {
  for (const int error : {EPERM, EINVAL, ENOTSOCK}) {
    net::conn client = l.dial();
    failing_accepts twice(error, 2);
    std::error_code ec;
    EXPECT_FALSE(l.listener.accept(ec));
    EXPECT_EQ(ec, std::error_code(error, std::system_category()));
    try {
      (void)l.listener.accept();
      ADD_FAILURE() << "it does not throw";
    } catch (const std::system_error& e) {
      EXPECT_EQ(e.code(), std::error_code(error, std::system_category()));
    }
    net::conn server = l.listener.accept();
    EXPECT_TRUE(carries(client, server));
  }
}

TEST_F(Accept, AnInterruptedOneIsTriedAgain) {
  failing_accepts thrice(EINTR, 3);
  EXPECT_TRUE(serves_one());
  EXPECT_EQ(thrice.failed(), 3);
}

}  // namespace
