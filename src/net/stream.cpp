// SPDX-License-Identifier: MIT
// What a stream does if its kind knows nothing better.
#include <goro/net/stream.hpp>

#include "net/errors.hpp"

#include <goro/go.hpp>

#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <memory>

namespace goro::net {

stream::~stream() = default;
acceptor::~acceptor() = default;

std::size_t stream::writev(std::span<const std::string_view> pieces, std::error_code& ec) {
  ec.clear();
  std::size_t done = 0;
  for (const std::string_view piece : pieces) {
    done += write(piece, ec);
    if (ec) break;
  }
  return done;
}

std::size_t stream::send_file(int file, std::uint64_t offset, std::size_t count, std::error_code& ec) {
  ec.clear();
  constexpr std::size_t piece = 64u * 1024;
  const auto buffer = std::make_unique_for_overwrite<char[]>(std::min(count, piece));
  std::size_t done = 0;
  while (done != count) {
    ssize_t n;
    do {
      n = goro::blocking([&] {
        return ::pread(file, buffer.get(), std::min(count - done, piece), static_cast<off_t>(offset + done));
      });
    } while (n < 0 && errno == EINTR);
    if (n < 0) ec = goro::detail::last_error();
    if (n <= 0) break;
    done += write(std::string_view(buffer.get(), static_cast<std::size_t>(n)), ec);
    if (ec) break;
  }
  return done;
}

bool stream::watch_hangup(goro::detail::hangup_node&) noexcept { return false; }
void stream::forget_hangup(goro::detail::hangup_node&) noexcept {}

}  // namespace goro::net
