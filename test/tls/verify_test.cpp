// SPDX-License-Identifier: MIT
// Who is let in, and who is not.
#include "tls/fixture.hpp"

#include <stdexcept>

namespace {

using namespace goro_test;

class TlsVerify : public TlsTest {};

net::tls_options server_with(const certificate& own) {
  net::tls_options options;
  options.certificates = {{own.pem, own.key}};
  return options;
}

TEST_F(TlsVerify, TL01_ShakesHandsAndSaysWithWhom) {
  from_both([] {
    auto both = shake(client_options(), server_options());
    ASSERT_FALSE(both.client_error) << both.client_error.message();
    ASSERT_FALSE(both.server_error) << both.server_error.message();
    const auto seen = net::tls_state_of(both.client);
    ASSERT_TRUE(seen);
    EXPECT_TRUE(seen->handshake_done);
    EXPECT_EQ(seen->version, "TLSv1.3");
    EXPECT_EQ(seen->peer_certificate, server_certificate().pem);
    EXPECT_EQ(seen->peer_subject, "CN=test");
    EXPECT_EQ(net::tls_state_of(both.server)->server_name, "localhost");
    EXPECT_EQ(net::tls_state_of(both.server)->peer_certificate, "");
    both.client.write("question");
    char buffer[16];
    EXPECT_EQ(both.server.read(buffer), 8u);
    both.server.write("answer");
    EXPECT_EQ(both.client.read(buffer), 6u);
  });
}

TEST_F(TlsVerify, TL01_OlderVersionsByChoiceOnly) {
  auto client = client_options();
  client.max_version = net::tls_version::v1_2;
  auto both = shake(client, server_options());
  ASSERT_FALSE(both.client_error);
  EXPECT_EQ(net::tls_state_of(both.client)->version, "TLSv1.2");
  both.client.write("x");
  char buffer[4];
  EXPECT_EQ(both.server.read(buffer), 1u);
  auto server = server_options();
  server.min_version = net::tls_version::v1_3;
  both = shake(client, server);
  EXPECT_EQ(both.client_error, net::tls_errc::protocol) << both.client_error.message();
  EXPECT_NE(both.client_error.message().find("protocol version"), std::string::npos)
      << both.client_error.message();
}

TEST_F(TlsVerify, TL02_AWrongNameIsRefused) {
  from_both([] {
    auto client = client_options();
    client.server_name = "other.example";
    const auto both = shake(client, server_options());
    EXPECT_EQ(both.client_error, net::tls_errc::certificate);
    EXPECT_EQ(both.client_error.message(), "certificate verify failed: hostname mismatch");
    EXPECT_TRUE(both.server_error);
  });
}

TEST_F(TlsVerify, TL02_NumbersAreLookedUpAmongAddresses) {
  auto client = client_options();
  client.server_name = "127.0.0.1";
  auto both = shake(client, server_options());
  EXPECT_FALSE(both.client_error) << both.client_error.message();
  EXPECT_EQ(net::tls_state_of(both.server)->server_name, "");
  client.server_name = "127.0.0.2";
  EXPECT_EQ(shake(client, server_options()).client_error.message(),
            "certificate verify failed: IP address mismatch");
}

TEST_F(TlsVerify, TL02_AWildcardStandsForOneLabel) {
  const auto server = server_with(authority().issue({.names = {"*.example.org"}}));
  auto client = client_options();
  client.server_name = "www.example.org";
  EXPECT_FALSE(shake(client, server).client_error);
  client.server_name = "a.b.example.org";
  EXPECT_EQ(shake(client, server).client_error, net::tls_errc::certificate);
}

TEST_F(TlsVerify, TL03_AnUnknownAuthorityIsRefused) {
  const certificate_authority other("other");
  const auto both = shake(client_options(), server_with(other.issue({.names = {"localhost"}})));
  EXPECT_EQ(both.client_error, net::tls_errc::certificate);
  EXPECT_EQ(both.client_error.message(), "certificate verify failed: unable to get local issuer certificate");
  EXPECT_EQ(both.server_error, net::tls_errc::protocol);
  EXPECT_NE(both.server_error.message().find("unknown ca"), std::string::npos) << both.server_error.message();

  auto system_only = client_options();
  system_only.authorities.clear();
  system_only.system_roots = true;
  EXPECT_EQ(shake(system_only, server_options()).client_error, net::tls_errc::certificate);
  EXPECT_EQ(shake(net::tls_options{.server_name = "localhost"}, server_options()).client_error,
            net::tls_errc::certificate);
}

TEST_F(TlsVerify, TL03_WithoutVerificationAnybodyWillDo) {
  net::tls_options client;
  client.verify = false;
  EXPECT_FALSE(shake(client, server_options()).client_error);
}

TEST_F(TlsVerify, TL04_ExpiredAndNotYetValid) {
  const auto expired = authority().issue({.names = {"localhost"}, .valid_from = -7200, .valid_for = 3600});
  EXPECT_EQ(shake(client_options(), server_with(expired)).client_error.message(),
            "certificate verify failed: certificate has expired");
  const auto future = authority().issue({.names = {"localhost"}, .valid_from = 3600});
  EXPECT_EQ(shake(client_options(), server_with(future)).client_error.message(),
            "certificate verify failed: certificate is not yet valid");
  const auto purpose = authority().issue({.names = {"localhost"}, .for_clients = true});
  EXPECT_EQ(shake(client_options(), server_with(purpose)).client_error, net::tls_errc::certificate);
}

TEST_F(TlsVerify, TL05_ProtocolsAreAgreedOn) {
  auto client = client_options();
  auto server = server_options();
  client.alpn = {"http/1.1", "h2"};
  server.alpn = {"h2", "http/1.1"};
  auto both = shake(client, server);
  EXPECT_EQ(net::tls_state_of(both.client)->alpn, "h2");
  EXPECT_EQ(net::tls_state_of(both.server)->alpn, "h2");
  server.alpn.clear();
  both = shake(client, server);
  EXPECT_FALSE(both.client_error);
  EXPECT_EQ(net::tls_state_of(both.client)->alpn, "");
  server.alpn = {"other"};
  both = shake(client, server);
  EXPECT_EQ(both.client_error, net::tls_errc::protocol);
  EXPECT_NE(both.client_error.message().find("no application protocol"), std::string::npos)
      << both.client_error.message();
}

TEST_F(TlsVerify, TL06_ClientsShowWhoTheyAre) {
  auto server = server_options();
  server.client_auth = net::tls_client_auth::require;
  server.authorities = authority().pem();
  auto client = client_options();
  const auto own = authority().issue({.common_name = "somebody", .for_clients = true});
  client.certificates = {{own.pem, own.key}};
  auto both = shake(client, server);
  EXPECT_FALSE(both.server_error) << both.server_error.message();
  EXPECT_EQ(net::tls_state_of(both.server)->peer_subject, "CN=somebody");

  // Without one. In TLS 1.3 the client learns it when it reads.
  both = shake(client_options(), server);
  EXPECT_EQ(both.server_error, net::tls_errc::protocol);
  EXPECT_NE(both.server_error.message().find("did not return a certificate"), std::string::npos)
      << both.server_error.message();
  const certificate_authority other;
  const auto foreign = other.issue({.common_name = "stranger", .for_clients = true});
  client.certificates = {{foreign.pem, foreign.key}};
  EXPECT_EQ(shake(client, server).server_error, net::tls_errc::certificate);
  server.client_auth = net::tls_client_auth::request;
  EXPECT_EQ(shake(client, server).server_error, net::tls_errc::certificate);
  EXPECT_FALSE(shake(client_options(), server).server_error);
}

TEST_F(TlsVerify, TL07_AServerOfSeveralNames) {
  const auto a = authority().issue({.names = {"a.example"}, .common_name = "a"});
  const auto b = authority().issue({.names = {"*.b.example"}, .common_name = "b"});
  net::tls_options server;
  server.certificates = {{a.pem, a.key}, {b.pem, b.key}};
  const net::tls_config config(server);
  auto client = client_options();
  client.server_name = "a.example";
  EXPECT_EQ(net::tls_state_of(shake(client, config).client)->peer_subject, "CN=a");
  client.server_name = "www.b.example";
  EXPECT_EQ(net::tls_state_of(shake(client, config).client)->peer_subject, "CN=b");
  client.server_name = "c.example";
  client.verify = false;
  EXPECT_EQ(net::tls_state_of(shake(client, config).client)->peer_subject, "CN=a");
}

TEST_F(TlsVerify, TL08_FilesAndWhatIsWrongWithThem) {
  const text_file chain(server_certificate().pem);
  const text_file key(server_certificate().key);
  const text_file roots(authority().pem());
  net::tls_options server;
  server.certificates = {{chain.path(), key.path()}};
  auto client = client_options();
  client.authorities = roots.path();
  EXPECT_FALSE(shake(client, server).client_error);

  const auto refused = [](const net::tls_options& options) {
    try {
      const net::tls_config config(options);
    } catch (const std::system_error& e) {
      return std::string(e.what());
    }
    return std::string("accepted");
  };
  net::tls_options bad;
  bad.certificates = {{"/nowhere/chain.pem", key.path()}};
  EXPECT_NE(refused(bad).find("\"/nowhere/chain.pem\""), std::string::npos) << refused(bad);
  EXPECT_NE(refused(bad).find("No such file"), std::string::npos) << refused(bad);
  bad.certificates = {{chain.path(), authority().pem()}};
  EXPECT_NE(refused(bad).find("no unencrypted private key"), std::string::npos) << refused(bad);
  const auto other = authority().issue({.names = {"localhost"}});
  bad.certificates = {{chain.path(), other.key}};
  EXPECT_NE(refused(bad).find("is not that of the certificate"), std::string::npos) << refused(bad);
  EXPECT_EQ(refused(bad).find("BEGIN"), std::string::npos) << refused(bad);
  bad.certificates = {{key.path(), key.path()}};
  EXPECT_NE(refused(bad).find("no certificate in"), std::string::npos) << refused(bad);
}

TEST_F(TlsVerify, TL08_OptionsThatMakeNoSense) {
  EXPECT_THROW(net::tls_config(net::tls_options{.alpn = {""}}), std::invalid_argument);
  EXPECT_THROW(net::tls_config(net::tls_options{.min_version = net::tls_version::v1_3,
                                                .max_version = net::tls_version::v1_2}),
               std::invalid_argument);
  EXPECT_THROW(net::tls_config(net::tls_options{.client_auth = net::tls_client_auth::require}),
               std::invalid_argument);
  EXPECT_THROW(net::tls_client(connection().first, net::tls_config()), std::invalid_argument);
  EXPECT_THROW(net::tls_server(connection().first, net::tls_config()), std::invalid_argument);
  EXPECT_THROW(net::listen_tls("127.0.0.1:0", net::tls_config()), std::invalid_argument);
}

TEST_F(TlsVerify, TL09_DialsAndListens) {
  from_both([] {
    net::listener l = net::listen_tls("127.0.0.1:0", server_options());
    goro::scope s;
    s.go([&] {
      for (int i = 0; i != 2; ++i) {
        net::conn c = l.accept();
        std::error_code ec;
        char buffer[16];
        if (const std::size_t n = c.read(buffer, ec)) c.write(std::string_view(buffer, n), ec);
      }
    });
    auto options = client_options();
    options.server_name.clear();  // the number that is dialled
    net::conn c = net::dial_tls(goro::background(), l.local_address().to_string(), options);
    c.write("echo");
    char buffer[16];
    EXPECT_EQ(c.read(buffer), 4u);
    try {
      net::dial_tls(goro::background(), l.local_address().to_string(),
                    net::tls_options{.server_name = "other"});
      FAIL() << "connected to whom?";
    } catch (const std::system_error& e) {
      EXPECT_EQ(e.code(), net::tls_errc::certificate);
      EXPECT_NE(std::string(e.what()).find("dial_tls: \"127.0.0.1:"), std::string::npos) << e.what();
    }
    s.wait();
  });
}

}  // namespace
