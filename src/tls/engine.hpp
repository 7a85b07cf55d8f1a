// SPDX-License-Identifier: MIT
// One TLS connection without its network: bytes go in and out by memory, and no call waits for anything.
//
// An SSL object is for one thread at a time, and OpenSSL's error queue belongs to the thread. Each function
// here is a section under `lock_` in which no goroutine parks (waiting for the lock comes before it): the
// queue is cleared, OpenSSL called, and what went wrong is taken out, in one and the same thread. So reading
// and writing goroutines use the object in turn, however long each waits for the network between two
// sections.
#pragma once

#include "tls/openssl.hpp"
#include "tls/setup.hpp"

#include <goro/mutex.hpp>
#include <goro/net/tls.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace goro::detail {

enum class tls_step : unsigned char {
  done,
  want_input,  // feed it, and call again
  ended,       // the peer has said that it ends
  failed
};

struct tls_result {
  tls_step step = tls_step::done;
  std::size_t size = 0;
  std::error_code ec = {};
  bool output = false;  // there is more to send than before
};

class tls_engine {
 public:
  explicit tls_engine(owned<SSL> ssl);  // throws std::bad_alloc
  tls_engine(const tls_engine&) = delete;
  tls_engine& operator=(const tls_engine&) = delete;
  ~tls_engine() = default;

  tls_result handshake();
  tls_result read(std::span<char> into);
  tls_result peek();                        // whether a read would find something
  tls_result write(std::string_view what);  // all of it, into memory
  tls_result end();                         // close_notify, once

  void feed(std::string_view received);  // throws std::bad_alloc
  void feed_end();                       // the network has nothing more

  // Appends what is to be sent. False: nothing.
  bool take(std::string& out);
  std::size_t to_send() const;

  // After the handshake a server of TLS 1.3 has only session tickets to send.
  bool only_tickets() const;
  net::tls_state state() const;

 private:
  tls_result judge(int returned, std::size_t size, std::size_t sent_before);

  mutable mutex lock_;
  const owned<SSL> ssl_;
  BIO* in_;   // the SSL's
  BIO* out_;  // the SSL's
};

}  // namespace goro::detail
