// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: no
// Kubernetes issue 38669 (GoKer, no partner left): a cache watcher sends its initial events into a channel
// of capacity 0; its user has stopped it before reading any.
#include "bugs/shape.hpp"

namespace bugs::kubernetes_38669 {

struct watcher {
  chan<int> result = make_chan<int>();
  signal_chan done = make_chan<unit>();
};

void process(watcher& w, bool fixed) {
  for (int event = 0; event != 3; ++event)
    if (fixed)
      select(send(w.result, event), recv(w.done));
    else
      w.result.send(event);  // BUG
}

void run(bool fixed) {
  const auto w = std::make_shared<watcher>();
  start("process", [w, fixed] { process(*w, fixed); });
  w->done.close();
}

const shape self{"kubernetes_38669", run};

}  // namespace bugs::kubernetes_38669
