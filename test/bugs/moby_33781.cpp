// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: no
// Docker issue 33781 (GoKer, no partner left): a health probe's result comes when the monitor has left by
// its stop channel.
#include "bugs/shape.hpp"

namespace bugs::moby_33781 {

struct health {
  chan<int> results = make_chan<int>();
  signal_chan stop = make_chan<unit>();
};

void monitor(health& h, bool fixed) {
  if (fixed) h.results = make_chan<int>(1);
  const signal_chan left = make_chan<unit>();
  start("probe", [results = h.results, left] {
    (void)left.recv();
    results.send(0);  // BUG: fixed, it has a buffer
  });
  select(recv(h.results, [](int, bool) {}), recv(h.stop));
  left.close();
}

void run(bool fixed) {
  const auto h = std::make_shared<health>();
  start("monitor", [h, fixed] { monitor(*h, fixed); });
  h->stop.close();
}

const shape self{"moby_33781", run};

}  // namespace bugs::moby_33781
