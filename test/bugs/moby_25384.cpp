// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: -
// Docker issue 25384 (GoKer, wait in the loop): a group is to wait for all volumes' plugins, but the wait
// stands inside the loop that starts them, so the second is never started.
#include "bugs/shape.hpp"

namespace bugs::moby_25384 {

struct plugins {
  wait_group left;
  int count = 2;
};

void restore(const std::shared_ptr<plugins>& p, bool fixed) {
  p->left.add(p->count);
  for (int n = 0; n != p->count; ++n) {
    start("plugin", [p] { p->left.done(); });
    if (!fixed) p->left.wait();  // BUG
  }
  p->left.wait();
}

void run(bool fixed) {
  start("restore", [p = std::make_shared<plugins>(), fixed] { restore(p, fixed); });
}

const shape self{"moby_25384", run};

}  // namespace bugs::moby_25384
