// SPDX-License-Identifier: MIT
// A DNS server for A and AAAA records on the loopback, which look-ups ask while it lives.
#pragma once

#include <goro/goro.hpp>
#include <goro/net.hpp>

#include "net/resolver.hpp"

#include <arpa/inet.h>

#include <atomic>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace goro_test {

class name_server {
 public:
  using table = std::map<std::string, std::vector<std::string>>;
  enum manner { answering, silent };

  explicit name_server(table names, manner how = answering) : names_(std::move(names)), how_(how) {
    goro::detail::set_name_servers(socket_.local_address().to_string());
    serving_.go([this] { serve(); });
  }
  ~name_server() {
    goro::detail::set_name_servers("");
    socket_.close();
    serving_.wait();
  }

  int asked() const { return asked_; }

 private:
  void serve() {
    char buffer[512];
    std::error_code ec;
    for (;;) {
      const auto [n, from] = socket_.recv_from(buffer, ec);
      if (ec) return;
      ++asked_;
      if (how_ == answering && n > 12) socket_.send_to(answer(std::string(buffer, n)), from, ec);
    }
  }

  std::string answer(const std::string& query) const {
    std::string name;
    std::size_t at = 12;
    while (at < query.size() && query[at] != 0) {
      const auto length = static_cast<std::size_t>(static_cast<unsigned char>(query[at]));
      name += (name.empty() ? "" : ".") + query.substr(at + 1, length);
      at += length + 1;
    }
    const std::size_t end = at + 5;  // the 0, type and class
    const int family = query[at + 2] == 1 ? AF_INET : query[at + 2] == 28 ? AF_INET6 : AF_UNSPEC;
    const auto found = names_.find(name);
    std::string out = query.substr(0, 2);
    std::vector<std::string> numbers;  // of the family that is asked for
    if (found != names_.end())
      for (const std::string& each : found->second)
        if (family == (each.find(':') == std::string::npos ? AF_INET : AF_INET6)) numbers.push_back(each);
    const int count = static_cast<int>(numbers.size());
    out += std::string("\x81", 1) + static_cast<char>(found == names_.end() ? 0x83 : 0x80);
    out += std::string("\0\1\0", 3) + static_cast<char>(count) + std::string("\0\0\0\0", 4);
    out += query.substr(12, end - 12);
    for (const std::string& each : numbers) {
      char number[16];
      inet_pton(family, each.c_str(), number);
      const std::size_t size = family == AF_INET ? 4 : 16;
      out += std::string("\xc0\x0c\0", 3) + query[at + 2] + std::string("\0\1\0\0\0\x3c\0", 7);
      out += static_cast<char>(size);
      out.append(number, size);
    }
    return out;
  }

  const table names_;
  const manner how_;
  std::atomic<int> asked_{0};
  goro::net::udp_socket socket_{"127.0.0.1:0"};
  goro::wait_group serving_;
};

}  // namespace goro_test
