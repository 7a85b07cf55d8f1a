// SPDX-License-Identifier: MIT
// What can go wrong on the network beside what the operating system reports, as std::error_code values of the
// category "goro.net".
//
//   if (conn.read(buffer, ec) == 0 && ec == goro::net::errc::closed) return;   // we closed it ourselves
//
// Errors of the operating system come in std::system_category(), so they compare with std::errc:
// connection_refused, connection_reset, broken_pipe … A deadline gives goro::errc::deadline_exceeded, a
// cancelled context goro::errc::canceled; they compare equal to std::errc::timed_out and operation_canceled.
#pragma once

#include <system_error>

#include <goro/detail/export.hpp>

namespace goro::net {

enum class errc {
  closed = 1,     // our own side was closed, before the call or during it
  bad_address,    // the text is no address
  no_such_host,   // there is no such name, or it has no address
  lookup_failed,  // the name could not be looked up now; another try may succeed
  no_deadline,    // this kind of descriptor is always ready and cannot have a deadline
  end_of_stream,  // only of read_some: the peer has ended its side
};

GORO_API std::error_code make_error_code(errc code) noexcept;

}  // namespace goro::net

template <>
struct std::is_error_code_enum<goro::net::errc> : std::true_type {};
