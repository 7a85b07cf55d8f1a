// SPDX-License-Identifier: MIT
// Beside OpenSSL's own programs, if they are here; and over connections that are no sockets.
#include "support/child.hpp"
#include "tls/fixture.hpp"

#include <goro/net/pipe.hpp>

#include <unistd.h>

#include <string>
#include <vector>

namespace {

using namespace goro_test;

class TlsBesideOpenssl : public TlsTest {
 protected:
  void SetUp() override {
    if (::access(program_, X_OK) != 0) GTEST_SKIP() << "there is no " << program_;
  }
  static constexpr const char* program_ = "/usr/bin/openssl";
};

class TlsOverPipe : public TlsTest {};

TEST_F(TlsBesideOpenssl, TL30_ItsClientTalksToUs) {
  const text_file roots(authority().pem());
  for (const char* const version : {"-tls1_2", "-tls1_3"}) {
    auto options = server_options();
    options.alpn = {"http/1.1"};
    net::listener l = net::listen_tls("127.0.0.1:0", options);
    goro::scope s;
    s.go([&] {
      net::conn c = l.accept();
      c.write("good morning\n");
      EXPECT_EQ(net::tls_state_of(c)->alpn, "http/1.1");
    });
    const auto r =
        run_child(program_, {"s_client", "-connect", l.local_address().to_string(), "-CAfile", roots.path(),
                             "-verify_return_error", "-verify_hostname", "localhost", "-servername",
                             "localhost", "-alpn", "http/1.1", version, "-quiet", "-ign_eof"});
    EXPECT_EQ(r.exit_status, 0) << r.err;
    EXPECT_EQ(r.out, "good morning\n") << r.err;
    s.wait();
  }
}

TEST_F(TlsBesideOpenssl, TL30_WeTalkToItsServer) {
  const text_file chain(server_certificate().pem);
  const text_file key(server_certificate().key);
  for (const char* const version : {"-tls1_2", "-tls1_3"}) {
    const std::string at = net::listen("127.0.0.1:0").local_address().to_string();  // free again, as a rule
    std::thread server([&] {
      const auto r = run_child(program_, {"s_server", "-accept", at, "-cert", chain.path(), "-key",
                                          key.path(), "-rev", "-naccept", "1", "-quiet", version});
      EXPECT_EQ(r.exit_status, 0) << r.err;
    });
    net::conn c;
    std::error_code ec;
    EXPECT_TRUE(eventually([&] {
      c = net::dial_tls(goro::background(), at, client_options(), ec);
      return ec != std::errc::connection_refused;
    }));
    EXPECT_FALSE(ec) << ec.message();
    if (c) {
      c.write("drawer\n");
      char buffer[64];
      std::string answer;
      while (answer.size() < 7) answer.append(buffer, c.read(buffer));
      EXPECT_EQ(answer, "reward\n");
      c.close();
    }
    server.join();
  }
}

TEST_F(TlsOverPipe, TL31_AConnectionThatIsNoSocket) {
  from_both([] {
    auto both = shake(client_options(), server_options(), net::pipe());
    ASSERT_FALSE(both.client_error) << both.client_error.message();
    const std::string much(300'000, 'p');
    goro::scope s;
    s.go([&] {
      both.server.write(much);
      both.server.close();
    });
    std::error_code ec;
    EXPECT_EQ(read_all(both.client, ec), much);
    EXPECT_FALSE(ec) << ec.message();
    s.wait();
  });
}

TEST_F(TlsOverPipe, TL31_ATlsConnectionInsideAnother) {
  auto outer = shake(client_options(), server_options(), net::pipe());
  ASSERT_FALSE(outer.client_error);
  auto inner = shake(client_options(), server_options(), {std::move(outer.client), std::move(outer.server)});
  ASSERT_FALSE(inner.client_error) << inner.client_error.message();
  goro::scope s;
  s.go([&] { inner.client.write("matryoshka"); });
  char buffer[16];
  EXPECT_EQ(inner.server.read(buffer), 10u);
  s.wait();
}

}  // namespace
