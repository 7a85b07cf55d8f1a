// SPDX-License-Identifier: MIT
// OpenSSL's objects with owners, and its errors as std::error_code.
//
// OpenSSL keeps the errors of a thread in a queue of that thread, and a goroutine may be in another one after
// each park. So whoever calls it makes a section without a park: clears the queue, calls, and takes the
// errors.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <system_error>

namespace goro::detail {

struct openssl_free {
  void operator()(SSL_CTX* p) const noexcept { SSL_CTX_free(p); }
  void operator()(SSL* p) const noexcept { SSL_free(p); }
  void operator()(BIO* p) const noexcept { BIO_free(p); }
  void operator()(X509* p) const noexcept { X509_free(p); }
  void operator()(EVP_PKEY* p) const noexcept { EVP_PKEY_free(p); }
  void operator()(X509_STORE* p) const noexcept { X509_STORE_free(p); }
};
template <class T>
using owned = std::unique_ptr<T, openssl_free>;

// The category "goro.tls". Positive values are OpenSSL's error codes, negative ones say why a certificate did
// not hold (X509_V_ERR_…).
std::error_code tls_verify_error(long why) noexcept;
// The first error in this thread's queue, which is then empty; `otherwise` (a reason of the library SSL) if
// there was none.
std::error_code take_openssl_error(int otherwise) noexcept;
// The same, of what was to be configured.
std::error_code take_setup_error() noexcept;
// What ends a connection that breaks off.
std::error_code tls_truncated() noexcept;

}  // namespace goro::detail
