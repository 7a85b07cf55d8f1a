// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: no
// CockroachDB issue 35931 (GoKer, no partner left): when a flow is cancelled, an error is sent to each of
// its inputs in turn; the first is full and its reader has not been started.
#include "bugs/shape.hpp"

namespace bugs::cockroach_35931 {

struct flow {
  chan<int> inputs[2] = {make_chan<int>(1), make_chan<int>(1)};
};

void cancel(flow& f, bool fixed) {
  for (const chan<int>& input : f.inputs)
    if (fixed)
      (void)input.try_send(-1);
    else
      input.send(-1);  // BUG
}

void run(bool fixed) {
  const auto f = std::make_shared<flow>();
  f->inputs[0].send(1);
  start("cancel", [f, fixed] { cancel(*f, fixed); });
}

const shape self{"cockroach_35931", run};

}  // namespace bugs::cockroach_35931
