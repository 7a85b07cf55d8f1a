// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: no
// Docker issue 33293 (GoBench, no partner left): a container's waiter sends an error, and the function that
// made the channel has returned on another path without reading it.
#include "bugs/shape.hpp"

namespace bugs::moby_33293 {

struct daemon {
  chan<int> failed;
};

bool wait_for_exit(const chan<int>& failed) {
  failed.send(1);
  return false;
}

void run(bool fixed) {
  const auto d = std::make_shared<daemon>();
  d->failed = make_chan<int>(fixed ? 1 : 0);  // BUG: capacity 0
  start("waiter", [d] { (void)wait_for_exit(d->failed); });
}

const shape self{"moby_33293", run};

}  // namespace bugs::moby_33293
