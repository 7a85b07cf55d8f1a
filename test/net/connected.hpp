// SPDX-License-Identifier: MIT
// Connected pairs of each kind, and what tests of them share.
#pragma once

#include <goro/goro.hpp>
#include <goro/net.hpp>

#include "sched/introspect.hpp"
#include "support/eventually.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include <unistd.h>

namespace goro_test {

namespace net = goro::net;
using namespace std::chrono_literals;

enum class kind { tcp, tcp6, unix_socket, memory };

inline const char* name_of(kind k) {
  switch (k) {
    case kind::tcp: return "Tcp";
    case kind::tcp6: return "Tcp6";
    case kind::unix_socket: return "Unix";
    case kind::memory: return "Memory";
  }
  return "";
}

// An abstract name that no other test has.
inline std::string unix_name() {
  static std::atomic<int> next{0};
  return "unix:@goro-test-" + std::to_string(::getpid()) + "-" + std::to_string(++next);
}

// A listener of a kind, and connections to it.
class listening {
 public:
  explicit listening(kind k) {
    if (k == kind::memory) {
      auto [l, d] = net::pipe_listen();
      listener = std::move(l);
      dialer_ = std::make_unique<net::pipe_dialer>(d);
    } else {
      listener = net::listen(k == kind::tcp ? "127.0.0.1:0" : k == kind::tcp6 ? "[::1]:0" : unix_name());
    }
  }

  net::conn dial() const {
    if (dialer_ != nullptr) return dialer_->dial(goro::background());
    return net::dial(goro::background(), listener.local_address().to_string());
  }

  net::listener listener;

 private:
  std::unique_ptr<net::pipe_dialer> dialer_;
};

struct connected {
  net::conn client;
  net::conn server;
};

inline connected connect(listening& l) {
  net::conn client = l.dial();
  return {std::move(client), l.listener.accept()};
}

inline connected connect(kind k) {
  listening l(k);
  return connect(l);
}

// Waits until so many goroutines wait for I/O.
[[nodiscard]] inline bool waiting_for_io(std::size_t n) {
  return eventually([n] { return goro::detail::parked_count(goro::detail::wait_reason::io_wait) == n; });
}

// Writes until there is no more room, so that the next write waits. What was written has no meaning.
inline void fill(net::conn& c) {
  const std::string piece(64u * 1024, 'x');
  std::error_code ec;
  for (int in_vain = 0; in_vain != 2;) {  // once may be a machine that stands still
    c.set_write_deadline(goro::clock::now() + 50ms);
    in_vain = c.write(piece, ec) == 0 ? in_vain + 1 : 0;
  }
  EXPECT_EQ(ec, goro::errc::deadline_exceeded);
  c.set_write_deadline(goro::time_point::max());
}

class OfEachKind : public testing::TestWithParam<kind> {
 protected:
  void SetUp() override {
    if (GetParam() != kind::tcp6) return;
    std::error_code ec;
    (void)net::listen("[::1]:0", {}, ec);
    if (ec) GTEST_SKIP() << "no IPv6 here: " << ec.message();
  }
  void TearDown() override { goro::leak::verify_none(); }
};

}  // namespace goro_test

#define GORO_OF_EACH_KIND(Suite)                                                                   \
  INSTANTIATE_TEST_SUITE_P(Kinds, Suite,                                                           \
                           testing::Values(goro_test::kind::tcp, goro_test::kind::tcp6,            \
                                           goro_test::kind::unix_socket, goro_test::kind::memory), \
                           [](const testing::TestParamInfo<goro_test::kind>& k) {                  \
                             return std::string(goro_test::name_of(k.param));                      \
                           })
