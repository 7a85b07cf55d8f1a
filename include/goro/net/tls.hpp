// SPDX-License-Identifier: MIT
// TLS: connections that are encrypted, and whose other end is who it says it is. OpenSSL 3 does the work.
//
//   auto [ctx, cancel] = goro::with_timeout(goro::background(), 5s);
//   goro::net::conn c = goro::net::dial_tls(ctx, "example.org:443");   // verified: the system's roots
//
//   goro::net::tls_options own;
//   own.certificates = {{"/etc/own/chain.pem", "/etc/own/key.pem"}};
//   goro::net::listener l = goro::net::listen_tls(":8443", own);
//
// What comes out are a conn and a listener like any other: deadlines, close, reading and writing at the same
// time. Go's crypto/tls. As there, a server's handshake, and that of tls_client, happens in the first read or
// write, within its deadline, or in tls_handshake.
// The end: read gives 0 once the peer has said that it ends (close_notify); a connection that just breaks off
// is an error, tls_errc::truncated. close() and close_write() say so; close waits for that for a second at
// most. Once a write has failed, a deadline included, all later ones fail: nobody knows how much of a record
// has gone out. Deadlines of reads may pass and be moved.
// Needs the library goro::tls. No header of OpenSSL is included here.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <goro/detail/export.hpp>
#include <goro/net/conn.hpp>
#include <goro/net/listener.hpp>

namespace goro {
class context;
}

namespace goro::detail {
struct tls_setup;
}

namespace goro::net {

// What went wrong, roughly: to compare with. The std::error_code itself is of the category "goro.tls", and
// its message is what OpenSSL says: "certificate verify failed: certificate has expired".
enum class tls_errc {
  protocol = 1,  // the peer does not speak TLS, or nothing that we both allow, or it refused us
  certificate,   // the peer's certificate does not hold: authority, time, name, purpose
  truncated,     // the connection ended without a close_notify
  configuration  // tls_options name what cannot be read or used
};
GORO_API std::error_condition make_error_condition(tls_errc code) noexcept;

enum class tls_version { v1_2, v1_3 };
enum class tls_client_auth { none, request, require };  // request: verified if there is one

// Each either PEM text or the name of a file with it.
struct tls_certificate {
  std::string chain;  // the certificate, then those between it and the root
  std::string key;    // unencrypted
};

struct tls_options {
  // Client: the name that the certificate must have, and that the server is told (SNI). Empty: the host that
  // was dialled. A number is looked for among the certificate's addresses.
  std::string server_name = {};
  // Client: without, anybody on the way can read and change everything. For tests.
  bool verify = true;
  // Whom to trust: the system's roots (SSL_CERT_FILE and SSL_CERT_DIR name others), and these: PEM text or a
  // file. Of a server's options these are whom its clients' certificates must come from, and the system's do
  // not count.
  bool system_roots = true;
  std::string authorities = {};

  // A server: at least one; the first whose names match what the client asks for, else the first. A client:
  // the one that it shows if it is asked to.
  std::vector<tls_certificate> certificates = {};
  tls_client_auth client_auth = tls_client_auth::none;

  // Protocols, as "h2" and "http/1.1", the best first; the server's order counts. None in common: no
  // connection.
  std::vector<std::string> alpn = {};
  tls_version min_version = tls_version::v1_2;
  tls_version max_version = tls_version::v1_3;
};

// What has been made of tls_options: certificates read, keys checked. A shared handle; make it once and use
// it for many connections, from any goroutine and thread.
//
// Throws   std::system_error, tls_errc::configuration: what cannot be read or used; std::invalid_argument: an
//          option makes no sense.
class tls_config {
 public:
  GORO_API tls_config();
  GORO_API tls_config(
      const tls_options& options);  // NOLINT: options may be given wherever a config is wanted

  // For the library.
  const std::shared_ptr<const goro::detail::tls_setup>& get() const noexcept { return setup_; }

 private:
  std::shared_ptr<const goro::detail::tls_setup> setup_;
};

// Connects as dial() does, and shakes hands.
//
// Throws   as dial(); of the handshake: tls_errc, what the connection reports, or what ctx is done for.
// Waits    until the peer has been verified, or ctx is done.
// Go       tls.Dialer.DialContext
GORO_API conn dial_tls(const context& ctx, std::string_view address, const tls_config& config = tls_config());
GORO_API conn dial_tls(const context& ctx, std::string_view address, const tls_config& config,
                       std::error_code& ec);

// Listens as listen() does; accept() does not wait for the handshake, so a slow client holds up nobody.
//
// Throws   as listen(); std::invalid_argument: no certificate.
// Go       tls.Listen
GORO_API listener listen_tls(std::string_view address, const tls_config& config,
                             const listen_options& options = {});
GORO_API listener listen_tls(std::string_view address, const tls_config& config,
                             const listen_options& options, std::error_code& ec);

// Over any other conn, which they take over; nothing is sent yet. `server_name`: if the config has none.
//
// Throws   std::invalid_argument: a client without a name that is to verify, a server without a certificate.
// Go       tls.Client, tls.Server
GORO_API conn tls_client(conn inner, const tls_config& config, std::string_view server_name = {});
GORO_API conn tls_server(conn inner, const tls_config& config);
GORO_API listener tls_server(listener inner, const tls_config& config);

// Shakes hands now, if that has not been done. A failed handshake is not tried again. A conn without TLS:
// nothing.
//
// Go       Conn.HandshakeContext
GORO_API void tls_handshake(const context& ctx, const conn& c);
GORO_API void tls_handshake(const context& ctx, const conn& c, std::error_code& ec);

struct tls_state {
  bool handshake_done = false;
  std::string version = {};           // "TLSv1.3"; this and what follows: once the handshake is done
  std::string cipher = {};            // "TLS_AES_256_GCM_SHA384"
  std::string alpn = {};              // the protocol agreed on; empty: none
  std::string server_name = {};       // what the client asked for
  std::string peer_certificate = {};  // PEM; empty: it showed none
  std::string peer_subject = {};      // "CN=…"
  bool resumed = false;
};

// None: the conn is not one of TLS. Go: Conn.ConnectionState
GORO_API std::optional<tls_state> tls_state_of(const conn& c);

}  // namespace goro::net

template <>
struct std::is_error_condition_enum<goro::net::tls_errc> : std::true_type {};
