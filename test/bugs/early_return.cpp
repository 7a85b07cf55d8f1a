// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: no
// Production pattern (CGO 2024): between starting a goroutine and receiving its result there is a check that
// returns.
#include "bugs/shape.hpp"

namespace bugs::early_return {

bool load(bool fixed) {
  const chan<int> result = make_chan<int>(fixed ? 1 : 0);
  start("load", [result] { result.send(1); });
  const bool allowed = false;
  if (!allowed) return false;  // BUG: nobody receives. Fixed, the result has a place.
  return result.recv().has_value();
}

void run(bool fixed) { (void)load(fixed); }

const shape self{"early_return", run};

}  // namespace bugs::early_return
