// SPDX-License-Identifier: MIT
// The ways in which a wait can end without its event, as std::error_code values of the category "goro".
//
//   if (std::error_code ec = goro::sleep_for(1s, ctx); ec == goro::errc::canceled) return;
//
// canceled compares equal to std::errc::operation_canceled; deadline_exceeded and timed_out compare equal to
// std::errc::timed_out, so code that knows nothing of goro understands them too.
// Go: context.Canceled, context.DeadlineExceeded.
#pragma once

#include <system_error>

#include <goro/detail/export.hpp>

namespace goro {

enum class errc {
  canceled = 1,       // somebody cancelled the context that the wait was given
  deadline_exceeded,  // the deadline of that context passed
  timed_out,          // the limit of this one call passed
};

// Makes the std::error_code of `code`, in the category "goro".
GORO_API std::error_code make_error_code(errc code) noexcept;

}  // namespace goro

template <>
struct std::is_error_code_enum<goro::errc> : std::true_type {};
