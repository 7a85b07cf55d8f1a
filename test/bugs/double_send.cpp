// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: no
// Production pattern (CGO 2024): after the error has been sent a return is missing, and the result is sent
// as well; the receiver takes one value.
#include "bugs/shape.hpp"

namespace bugs::double_send {

void run(bool fixed) {
  const chan<int> answer = make_chan<int>();
  start("query", [answer, fixed] {
    const bool failed = true;
    if (failed) {
      answer.send(-1);
      if (fixed) return;  // BUG
    }
    answer.send(1);
  });
  (void)answer.recv();
}

const shape self{"double_send", run};

}  // namespace bugs::double_send
