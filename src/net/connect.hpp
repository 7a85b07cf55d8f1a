// SPDX-License-Identifier: MIT
// One address, one connection.
#pragma once

#include <goro/net/address.hpp>
#include <goro/net/stream.hpp>

#include <memory>
#include <system_error>

namespace goro {
class context;
}

namespace goro::detail {

// Waits until it stands, has failed, or ctx is done.
std::unique_ptr<net::stream> connect_to(const context& ctx, const net::address& at, std::error_code& ec);

}  // namespace goro::detail
