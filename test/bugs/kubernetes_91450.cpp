// SPDX-License-Identifier: MIT
// find: 3; proven: 3; deadlock: no
// Kubernetes PRs 91450 and 93008: several children each send an error to a parent that returns at the first.
#include "bugs/shape.hpp"

namespace bugs::kubernetes_91450 {

bool all_healthy(bool fixed) {
  const chan<int> errors = make_chan<int>(fixed ? 4 : 0);  // BUG: no room
  for (int n = 0; n != 4; ++n) start("check", [errors, n] { errors.send(n); });
  for (int n = 0; n != 4; ++n)
    if (errors.recv()) return false;
  return true;
}

void run(bool fixed) { (void)all_healthy(fixed); }

const shape self{"kubernetes_91450", run};

}  // namespace bugs::kubernetes_91450
