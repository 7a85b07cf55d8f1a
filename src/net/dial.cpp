// SPDX-License-Identifier: MIT
// Happy eyeballs, RFC 8305: the addresses of a name take turns by family, starting with the family that
// comes first; each is given 250 ms before the next one is tried beside it, and none if it has failed
// already. The first connection that stands wins; the others are cancelled, and have ended when dial returns.
#include <goro/net/dial.hpp>

#include "net/connect.hpp"
#include "net/resolver.hpp"

#include <goro/chan.hpp>
#include <goro/context.hpp>
#include <goro/wait_group.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace goro::net {

namespace {

using namespace std::chrono_literals;
constexpr auto head_start = 250ms;

struct outcome {
  std::unique_ptr<stream> connected;
  std::error_code ec;
};

// The first family keeps its order, and the other one is put in between.
std::vector<address> in_turns(const std::vector<address>& all) {
  std::vector<address> first;
  std::vector<address> second;
  for (const address& each : all) (each.is_v6() == all.front().is_v6() ? first : second).push_back(each);
  std::vector<address> out;
  for (std::size_t i = 0; i < first.size() || i < second.size(); ++i) {
    if (i < first.size()) out.push_back(first[i]);
    if (i < second.size()) out.push_back(second[i]);
  }
  return out;
}

std::unique_ptr<stream> race(const context& parent, const std::vector<address>& all, std::error_code& ec) {
  auto [ctx, cancel] = with_cancel(parent);
  wait_group under_way;
  auto outcomes = make_chan<outcome>(all.size());
  std::size_t started = 0;
  std::size_t failed = 0;
  std::unique_ptr<stream> won;
  const auto start_one = [&, &ctx = ctx] {
    under_way.go([&ctx, outcomes, &at = all[started]] {
      outcome o;
      o.connected = goro::detail::connect_to(ctx, at, o.ec);
      outcomes.send(std::move(o));  // there is room for all
    });
    ++started;
  };
  struct at_end {  // an exception, too, leaves nobody behind
    cancel_func& cancel;
    wait_group& under_way;
    void end() {
      cancel();
      under_way.wait();
    }
    ~at_end() { end(); }
  } others{cancel, under_way};
  start_one();
  while (won == nullptr && failed != all.size()) {
    const bool last = started == all.size();
    auto o = outcomes.recv_for(last ? duration::max() : duration(head_start));
    if (!o) {
      start_one();  // it has had its head start
    } else if (o->connected != nullptr) {
      won = std::move(o->connected);
    } else {
      if (failed++ == 0) ec = o->ec;  // the first choice's error tells most
      if (!last && failed == started) start_one();
    }
  }
  others.end();
  if (won != nullptr)
    ec.clear();
  else if (const std::error_code done = parent.err())
    ec = done;
  return won;
}

}  // namespace

conn dial(const context& ctx, std::string_view where, std::error_code& ec) {
  const address at = address::parse(where, ec);
  if (!ec) return conn(goro::detail::connect_to(ctx, at, ec));
  std::string_view host;
  std::string_view service;
  if (where.substr(0, 5) == "unix:" || !goro::detail::split_host_port(where, host, service)) return conn();
  const std::vector<address> all = goro::detail::look_up(ctx, host, service, ec);
  if (ec) return conn();
  if (all.size() == 1) return conn(goro::detail::connect_to(ctx, all[0], ec));
  return conn(race(ctx, in_turns(all), ec));
}

conn dial(const context& ctx, std::string_view where) {
  std::error_code ec;
  conn c = dial(ctx, where, ec);
  if (ec) throw std::system_error(ec, "goro: dial: \"" + std::string(where) + '"');
  return c;
}

}  // namespace goro::net
