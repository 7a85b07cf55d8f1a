// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: no
// Docker issue 33781 (GoKer, no partner left): a health probe's result comes when the monitor has left by
// its stop channel.
#include "bugs/shape.hpp"

namespace bugs::moby_33781 {

struct health {
  signal_chan stop = make_chan<unit>();
};

void monitor(health& h, bool fixed) {
  const chan<int> results = make_chan<int>(fixed ? 1 : 0);  // BUG: no room
  const signal_chan left = make_chan<unit>();
  start("probe", [results, left] {
    (void)left.recv();
    results.send(0);
  });
  select(recv(results, [](int, bool) {}), recv(h.stop));
  left.close();
}

void run(bool fixed) {
  const auto h = std::make_shared<health>();
  start("monitor", [h, fixed] { monitor(*h, fixed); });
  h->stop.close();
}

const shape self{"moby_33781", run};

}  // namespace bugs::moby_33781
