// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: no
// Istio issue 17860 (GoKer, no partner left): an agent's process reports its exit on a channel after the
// agent's run has ended by its context.
#include "bugs/shape.hpp"

namespace bugs::istio_17860 {

struct agent {
  chan<int> statuses = make_chan<int>();
  signal_chan ended = make_chan<unit>();
};

void run_agent(agent& a, const context& ctx) {
  ticker each(1h);
  timer reconcile(1h);
  for (bool going = true; going;)
    select(recv(a.statuses, [](int, bool) {}), recv(each.c()), recv(reconcile.c()),
           recv(ctx.done(), [&] { going = false; }));
  a.ended.close();
}

void process(agent& a, bool fixed) {
  (void)a.ended.recv();
  if (fixed)
    (void)a.statuses.try_send(1);
  else
    a.statuses.send(1);  // BUG
}

void run(bool fixed) {
  const auto [ctx, cancel] = with_cancel(background());
  const auto a = std::make_shared<agent>();
  start("agent", [a, ctx = ctx] { run_agent(*a, ctx); });
  start("process", [a, fixed] { process(*a, fixed); });
  cancel();
}

const shape self{"istio_17860", run};

}  // namespace bugs::istio_17860
