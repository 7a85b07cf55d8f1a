// SPDX-License-Identifier: MIT
// find: 2; proven: 2; deadlock: no
// CockroachDB issue 18101 (GoKer, no partner left): a restore's importer leaves when its context is done;
// those who split and scatter go on sending to it.
#include "bugs/shape.hpp"

namespace bugs::cockroach_18101 {

struct restore {
  chan<int> ready = make_chan<int>();
};

void scatter(restore& r, const context& ctx, bool fixed) {
  for (int range = 0; range != 4; ++range)
    if (fixed) {
      if (r.ready.send(range, ctx) != op_status::ok) return;
    } else {
      r.ready.send(range);  // BUG
    }
}

void import(restore& r, const context& ctx) {
  (void)r.ready.recv(ctx);
  while (!ctx.err()) yield();
}

void run(bool fixed) {
  const auto [ctx, cancel] = with_cancel(background());
  const auto r = std::make_shared<restore>();
  for (int n = 0; n != 2; ++n) start("scatter", [r, ctx = ctx, fixed] { scatter(*r, ctx, fixed); });
  start("import", [r, ctx = ctx] { import(*r, ctx); });
  cancel();
}

const shape self{"cockroach_18101", run};

}  // namespace bugs::cockroach_18101
