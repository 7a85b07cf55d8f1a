// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: no
// Prometheus PR 8965: a query's goroutine sends its result; the one that asked has left by its context.
#include "bugs/shape.hpp"

namespace bugs::prometheus_8965 {

void query(const context& ctx, bool fixed) {
  const chan<int> result = make_chan<int>();
  const signal_chan left = make_chan<unit>();
  start("series", [result, left, ctx, fixed] {
    (void)left.recv();
    if (fixed)
      (void)result.send(1, ctx);
    else
      result.send(1);  // BUG
  });
  (void)result.recv(ctx);
  left.close();
}

void run(bool fixed) {
  const auto [ctx, cancel] = with_timeout(background(), 1ms);
  query(ctx, fixed);
}

const shape self{"prometheus_8965", run};

}  // namespace bugs::prometheus_8965
