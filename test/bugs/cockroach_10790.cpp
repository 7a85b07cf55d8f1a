// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: no
// CockroachDB issue 10790 (GoKer, no partner left): a replica begins commands and waits for those before
// them; one that leaves because its context is done does not end the channel that its collector still waits
// on.
#include "bugs/shape.hpp"

namespace bugs::cockroach_10790 {

struct command {
  signal_chan prerequisite = make_chan<unit>();
  signal_chan done = make_chan<unit>();
};

void begin(command& c, const context& ctx, bool fixed) {
  if (!c.prerequisite.recv(ctx)) {
    if (fixed) c.done.close();
    return;  // BUG: nobody tells the collector
  }
  c.done.close();
}

void run(bool fixed) {
  const auto [ctx, cancel] = with_cancel(background());
  const auto c = std::make_shared<command>();
  start("collector", [c] { (void)c->done.recv(); });
  start("command", [c, ctx = ctx, fixed] { begin(*c, ctx, fixed); });
  cancel();
}

const shape self{"cockroach_10790", run};

}  // namespace bugs::cockroach_10790
