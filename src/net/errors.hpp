// SPDX-License-Identifier: MIT
// Error codes from what the room meets.
#pragma once

#include <goro/detail/pollable.hpp>
#include <goro/net/error.hpp>

#include <system_error>

namespace goro::detail {

std::error_code last_error() noexcept;  // errno's
std::error_code system_error_of(int error) noexcept;
std::error_code error_of(poll_end end) noexcept;  // ready: none

}  // namespace goro::detail
