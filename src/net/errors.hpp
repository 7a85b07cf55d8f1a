// SPDX-License-Identifier: MIT
// Error codes from what the room meets.
#pragma once

#include <goro/detail/pollable.hpp>
#include <goro/net/error.hpp>

#include <initializer_list>
#include <system_error>

namespace goro::detail {

std::error_code last_error() noexcept;  // errno's
std::error_code system_error_of(int error) noexcept;
std::error_code error_of(poll_end end) noexcept;  // ready: none

// There is nothing to make a connection of, for the moment: no descriptor, no memory, no place in the netpoller.
inline bool is_shortage(const std::error_code& ec) noexcept {
  for (const std::errc each :
       {std::errc::too_many_files_open, std::errc::too_many_files_open_in_system, std::errc::no_buffer_space,
        std::errc::not_enough_memory, std::errc::no_space_on_device})
    if (ec == each) return true;
  return false;
}

}  // namespace goro::detail
