// SPDX-License-Identifier: MIT
// Aborts while three goroutines are parked: for gdb.
#include <goro/goro.hpp>

#include "sched/introspect.hpp"

#include <cstdlib>

namespace {

using goro::detail::parked_count;
using goro::detail::wait_reason;

goro::mutex a_lock;
const goro::chan<int> a_channel = goro::make_chan<int>(4);

[[gnu::noinline]] void waits_for_a_value(int depth) {
  if (depth > 0)
    waits_for_a_value(depth - 1);
  else
    (void)a_channel.recv();
  asm volatile("");
}

[[gnu::noinline]] void waits_for_the_lock() {
  a_lock.lock();
  asm volatile("");
}

[[gnu::noinline]] void waits_for_the_context(const goro::context& ctx) {
  (void)ctx.done().recv();
  asm volatile("");
}

[[gnu::noinline]] void until_parked(wait_reason why, std::size_t n) {
  while (parked_count(why) != n) goro::yield();
}

}  // namespace

int main() {
  return goro::run([] {
    const auto [ctx, cancel] = goro::with_cancel(goro::background());
    a_lock.lock();
    goro::go({.name = "receiver"}, [] { waits_for_a_value(3); });
    goro::go({.name = "locker"}, [] { waits_for_the_lock(); });
    goro::go({.name = "waiter"}, [ctx = ctx] { waits_for_the_context(ctx); });
    until_parked(wait_reason::mutex, 1);
    until_parked(wait_reason::chan_receive, 2);
    std::abort();
  });
}
