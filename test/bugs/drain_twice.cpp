// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: no
// The old idiom of Istio issue 18454 where it sticks in goro and in Go since 1.23 as well: the second of two
// places that stop a timer and drain it finds it stopped already, and waits for a tick that was taken off.
#include "bugs/shape.hpp"

namespace bugs::drain_twice {

void stop_and_drain(timer& t, bool fixed) {
  if (!t.stop() && !fixed) (void)t.c().recv();  // BUG: false also says that it was stopped before
}

void run(bool fixed) {
  start("worker", [t = std::make_shared<timer>(1h), fixed] {
    stop_and_drain(*t, fixed);
    stop_and_drain(*t, fixed);
  });
}

const shape self{"drain_twice", run};

}  // namespace bugs::drain_twice
