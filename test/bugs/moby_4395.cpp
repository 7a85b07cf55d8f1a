// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: no
// Docker issue 4395 (GoBench, no partner left): attaching to a container returns at its first error; the
// goroutine that it started still sends its own.
#include "bugs/shape.hpp"

namespace bugs::moby_4395 {

int attach(bool fixed) {
  const chan<int> errors = make_chan<int>(fixed ? 1 : 0);
  start("attach", [errors] { errors.send(1); });  // BUG: who started it is gone
  return 0;
}

void run(bool fixed) { (void)attach(fixed); }

const shape self{"moby_4395", run};

}  // namespace bugs::moby_4395
