// SPDX-License-Identifier: MIT
#include "tls/engine.hpp"

#include <openssl/pem.h>
#include <openssl/sslerr.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <climits>
#include <mutex>
#include <new>
#include <utility>

namespace goro::detail {

tls_engine::tls_engine(owned<SSL> ssl) : ssl_(std::move(ssl)) {
  owned<BIO> in(BIO_new(BIO_s_mem()));
  owned<BIO> out(BIO_new(BIO_s_mem()));
  if (in == nullptr || out == nullptr) throw std::bad_alloc();
  BIO_set_mem_eof_return(in.get(), -1);  // empty is not the end
  BIO_set_mem_eof_return(out.get(), -1);
  in_ = in.release();
  out_ = out.release();
  SSL_set_bio(ssl_.get(), in_, out_);
}

// Under the lock, after a call.
tls_result tls_engine::judge(int returned, std::size_t size, std::size_t sent_before) {
  tls_result result;
  result.output = BIO_ctrl_pending(out_) > sent_before;
  if (returned > 0) {
    result.size = size;
    return result;
  }
  switch (SSL_get_error(ssl_.get(), returned)) {
    case SSL_ERROR_WANT_READ: result.step = tls_step::want_input; break;
    case SSL_ERROR_ZERO_RETURN: result.step = tls_step::ended; break;
    default: {
      result.step = tls_step::failed;
      const unsigned long first = ERR_peek_error();
      const long why = SSL_get_verify_result(ssl_.get());
      if (first == 0)
        result.ec = tls_truncated();
      else if (ERR_GET_LIB(first) == ERR_LIB_SSL &&
               ERR_GET_REASON(first) == SSL_R_CERTIFICATE_VERIFY_FAILED && why != X509_V_OK)
        result.ec = tls_verify_error(why);
      else
        result.ec = take_openssl_error(SSL_R_SSL_HANDSHAKE_FAILURE);
    }
  }
  ERR_clear_error();
  return result;
}

tls_result tls_engine::handshake() {
  const std::lock_guard guard(lock_);
  ERR_clear_error();
  const std::size_t before = BIO_ctrl_pending(out_);
  return judge(SSL_do_handshake(ssl_.get()), 0, before);
}

tls_result tls_engine::read(std::span<char> into) {
  const std::lock_guard guard(lock_);
  ERR_clear_error();
  const std::size_t before = BIO_ctrl_pending(out_);
  std::size_t n = 0;
  const int returned = SSL_read_ex(ssl_.get(), into.data(), into.size(), &n);
  return judge(returned, n, before);
}

tls_result tls_engine::peek() {
  const std::lock_guard guard(lock_);
  ERR_clear_error();
  const std::size_t before = BIO_ctrl_pending(out_);
  char one;
  std::size_t n = 0;
  const int returned = SSL_peek_ex(ssl_.get(), &one, 1, &n);
  return judge(returned, n, before);
}

tls_result tls_engine::write(std::string_view what) {
  const std::lock_guard guard(lock_);
  ERR_clear_error();
  const std::size_t before = BIO_ctrl_pending(out_);
  std::size_t n = 0;
  const int returned = SSL_write_ex(ssl_.get(), what.data(), what.size(), &n);
  return judge(returned, n, before);
}

tls_result tls_engine::end() {
  const std::lock_guard guard(lock_);
  ERR_clear_error();
  const std::size_t before = BIO_ctrl_pending(out_);
  if ((SSL_get_shutdown(ssl_.get()) & SSL_SENT_SHUTDOWN) != 0) return {};
  SSL_shutdown(ssl_.get());  // what it returns speaks of the peer's answer, which nobody waits for here
  ERR_clear_error();
  return {.output = BIO_ctrl_pending(out_) > before};
}

void tls_engine::feed(std::string_view received) {
  const std::lock_guard guard(lock_);
  ERR_clear_error();
  if (BIO_write(in_, received.data(), static_cast<int>(received.size())) !=
      static_cast<int>(received.size())) {
    ERR_clear_error();
    throw std::bad_alloc();
  }
}

void tls_engine::feed_end() {
  const std::lock_guard guard(lock_);
  BIO_set_mem_eof_return(in_, 0);
}

bool tls_engine::take(std::string& out) {
  const std::lock_guard guard(lock_);
  const std::size_t size = std::min<std::size_t>(BIO_ctrl_pending(out_), INT_MAX);
  if (size == 0) return false;
  const std::size_t before = out.size();
  out.resize(before + size);
  ERR_clear_error();
  BIO_read(out_, out.data() + before, static_cast<int>(size));
  return true;
}

std::size_t tls_engine::to_send() const {
  const std::lock_guard guard(lock_);
  return BIO_ctrl_pending(out_);
}

bool tls_engine::only_tickets() const {
  const std::lock_guard guard(lock_);
  return SSL_is_server(ssl_.get()) == 1 && SSL_version(ssl_.get()) == TLS1_3_VERSION;
}

net::tls_state tls_engine::state() const {
  const std::lock_guard guard(lock_);
  ERR_clear_error();
  net::tls_state state;
  SSL* const ssl = ssl_.get();
  state.handshake_done = SSL_is_init_finished(ssl) == 1;
  if (const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)) state.server_name = name;
  if (!state.handshake_done) return state;
  state.version = SSL_get_version(ssl);
  state.cipher = SSL_get_cipher_name(ssl);
  state.resumed = SSL_session_reused(ssl) == 1;
  const unsigned char* protocol = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl, &protocol, &size);
  state.alpn.assign(reinterpret_cast<const char*>(protocol), size);
  if (X509* const peer = SSL_get0_peer_certificate(ssl)) {
    const owned<BIO> text(BIO_new(BIO_s_mem()));
    if (text == nullptr) throw std::bad_alloc();
    PEM_write_bio_X509(text.get(), peer);
    char* data = nullptr;
    long length = BIO_get_mem_data(text.get(), &data);
    state.peer_certificate.assign(data, static_cast<std::size_t>(length));
    const owned<BIO> subject(BIO_new(BIO_s_mem()));
    if (subject == nullptr) throw std::bad_alloc();
    X509_NAME_print_ex(subject.get(), X509_get_subject_name(peer), 0, XN_FLAG_RFC2253);
    length = BIO_get_mem_data(subject.get(), &data);
    state.peer_subject.assign(data, static_cast<std::size_t>(length));
  }
  ERR_clear_error();
  return state;
}

}  // namespace goro::detail
