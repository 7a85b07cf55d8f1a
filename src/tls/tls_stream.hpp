// SPDX-License-Identifier: MIT
// A net::stream that is encrypted, over another one. The protocol is argued in tls_stream.cpp.
#pragma once

#include "tls/engine.hpp"
#include "tls/setup.hpp"

#include <goro/mutex.hpp>
#include <goro/net/stream.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace goro {
class context;
}

namespace goro::detail {

class tls_stream final : public net::stream {
 public:
  tls_stream(std::unique_ptr<net::stream> inner, std::shared_ptr<const tls_setup> setup, owned<SSL> ssl);
  ~tls_stream() override;

  std::size_t read(std::span<char> into, std::error_code& ec) override;
  std::size_t write(std::string_view what, std::error_code& ec) override;
  std::size_t writev(std::span<const std::string_view> pieces, std::error_code& ec) override;
  void wait_readable(std::error_code& ec) override;
  void set_read_deadline(std::int64_t when) noexcept override;
  void set_write_deadline(std::int64_t when) noexcept override;
  void close() noexcept override;
  void close_write(std::error_code& ec) override;
  net::address local_address() const override { return inner_->local_address(); }
  net::address remote_address() const override { return inner_->remote_address(); }
  int native_handle() const noexcept override { return inner_->native_handle(); }
  bool watch_hangup(hangup_node& node) noexcept override { return inner_->watch_hangup(node); }
  void forget_hangup(hangup_node& node) noexcept override { inner_->forget_hangup(node); }

  void handshake(const context& ctx, std::error_code& ec);
  net::tls_state state() const { return engine_.state(); }

 private:
  bool ready(std::error_code& ec);  // shakes hands if that has not been done
  void shake_hands(std::error_code& ec);
  bool fetch(std::error_code& ec);  // the reader's: waits for bytes, and feeds the engine. False: error
  void flush(std::error_code& ec);
  void flush_if_free() noexcept;
  bool send_all(std::error_code& ec);
  bool late(const std::atomic<std::int64_t>& deadline, std::error_code& ec) const noexcept;

  const std::unique_ptr<net::stream> inner_;
  const std::shared_ptr<const tls_setup> setup_;
  tls_engine engine_;

  std::atomic<bool> shaken_{false};
  std::atomic<bool> closed_{false};
  std::atomic<std::int64_t> read_deadline_;
  std::atomic<std::int64_t> write_deadline_;

  mutex closing_;  // held by who closes, to the end

  mutex shaking_;  // held while somebody shakes hands
  std::error_code shake_error_;

  mutex reading_;  // held by who reads, over its waits
  std::unique_ptr<char[]> received_;
  std::error_code read_error_;
  bool ended_ = false;

  mutex writing_;  // held by who writes, over its waits
  bool wrote_end_ = false;

  mutex sending_;  // held by who hands the engine's output to the inner stream, over its waits
  std::string outgoing_;
  std::error_code send_error_;
};

}  // namespace goro::detail
