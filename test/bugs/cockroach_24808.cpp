// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: no
// CockroachDB issue 24808 (GoKer, no partner left): a compactor's channel of capacity 1 has been filled by a
// suggestion before Start sends the first one itself, and only then starts who would receive.
#include "bugs/shape.hpp"

namespace bugs::cockroach_24808 {

struct compactor {
  signal_chan wake = make_chan<unit>(1);
};

void start_compactor(const std::shared_ptr<compactor>& c, bool fixed) {
  if (fixed)
    (void)c->wake.try_send({});  // one is enough
  else
    c->wake.send({});  // BUG: nobody receives yet
  start("loop", [c] { (void)c->wake.recv(); });
}

void run(bool fixed) {
  const auto c = std::make_shared<compactor>();
  c->wake.send({});  // a suggestion
  start("start", [c, fixed] { start_compactor(c, fixed); });
}

const shape self{"cockroach_24808", run};

}  // namespace bugs::cockroach_24808
