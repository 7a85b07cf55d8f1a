// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: no
// Kubernetes issue 114070: one helper sleeps and then sends that time is up, the other waits for that or for
// the stop; the stop comes first, so nobody receives. Looked at after the sleep.
#include "bugs/shape.hpp"

namespace bugs::kubernetes_114070 {

struct waiting {
  signal_chan timed_out = make_chan<unit>();
  signal_chan stopped = make_chan<unit>();
};

void run(bool fixed) {
  const auto w = std::make_shared<waiting>();
  start("sleeper", [w, fixed] {
    sleep_for(2ms);
    if (fixed)
      w->timed_out.close();
    else
      w->timed_out.send({});  // BUG
  });
  start("waiter", [w] { select(recv(w->stopped), recv(w->timed_out)); });
  w->stopped.close();
}

const shape self{"kubernetes_114070", run};

}  // namespace bugs::kubernetes_114070
