// SPDX-License-Identifier: MIT
// Names to addresses, through c-ares, on goro's own waiting.
#pragma once

#include <goro/net/address.hpp>

#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace goro {
class context;
}

namespace goro::detail {

// All addresses of host, with the port of `service` (a number or a name), in the order of RFC 6724. A
// numeric host, "localhost" and what /etc/hosts has need no network.
std::vector<net::address> look_up(const context& ctx, std::string_view host, std::string_view service,
                                  std::error_code& ec);

// Asks these servers ("127.0.0.1:5300,[::1]:53") instead of the system's: for tests. Empty: the system's.
void set_name_servers(const std::string& servers);

// "host:port" and "[host]:port". False: it is neither.
bool split_host_port(std::string_view text, std::string_view& host, std::string_view& port) noexcept;

}  // namespace goro::detail
