// SPDX-License-Identifier: MIT
#include "tls/openssl.hpp"

#include <goro/net/tls.hpp>

#include <openssl/sslerr.h>
#include <openssl/x509_vfy.h>

#include <string>

namespace goro::net {
namespace {

tls_errc kind_of(int code) noexcept {
  if (code < 0) return tls_errc::certificate;
  const auto packed = static_cast<unsigned long>(code);
  if (ERR_GET_LIB(packed) != ERR_LIB_SSL) return tls_errc::protocol;
  switch (ERR_GET_REASON(packed)) {
    case SSL_R_UNEXPECTED_EOF_WHILE_READING: return tls_errc::truncated;
    case SSL_R_CERTIFICATE_VERIFY_FAILED: return tls_errc::certificate;
    default: return tls_errc::protocol;
  }
}

class condition_category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "goro.tls"; }
  std::string message(int code) const override {
    switch (static_cast<tls_errc>(code)) {
      case tls_errc::protocol: return "TLS protocol error";
      case tls_errc::certificate: return "certificate verify failed";
      case tls_errc::truncated: return "connection ended without close_notify";
      case tls_errc::configuration: return "TLS cannot be configured so";
    }
    return "unknown";
  }
};

class code_category : public std::error_category {
 public:
  const char* name() const noexcept override { return "goro.tls"; }
  std::string message(int code) const override {
    if (code < 0)
      return std::string("certificate verify failed: ") + X509_verify_cert_error_string(-long{code});
    const auto packed = static_cast<unsigned long>(code);
    if (ERR_GET_REASON(packed) == SSL_R_UNEXPECTED_EOF_WHILE_READING && ERR_GET_LIB(packed) == ERR_LIB_SSL)
      return "the peer ended the connection without close_notify";
    if (const char* const reason = ERR_reason_error_string(packed)) return reason;
    char text[128];
    ERR_error_string_n(packed, text, sizeof text);
    return text;
  }
  std::error_condition default_error_condition(int code) const noexcept override {
    return make_error_condition(kind_of(code));
  }
};

// The same errors, met while reading certificates and keys.
class setup_category final : public code_category {
 public:
  std::error_condition default_error_condition(int) const noexcept override {
    return make_error_condition(tls_errc::configuration);
  }
};

// All of them outlive static destruction.
const code_category& codes() noexcept {
  static const code_category* const one = new code_category;
  return *one;
}
const code_category& setup_codes() noexcept {
  static const code_category* const one = new setup_category;
  return *one;
}

}  // namespace

std::error_condition make_error_condition(tls_errc code) noexcept {
  static const condition_category* const one = new condition_category;
  return {static_cast<int>(code), *one};
}

}  // namespace goro::net

namespace goro::detail {

std::error_code tls_verify_error(long why) noexcept { return {-static_cast<int>(why), net::codes()}; }

std::error_code tls_truncated() noexcept {
  return {static_cast<int>(ERR_PACK(ERR_LIB_SSL, 0, SSL_R_UNEXPECTED_EOF_WHILE_READING)), net::codes()};
}

namespace {

std::error_code take_error(int otherwise, const std::error_category& in) noexcept {
  unsigned long first = ERR_get_error();
  ERR_clear_error();
  if (ERR_SYSTEM_ERROR(first)) return {ERR_GET_REASON(first), std::system_category()};
  if (first == 0) first = ERR_PACK(ERR_LIB_SSL, 0, otherwise);
  return {static_cast<int>(first), in};
}

}  // namespace

std::error_code take_openssl_error(int otherwise) noexcept { return take_error(otherwise, net::codes()); }
std::error_code take_setup_error() noexcept { return take_error(SSL_R_BAD_VALUE, net::setup_codes()); }

}  // namespace goro::detail
