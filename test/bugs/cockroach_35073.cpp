// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: no
// CockroachDB issue 35073 (GoKer, no partner left): the consumer of a row channel failed when it was
// started, and did not drain; the 17th row does not fit into the 16 places.
#include "bugs/shape.hpp"

namespace bugs::cockroach_35073 {

struct row_channel {
  chan<int> rows = make_chan<int>(16);
  std::atomic<bool> closed{false};
};

void consume(row_channel& r, bool fixed) {
  if (!fixed) return;  // BUG: the failed start neither drains nor says so
  while (r.rows.recv()) {
  }
}

void produce(row_channel& r) {
  for (int row = 0; row != 17; ++row) r.rows.send(row);
  r.rows.close();
}

void run(bool fixed) {
  const auto r = std::make_shared<row_channel>();
  start("consumer", [r, fixed] { consume(*r, fixed); });
  start("producer", [r] { produce(*r); });
}

const shape self{"cockroach_35073", run};

}  // namespace bugs::cockroach_35073
