// SPDX-License-Identifier: MIT
#include <goro/net/listener.hpp>

#include "net/errors.hpp"

namespace goro::net {

conn listener::accept(std::error_code& ec) {
  ec = errc::closed;
  if (acceptor_ == nullptr) return conn();
  ec.clear();
  return conn(acceptor_->accept(ec));
}

conn listener::accept() {
  for (;;) {
    std::error_code ec;
    conn c = accept(ec);
    if (!ec) return c;
    if (goro::detail::is_shortage(ec)) continue;  // it passes, and the acceptor has paused already
    throw std::system_error(ec, "goro: listener::accept");
  }
}

void listener::set_deadline(time_point when) noexcept {
  if (acceptor_ != nullptr) acceptor_->set_deadline(when.time_since_epoch().count());
}

void listener::close() noexcept {
  if (acceptor_ != nullptr) acceptor_->close();
}

address listener::local_address() const {
  return acceptor_ != nullptr ? acceptor_->local_address() : address();
}
int listener::native_handle() const noexcept {
  return acceptor_ != nullptr ? acceptor_->native_handle() : -1;
}

listener listen(std::string_view at) { return listen(at, listen_options()); }

listener listen(std::string_view at, const listen_options& options) {
  std::error_code ec;
  listener l = listen(at, options, ec);
  if (ec) throw std::system_error(ec, "goro: listen: \"" + std::string(at) + '"');
  return l;
}

}  // namespace goro::net
