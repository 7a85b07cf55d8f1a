// SPDX-License-Identifier: MIT
// What tls_options become: read once, and then only looked at, by any number of connections.
#pragma once

#include "tls/openssl.hpp"

#include <goro/net/tls.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace goro::detail {

struct tls_identity {
  owned<X509> certificate;
  owned<EVP_PKEY> key;
  std::vector<owned<X509>> chain;
};

struct tls_setup {
  explicit tls_setup(const net::tls_options& options);
  tls_setup(const tls_setup&) = delete;
  tls_setup& operator=(const tls_setup&) = delete;

  // A connection's own object, ready for its handshake. Throws std::system_error, std::invalid_argument.
  owned<SSL> make_client(std::string_view server_name) const;
  owned<SSL> make_server() const;

  const tls_identity* identity_for(const char* name) const noexcept;
  bool has_certificate() const noexcept { return !identities.empty(); }

  std::string server_name;
  bool verify;
  net::tls_client_auth client_auth;
  std::string alpn;  // as it is sent: each protocol after its length
  std::vector<tls_identity> identities;
  owned<SSL_CTX> client;
  owned<SSL_CTX> server;
};

}  // namespace goro::detail
