// SPDX-License-Identifier: MIT
// One address, one connection.
#pragma once

#include <goro/net/address.hpp>
#include <goro/net/stream.hpp>

#include <memory>
#include <system_error>

namespace goro::detail {

class canceller;

// Waits until it stands, has failed, or `cancel` (null: never) says so.
std::unique_ptr<net::stream> connect_to(const net::address& at, canceller* cancel, std::error_code& ec);

}  // namespace goro::detail
