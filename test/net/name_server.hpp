// SPDX-License-Identifier: MIT
// A DNS server for A records on the loopback, which look-ups ask while it lives.
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
    const bool wants_a = query[at + 2] == 1;
    const auto found = names_.find(name);
    std::string out = query.substr(0, 2);
    const int count = wants_a && found != names_.end() ? static_cast<int>(found->second.size()) : 0;
    out += std::string("\x81", 1) + static_cast<char>(found == names_.end() ? 0x83 : 0x80);
    out += std::string("\0\1\0", 3) + static_cast<char>(count) + std::string("\0\0\0\0", 4);
    out += query.substr(12, end - 12);
    for (int i = 0; i != count; ++i) {
      in_addr number{};
      inet_pton(AF_INET, found->second[static_cast<std::size_t>(i)].c_str(), &number);
      out += std::string("\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4", 12);
      out.append(reinterpret_cast<const char*>(&number), 4);
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
