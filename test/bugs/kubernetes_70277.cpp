// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: no
// Kubernetes issue 70277 (GoKer, no partner left): a poller ticks until its own timeout and ends then
// without a word; its user waits for a channel that only success closes.
#include "bugs/shape.hpp"

namespace bugs::kubernetes_70277 {

struct poll {
  chan<int> ticks = make_chan<int>();
  signal_chan done = make_chan<unit>();
};

void poller(poll& p, bool fixed) {
  ticker each(1ms);
  timer timeout(5ms);
  for (bool going = true; going;) select(recv(each.c()), recv(timeout.c(), [&] { going = false; }));
  p.ticks.close();
  if (fixed) p.done.close();  // BUG
}

void run(bool fixed) {
  const auto p = std::make_shared<poll>();
  start("poller", [p, fixed] { poller(*p, fixed); });
  start("user", [p] { (void)p->done.recv(); });
  if (!fixed) until_left(1);
}

const shape self{"kubernetes_70277", run};

}  // namespace bugs::kubernetes_70277
