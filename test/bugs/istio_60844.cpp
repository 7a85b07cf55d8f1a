// SPDX-License-Identifier: MIT
// find: 3; proven: no; deadlock: no; grows: 3
// Istio PR 60844, issue 60843: each cycle of an election starts a helper that waits for the process to stop
// and not for the cycle to end; there is one more with each retry. The process may still stop, so nothing is
// proven.
#include "bugs/shape.hpp"

namespace bugs::istio_60844 {

signal_chan& process_stop() {
  static signal_chan made = make_chan<unit>();
  return made;
}

void cycle(bool fixed) {
  const signal_chan cycle_done = make_chan<unit>();
  start("helper", [cycle_done = fixed ? cycle_done : signal_chan(), stop = process_stop()] {
    select(recv(stop), recv(cycle_done));  // BUG: the second case is missing (nil)
  });
  cycle_done.close();
}

void run(bool fixed) {
  for (int n = 0; n != 3; ++n) cycle(fixed);
}

const shape self{"istio_60844", run};

}  // namespace bugs::istio_60844
