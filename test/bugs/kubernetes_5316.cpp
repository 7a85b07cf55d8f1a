// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: no
// Kubernetes PR 5316 (also GoKer): finishing a request starts a goroutine that sends either a result or an
// error; whoever waits for them leaves by a timeout.
#include "bugs/shape.hpp"

namespace bugs::kubernetes_5316 {

struct outcome {
  chan<int> result;
  chan<int> error;
};

void finish_request(bool fixed) {
  const std::size_t room = fixed ? 1 : 0;
  const outcome o{make_chan<int>(room), make_chan<int>(room)};
  const signal_chan late = make_chan<unit>();
  start("request", [o, late] {
    (void)late.recv();
    o.error.send(-1);  // BUG: without room
  });
  select(recv(o.result, [](int, bool) {}), recv(o.error, [](int, bool) {}), timeout(1ms));
  late.close();
}

void run(bool fixed) { finish_request(fixed); }

const shape self{"kubernetes_5316", run};

}  // namespace bugs::kubernetes_5316
