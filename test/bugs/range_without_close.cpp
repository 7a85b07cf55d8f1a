// SPDX-License-Identifier: MIT
// find: 3; proven: 3; deadlock: no
// Production pattern (CGO 2024): workers range over a channel that nobody closes when the work is all sent.
#include "bugs/shape.hpp"

namespace bugs::range_without_close {

void run(bool fixed) {
  const chan<int> work = make_chan<int>();
  for (int n = 0; n != 3; ++n)
    start("worker", [work] {
      for (int item : work) (void)item;
    });
  for (int item = 0; item != 10; ++item) work.send(item);
  if (fixed) work.close();  // BUG
}

const shape self{"range_without_close", run};

}  // namespace bugs::range_without_close
