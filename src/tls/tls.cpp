// SPDX-License-Identifier: MIT
#include <goro/net/tls.hpp>

#include "tls/setup.hpp"
#include "tls/tls_stream.hpp"

#include <goro/context.hpp>
#include <goro/net/dial.hpp>
#include <goro/net/error.hpp>

#include <string>
#include <utility>

namespace goro::net {
namespace {

using goro::detail::tls_stream;

class tls_acceptor final : public acceptor {
 public:
  tls_acceptor(listener inner, const tls_config& config) : inner_(std::move(inner)), config_(config) {}

  std::unique_ptr<stream> accept(std::error_code& ec) override {
    std::unique_ptr<stream> raw = inner_.get()->accept(ec);
    if (raw == nullptr) return nullptr;
    return std::make_unique<tls_stream>(std::move(raw), config_.get(), config_.get()->make_server());
  }
  void set_deadline(std::int64_t when) noexcept override { inner_.get()->set_deadline(when); }
  void close() noexcept override { inner_.close(); }
  address local_address() const override { return inner_.local_address(); }
  int native_handle() const noexcept override { return inner_.native_handle(); }

 private:
  listener inner_;
  const tls_config config_;
};

// "host:port", "[::1]:port" -> the host. Of a Unix socket: nothing.
std::string_view host_of(std::string_view at) noexcept {
  if (at.substr(0, 5) == "unix:") return {};
  const std::size_t colon = at.rfind(':');
  std::string_view host = at.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return host.substr(0, host.find('%'));
}

tls_stream* stream_of(const conn& c) noexcept { return dynamic_cast<tls_stream*>(c.get()); }

}  // namespace

conn tls_client(conn inner, const tls_config& config, std::string_view server_name) {
  auto ssl = config.get()->make_client(server_name);
  if (!inner) throw std::system_error(errc::closed, "goro: tls_client");
  return conn(std::make_unique<tls_stream>(inner.release(), config.get(), std::move(ssl)));
}

conn tls_server(conn inner, const tls_config& config) {
  auto ssl = config.get()->make_server();
  if (!inner) throw std::system_error(errc::closed, "goro: tls_server");
  return conn(std::make_unique<tls_stream>(inner.release(), config.get(), std::move(ssl)));
}

listener tls_server(listener inner, const tls_config& config) {
  static_cast<void>(config.get()->make_server());  // says now what is wrong
  if (!inner) throw std::system_error(errc::closed, "goro: tls_server");
  return listener(std::make_unique<tls_acceptor>(std::move(inner), config));
}

void tls_handshake(const context& ctx, const conn& c, std::error_code& ec) {
  ec.clear();
  if (tls_stream* const s = stream_of(c)) s->handshake(ctx, ec);
}

void tls_handshake(const context& ctx, const conn& c) {
  std::error_code ec;
  tls_handshake(ctx, c, ec);
  if (ec) throw std::system_error(ec, "goro: tls_handshake");
}

std::optional<tls_state> tls_state_of(const conn& c) {
  if (const tls_stream* const s = stream_of(c)) return s->state();
  return std::nullopt;
}

conn dial_tls(const context& ctx, std::string_view at, const tls_config& config, std::error_code& ec) {
  auto ssl = config.get()->make_client(host_of(at));
  conn raw = dial(ctx, at, ec);
  if (ec) return conn();
  conn c(std::make_unique<tls_stream>(raw.release(), config.get(), std::move(ssl)));
  tls_handshake(ctx, c, ec);
  return ec ? conn() : std::move(c);
}

conn dial_tls(const context& ctx, std::string_view at, const tls_config& config) {
  std::error_code ec;
  conn c = dial_tls(ctx, at, config, ec);
  if (ec) throw std::system_error(ec, "goro: dial_tls: \"" + std::string(at) + '"');
  return c;
}

listener listen_tls(std::string_view at, const tls_config& config, const listen_options& options,
                    std::error_code& ec) {
  static_cast<void>(config.get()->make_server());
  listener raw = listen(at, options, ec);
  return ec ? listener() : tls_server(std::move(raw), config);
}

listener listen_tls(std::string_view at, const tls_config& config, const listen_options& options) {
  std::error_code ec;
  listener l = listen_tls(at, config, options, ec);
  if (ec) throw std::system_error(ec, "goro: listen_tls: \"" + std::string(at) + '"');
  return l;
}

}  // namespace goro::net
