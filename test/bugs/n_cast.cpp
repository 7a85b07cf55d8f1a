// SPDX-License-Identifier: MIT
// find: 4; proven: 4; deadlock: no
// Production pattern (CGO 2024): five replicas are asked, the first answer wins, and the other four cannot
// get rid of theirs.
#include "bugs/shape.hpp"

namespace bugs::n_cast {

void run(bool fixed) {
  const chan<int> answers = make_chan<int>(fixed ? 5 : 0);  // BUG: capacity 0
  for (int replica = 0; replica != 5; ++replica)
    start("replica", [answers, replica] { answers.send(replica); });
  (void)answers.recv();
}

const shape self{"n_cast", run};

}  // namespace bugs::n_cast
