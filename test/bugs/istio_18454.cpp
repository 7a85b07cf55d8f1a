// SPDX-License-Identifier: MIT
// find: no; proven: no; deadlock: no
// Istio issue 18454 (GoKer, timer drained): a timer has expired and nobody has taken the tick when two
// places, one after the other, stop it, drain it in the old manner and set it again. A tick cannot be stale
// in goro (nor in Go since 1.23), so both forms are clean; drain_twice has what still is a bug.
#include "bugs/shape.hpp"

namespace bugs::istio_18454 {

struct worker {
  timer debounce{0s};
  signal_chan ended = make_chan<unit>();
};

void set_again(worker& w, bool fixed) {
  const bool stopped = w.debounce.stop();
  if (!fixed && !stopped) (void)w.debounce.c().recv();  // the old idiom: a stale tick is in the channel
  w.debounce.reset(0s);
}

void run(bool fixed) {
  const auto w = std::make_shared<worker>();
  start("worker", [w, fixed] {
    sleep_for(1ms);  // it has expired
    set_again(*w, fixed);
    sleep_for(1ms);
    set_again(*w, fixed);
    (void)w->debounce.c().recv();
  });
}

const shape self{"istio_18454", run};

}  // namespace bugs::istio_18454
