// SPDX-License-Identifier: MIT
// find: 1; proven: no; deadlock: no
// Kubernetes issue 114070, looked at while the helper still sleeps: it will go on, so nothing is proven yet.
#include "bugs/shape.hpp"

namespace bugs::kubernetes_114070_asleep {

struct waiting {
  signal_chan timed_out = make_chan<unit>();
  signal_chan stopped = make_chan<unit>();
};

void run(bool fixed) {
  const auto w = std::make_shared<waiting>();
  start("sleeper", [w, fixed] {
    if (fixed)
      select(recv(w->stopped), timeout(1h));
    else
      sleep_for(1h);  // BUG
    (void)w->timed_out.try_send({});
  });
  start("waiter", [w] { select(recv(w->stopped), recv(w->timed_out)); });
  w->stopped.close();
}

const shape self{"kubernetes_114070_asleep", run};

}  // namespace bugs::kubernetes_114070_asleep
