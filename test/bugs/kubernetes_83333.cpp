// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: no
// Kubernetes PRs 83333 and 83372: a handler returns when its timer says so; its worker still sends the
// result on a channel that nobody will read.
#include "bugs/shape.hpp"

namespace bugs::kubernetes_83333 {

void handle(bool fixed) {
  const chan<int> result = make_chan<int>(fixed ? 1 : 0);  // BUG: capacity 0
  const signal_chan gone = make_chan<unit>();
  start("worker", [result, gone] {
    (void)gone.recv();  // takes longer than the timer
    result.send(1);
  });
  const timer limit(1ms);
  select(recv(result, [](int, bool) {}), recv(limit.c()));
  gone.close();
}

void run(bool fixed) { handle(fixed); }

const shape self{"kubernetes_83333", run};

}  // namespace bugs::kubernetes_83333
