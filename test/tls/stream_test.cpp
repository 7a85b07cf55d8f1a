// SPDX-License-Identifier: MIT
// The connection itself: its end, its deadlines, and what a peer can do to it.
#include "tls/fixture.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace goro_test;
using namespace std::string_view_literals;

class TlsStream : public TlsTest {
 protected:
  static tls_pair made(std::pair<net::conn, net::conn> ends = connection()) {
    auto both = shake(client_options(), server_options(), std::move(ends));
    EXPECT_FALSE(both.client_error) << both.client_error.message();
    EXPECT_FALSE(both.server_error) << both.server_error.message();
    return both;
  }
};

TEST_F(TlsStream, TL10_TheEndIsSaid) {
  from_both([] {
    auto both = made();
    both.client.write("last words");
    both.client.close_write();
    std::error_code ec;
    EXPECT_EQ(read_all(both.server, ec), "last words");
    EXPECT_FALSE(ec);
    EXPECT_EQ(read_all(both.server, ec), "");
    EXPECT_FALSE(ec);
    both.server.write("answer");  // the other half goes on
    both.server.close();
    EXPECT_EQ(read_all(both.client, ec), "answer");
    EXPECT_FALSE(ec) << ec.message();
    both.client.write("x", ec);
    EXPECT_EQ(ec, std::errc::broken_pipe);
  });
}

TEST_F(TlsStream, TL10_ABreakIsNoEnd) {
  from_both([] {
    auto ends = connection();
    const int raw = ::fcntl(ends.first.native_handle(), F_DUPFD_CLOEXEC, 0);
    auto both = made(std::move(ends));
    both.client.write("half a");
    ::shutdown(raw, SHUT_WR);
    std::error_code ec;
    EXPECT_EQ(read_all(both.server, ec), "half a");
    EXPECT_EQ(ec, net::tls_errc::truncated);
    EXPECT_EQ(ec.message(), "the peer ended the connection without close_notify");
    read_all(both.server, ec);
    EXPECT_EQ(ec, net::tls_errc::truncated);  // for good
    ::close(raw);
  });
}

TEST_F(TlsStream, TL11_DeadlinesOfReadsPassAndMove) {
  from_both([] {
    auto both = made();
    char buffer[8];
    std::error_code ec;
    both.client.set_read_deadline(goro::clock::now() + 5ms);
    both.client.read(buffer, ec);
    EXPECT_EQ(ec, goro::errc::deadline_exceeded);
    both.server.write("data");
    both.client.read(buffer, ec);
    EXPECT_EQ(ec, goro::errc::deadline_exceeded);
    both.client.set_read_deadline(goro::time_point::max());
    EXPECT_EQ(both.client.read(std::span<char>(buffer, 2), ec), 2u);
    EXPECT_FALSE(ec);
    both.client.set_read_deadline(goro::clock::now() - 1s);  // although two bytes are there
    both.client.read(buffer, ec);
    EXPECT_EQ(ec, goro::errc::deadline_exceeded);
    both.client.set_write_deadline(goro::clock::now() - 1s);
    both.client.write("x", ec);
    EXPECT_EQ(ec, goro::errc::deadline_exceeded);
  });
}

TEST_F(TlsStream, TL11_AWriteThatIsCutOffFailsForGood) {
  auto both = made();
  const std::string much(8 << 20, 'x');
  std::error_code ec;
  both.client.set_write_deadline(goro::clock::now() + 20ms);
  EXPECT_LT(both.client.write(much, ec), much.size());
  EXPECT_EQ(ec, goro::errc::deadline_exceeded);
  both.client.set_write_deadline(goro::time_point::max());
  both.client.write("x", ec);
  EXPECT_EQ(ec, goro::errc::deadline_exceeded);
}

TEST_F(TlsStream, TL12_AHandshakeEndsWithItsContext) {
  from_both([] {
    auto ends = connection();
    net::conn client = net::tls_client(std::move(ends.first), client_options());
    std::error_code ec;
    const auto [late, no_need] = goro::with_timeout(goro::background(), 5ms);
    net::tls_handshake(late, client, ec);
    EXPECT_EQ(ec, goro::errc::deadline_exceeded);

    ends = connection();
    net::conn server = net::tls_server(std::move(ends.second), server_options());
    const auto [ctx, cancel] = goro::with_cancel(goro::background());
    goro::scope s;
    s.go([&cancel = cancel] { cancel(); });
    net::tls_handshake(ctx, server, ec);
    EXPECT_EQ(ec, goro::errc::canceled);

    net::listener mute = net::listen("127.0.0.1:0");
    const auto [ctx2, cancel2] = goro::with_timeout(goro::background(), 5ms);
    net::dial_tls(ctx2, mute.local_address().to_string(), client_options(), ec);
    EXPECT_EQ(ec, goro::errc::deadline_exceeded);
    ends = connection();
    server = net::tls_server(std::move(ends.first), server_options());
    server.set_read_deadline(goro::clock::now() + 5ms);
    char buffer[4];
    server.read(buffer, ec);
    EXPECT_EQ(ec, goro::errc::deadline_exceeded);
  });
}

TEST_F(TlsStream, TL12_AHandshakeThatFailedIsNotTriedAgain) {
  auto ends = connection();
  net::conn client = net::tls_client(std::move(ends.first), client_options());
  const auto [ctx, cancel] = goro::with_cancel(goro::background());
  goro::scope s;
  s.go([&, &ctx = ctx] {
    std::error_code ec;
    net::tls_handshake(ctx, client, ec);
    EXPECT_EQ(ec, goro::errc::canceled);
    net::tls_handshake(goro::background(), client, ec);
    EXPECT_EQ(ec, goro::errc::canceled);
  });
  ASSERT_TRUE(eventually([] { return goro::detail::parked_count(goro::detail::wait_reason::io_wait) == 1; }));
  cancel();
  s.wait();
}

TEST_F(TlsStream, TL12_TheContextOfAHandshakeDoesNotLast) {
  auto ends = connection();
  net::conn server = net::tls_server(std::move(ends.second), server_options());
  net::conn client = net::tls_client(std::move(ends.first), client_options());
  goro::scope s;
  s.go([&] { net::tls_handshake(goro::background(), server); });
  const auto [ctx, cancel] = goro::with_cancel(goro::background());
  net::tls_handshake(ctx, client);
  cancel();
  s.wait();
  client.write("still");
  char buffer[8];
  EXPECT_EQ(server.read(buffer), 5u);
}

TEST_F(TlsStream, TL13_AnythingButTls) {
  from_both([] {
    for (const std::string_view sent :
         {"GET / HTTP/1.1\r\n\r\n"sv, "\x16\x03\x01\x00\x05hello"sv, "\x15\x03\x01\x00\x02\x02\x28"sv}) {
      auto ends = connection();
      net::conn server = net::tls_server(std::move(ends.second), server_options());
      ends.first.write(sent);
      std::error_code ec;
      net::tls_handshake(goro::background(), server, ec);
      EXPECT_EQ(ec, net::tls_errc::protocol) << ec.message();
    }
    auto ends = connection();
    net::conn client = net::tls_client(std::move(ends.first), client_options());
    ends.second.write("220 ready\r\n");
    std::error_code ec;
    client.write("x", ec);
    EXPECT_EQ(ec, net::tls_errc::protocol);
    EXPECT_EQ(ec.message(), "wrong version number");
  });
}

TEST_F(TlsStream, TL13_ARecordThatWasTamperedWith) {
  auto ends = connection();
  const int raw = ::fcntl(ends.first.native_handle(), F_DUPFD_CLOEXEC, 0);
  auto both = made(std::move(ends));
  const char forged[] = "\x17\x03\x03\x00\x20 thirty-two bytes of made-up stuff";
  ASSERT_EQ(::write(raw, forged, 5 + 32), 5 + 32);
  std::error_code ec;
  read_all(both.server, ec);
  EXPECT_EQ(ec, net::tls_errc::protocol);
  EXPECT_EQ(ec.message(), "decryption failed or bad record mac");
  read_all(both.client, ec);  // is told so
  EXPECT_EQ(ec, net::tls_errc::protocol);
  EXPECT_NE(ec.message().find("bad record mac"), std::string::npos) << ec.message();
  ::close(raw);
}

TEST_F(TlsStream, TL14_ResetsHalfWay) {
  from_both([] {
    auto ends = connection();
    net::conn client = net::tls_client(std::move(ends.first), client_options());
    goro::scope s;
    s.go([&] {  // takes the hello, and goes
      char buffer[16];
      ends.second.read(buffer);
      const linger hard{1, 0};
      ::setsockopt(ends.second.native_handle(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
      ends.second.close();
    });
    std::error_code ec;
    net::tls_handshake(goro::background(), client, ec);
    EXPECT_EQ(ec, std::errc::connection_reset) << ec.message();
    s.wait();

    ends = connection();
    net::conn server = net::tls_server(std::move(ends.second), server_options());
    ends.first.write("\x16\x03\x01");
    ends.first.close();
    net::tls_handshake(goro::background(), server, ec);
    EXPECT_EQ(ec, net::tls_errc::truncated) << ec.message();
  });
}

TEST_F(TlsStream, TL15_CloseLetsEverybodyOut) {
  from_both([] {
    auto both = made();
    std::atomic<int> out{0};
    goro::scope s;
    s.go([&] {
      char buffer[8];
      std::error_code ec;
      both.client.read(buffer, ec);
      EXPECT_EQ(ec, net::errc::closed);
      ++out;
    });
    s.go([&] {
      std::error_code ec;
      both.client.wait_readable(ec);
      EXPECT_EQ(ec, net::errc::closed);
      ++out;
    });
    s.go([&] {
      std::error_code ec;
      const std::string much(1 << 20, 'x');
      while (!ec) both.client.write(much, ec);
      ++out;
    });
    ASSERT_TRUE(
        eventually([] { return goro::detail::parked_count(goro::detail::wait_reason::io_wait) >= 2; }));
    both.client.close();
    s.wait();
    EXPECT_EQ(out, 3);
    std::error_code ec;
    both.client.write("x", ec);
    EXPECT_EQ(ec, net::errc::closed);
  });
}

// A connection whose writes, once it is told so, wait for word.
class gated final : public net::stream {
 public:
  struct gate {
    std::atomic<bool> shut{false};
    std::atomic<int> waiting{0};
    goro::chan<int> word = goro::make_chan<int>();
  };
  gated(net::conn inner, gate& g) : inner_(std::move(inner)), gate_(g) {}
  ~gated() override { close(); }
  std::size_t read(std::span<char> into, std::error_code& ec) override { return inner_.read(into, ec); }
  std::size_t write(std::string_view what, std::error_code& ec) override {
    if (gate_.shut) {
      ++gate_.waiting;
      (void)gate_.word.recv();
    }
    return inner_.write(what, ec);
  }
  void wait_readable(std::error_code& ec) override { inner_.wait_readable(ec); }
  void set_read_deadline(std::int64_t when) noexcept override { inner_.get()->set_read_deadline(when); }
  void set_write_deadline(std::int64_t when) noexcept override { inner_.get()->set_write_deadline(when); }
  void close() noexcept override { inner_.close(); }
  void close_write(std::error_code& ec) override { inner_.close_write(ec); }
  net::address local_address() const override { return inner_.local_address(); }
  net::address remote_address() const override { return inner_.remote_address(); }
  int native_handle() const noexcept override { return -1; }

 private:
  net::conn inner_;
  gate& gate_;
};

TEST_F(TlsStream, TL15_ASecondCloseDoesNotCutOffTheFirstOnesEnd) {
  gated::gate gate;
  auto ends = connection();
  auto both = made({net::conn(std::make_unique<gated>(std::move(ends.first), gate)), std::move(ends.second)});
  gate.shut = true;
  std::atomic<int> closed{0};
  goro::scope s;
  s.go([&] {
    both.client.close();
    ++closed;
  });
  ASSERT_TRUE(eventually([&] { return gate.waiting == 1; }));
  std::atomic<bool> about{false};
  s.go([&] {
    about = true;
    both.client.close();
    ++closed;
  });
  ASSERT_TRUE(eventually([&] { return about.load(); }));
  goro::sleep_for(20ms);
  EXPECT_EQ(closed, 0);
  gate.shut = false;
  gate.word.close();
  s.wait();
  std::error_code ec;
  EXPECT_EQ(read_all(both.server, ec), "");
  EXPECT_FALSE(ec) << ec.message();
}

TEST_F(TlsStream, TL15_CloseDuringTheHandshake) {
  auto ends = connection();
  net::conn client = net::tls_client(std::move(ends.first), client_options());
  goro::scope s;
  s.go([&] {
    std::error_code ec;
    net::tls_handshake(goro::background(), client, ec);
    EXPECT_EQ(ec, net::errc::closed);
  });
  ASSERT_TRUE(eventually([] { return goro::detail::parked_count(goro::detail::wait_reason::io_wait) == 1; }));
  client.close();
  s.wait();
}

TEST_F(TlsStream, TL16_WaitsForDataWithoutTakingIt) {
  auto both = made();
  goro::scope s;
  s.go([&] {
    both.server.wait_readable();
    char buffer[8];
    EXPECT_EQ(both.server.read(buffer), 4u);
    both.server.wait_readable();
    EXPECT_EQ(both.server.read(buffer), 0u);
  });
  both.client.write("data");
  both.client.close();
  s.wait();
}

TEST_F(TlsStream, TL17_PiecesAndFiles) {
  auto both = made();
  const std::vector<std::string_view> pieces = {"a", "", "bcd", "e"};
  both.client.writev(pieces);
  const text_file file(std::string(100'000, 'f'));
  const int fd = ::open(file.path().c_str(), O_RDONLY | O_CLOEXEC);
  goro::scope s;
  s.go([&] {
    EXPECT_EQ(both.client.send_file(fd, 10, 200'000), 99'990u);
    both.client.close_write();
  });
  std::error_code ec;
  EXPECT_EQ(read_all(both.server, ec), "abcde" + std::string(99'990, 'f'));
  EXPECT_FALSE(ec);
  s.wait();
  ::close(fd);
}

}  // namespace
