// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: no
// Production pattern (CGO 2024): who waits for a result leaves by a timeout, and the sender is abandoned.
#include "bugs/shape.hpp"

namespace bugs::timeout_abandons {

void run(bool fixed) {
  const chan<int> result = make_chan<int>(fixed ? 1 : 0);  // BUG: capacity 0
  const signal_chan late = make_chan<unit>();
  start("sender", [result, late] {
    (void)late.recv();
    result.send(1);
  });
  select(recv(result, [](int, bool) {}), timeout(1ms));
  late.close();
}

const shape self{"timeout_abandons", run};

}  // namespace bugs::timeout_abandons
