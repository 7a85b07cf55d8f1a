// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: no
// CockroachDB issue 25456 (GoKer, no partner left): a consistency check waits until the store drains; the
// store was stopped without that, so the channel is never closed.
#include "bugs/shape.hpp"

namespace bugs::cockroach_25456 {

struct stopper {
  signal_chan quiescing = make_chan<unit>();
  signal_chan drained = make_chan<unit>();
};

void stop(stopper& s) { s.quiescing.close(); }

void check(stopper& s, bool fixed) {
  if (fixed)
    select(recv(s.drained), recv(s.quiescing));
  else
    (void)s.drained.recv();  // BUG: does not come
}

void run(bool fixed) {
  const auto s = std::make_shared<stopper>();
  start("check", [s, fixed] { check(*s, fixed); });
  stop(*s);
}

const shape self{"cockroach_25456", run};

}  // namespace bugs::cockroach_25456
