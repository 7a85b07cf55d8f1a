// SPDX-License-Identifier: MIT
// A connection: a stream of bytes both ways, over TCP, a Unix socket, an in-memory pipe or TLS.
//
//   goro::net::conn c = goro::net::dial(ctx, "127.0.0.1:7");
//   c.write("hello");
//   char buffer[512];
//   std::size_t n = c.read(buffer);            // 0: the other side has ended
//
// Go's net.Conn. Reads and writes may go on at the same time, from any goroutines and threads; several
// reads, or several writes, take turns. close() may be called while others are inside: they get
// errc::closed. Moving and destroying a conn are for when nobody else uses it.
// It also models Boost.Asio's SyncReadStream and SyncWriteStream, so boost::asio::read, write, read_until
// and Beast work on it; no header of Boost is included here.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include <goro/clock.hpp>
#include <goro/detail/export.hpp>
#include <goro/net/address.hpp>
#include <goro/net/error.hpp>
#include <goro/net/stream.hpp>

namespace goro::detail {

// Buffers as Boost.Asio has them: one, with data() and size(), or a sequence of such.
template <class B>
concept raw_memory = requires(const B& b) {
  static_cast<const void*>(b.data());
  { b.size() } -> std::convertible_to<std::size_t>;
};
template <class B>
concept buffer_sequence = requires(const B& b) {
  requires raw_memory<std::remove_cvref_t<decltype(*b.begin())>>;
  b.end();
};

struct raw_buffer {
  void* data = nullptr;
  std::size_t size = 0;
};

// The first that is not empty.
template <class Buffers>
raw_buffer first_buffer(const Buffers& buffers) {
  if constexpr (!buffer_sequence<Buffers>) {
    return {const_cast<void*>(static_cast<const void*>(buffers.data())), buffers.size()};
  } else {
    for (auto&& each : buffers)
      if (each.size() != 0) return {const_cast<void*>(static_cast<const void*>(each.data())), each.size()};
    return {};
  }
}

// Any error type that a std::error_code converts to (Boost's does).
template <class Error>
void give_error(Error& out, const std::error_code& ec) {
  out = ec;
}

}  // namespace goro::detail

namespace goro::net {

class conn {
 public:
  // None: every call but assignment, close and the destructor fails with errc::closed.
  conn() noexcept = default;
  explicit conn(std::unique_ptr<stream> s) noexcept : stream_(std::move(s)) {}
  conn(conn&&) noexcept = default;
  conn& operator=(conn&&) noexcept = default;
  // Closes it.
  ~conn() = default;

  explicit operator bool() const noexcept { return stream_ != nullptr; }

  // Returns  at least one byte, as soon as there is one; 0: the peer has ended its side, or the span is
  //          empty.
  // Throws   std::system_error; with the code as an argument, nothing.
  // Waits    until there is something, the read deadline passes, or the conn is closed.
  // Go       Conn.Read, which gives io.EOF for 0
  GORO_API std::size_t read(std::span<char> into);
  GORO_API std::size_t read(std::span<char> into, std::error_code& ec);

  // Writes all of it. With an error code: returns how much was written before the error.
  GORO_API void write(std::string_view what);
  GORO_API std::size_t write(std::string_view what, std::error_code& ec);

  // All pieces in order, as one write: not copied together, and not mixed with other writes. Go: net.Buffers
  GORO_API void writev(std::span<const std::string_view> pieces);
  GORO_API std::size_t writev(std::span<const std::string_view> pieces, std::error_code& ec);

  // Sends `count` bytes of the open file from `offset` on, without copying them through this process where
  // the kernel can. Returns how many: fewer if the file ends.
  GORO_API std::size_t send_file(int file, std::uint64_t offset, std::size_t count);
  GORO_API std::size_t send_file(int file, std::uint64_t offset, std::size_t count, std::error_code& ec);

  // Waits until a read would not wait, as a rule; takes nothing. An idle connection needs no buffer so.
  GORO_API void wait_readable();
  GORO_API void wait_readable(std::error_code& ec);

  // From `when` on calls of that direction fail with goro::errc::deadline_exceeded, also those that wait
  // now, until the deadline is moved. time_point::max(): none. Cost: two stores, as a rule.
  GORO_API void set_deadline(time_point when) noexcept;
  GORO_API void set_read_deadline(time_point when) noexcept;
  GORO_API void set_write_deadline(time_point when) noexcept;

  // Ends both directions. Whoever is inside a call goes on, with errc::closed, and has gone when close
  // returns.
  GORO_API void close() noexcept;
  // Ends our side only: the peer reads what was written, then the end.
  GORO_API void close_write();
  GORO_API void close_write(std::error_code& ec);

  GORO_API address local_address() const;
  GORO_API address remote_address() const;
  // The socket, or -1. It stays the conn's, and is non-blocking.
  GORO_API int native_handle() const noexcept;

  // TCP_NODELAY, which is on unless turned off. Of other kinds: nothing.
  GORO_API void set_no_delay(bool on);
  // Sends probes after so long without traffic, that often; three that find nobody end the connection. 0:
  // none.
  GORO_API void set_keep_alive(duration interval);

  // For libraries: what stands behind. Null: none.
  stream* get() const noexcept { return stream_.get(); }
  std::unique_ptr<stream> release() noexcept { return std::move(stream_); }

  // ---- SyncReadStream, SyncWriteStream. At the end read_some gives net::errc::end_of_stream, since Boost
  // takes 0 bytes without an error for "go on".
  template <class Buffers>
  std::size_t read_some(const Buffers& buffers) {
    std::error_code ec;
    const std::size_t n = some_in(goro::detail::first_buffer(buffers), ec);
    if (ec) throw std::system_error(ec, "goro: conn::read_some");
    return n;
  }
  template <class Buffers, class Error>
  std::size_t read_some(const Buffers& buffers, Error& error) {
    std::error_code ec;
    const std::size_t n = some_in(goro::detail::first_buffer(buffers), ec);
    goro::detail::give_error(error, ec);
    return n;
  }
  template <class Buffers>
  std::size_t write_some(const Buffers& buffers) {
    std::error_code ec;
    const std::size_t n = some_out(buffers, ec);
    if (ec) throw std::system_error(ec, "goro: conn::write_some");
    return n;
  }
  template <class Buffers, class Error>
  std::size_t write_some(const Buffers& buffers, Error& error) {
    std::error_code ec;
    const std::size_t n = some_out(buffers, ec);
    goro::detail::give_error(error, n != 0 ? std::error_code() : ec);  // the next call meets it again
    return n;
  }

 private:
  GORO_API std::size_t some_in(goro::detail::raw_buffer into, std::error_code& ec);
  template <class Buffers>
  std::size_t some_out(const Buffers& buffers, std::error_code& ec) {
    if constexpr (!goro::detail::buffer_sequence<Buffers>) {
      return write(std::string_view(static_cast<const char*>(buffers.data()), buffers.size()), ec);
    } else {
      std::string_view pieces[16];
      std::size_t n = 0;
      for (auto&& each : buffers) {
        if (each.size() == 0) continue;
        if (n == 16) break;
        pieces[n++] = std::string_view(static_cast<const char*>(each.data()), each.size());
      }
      return writev(std::span<const std::string_view>(pieces, n), ec);
    }
  }

  std::unique_ptr<stream> stream_;
};

}  // namespace goro::net
