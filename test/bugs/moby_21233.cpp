// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: no
// Docker issue 21233 (GoKer, no partner left): a transfer reports its progress to one who has stopped to
// listen.
#include "bugs/shape.hpp"

namespace bugs::moby_21233 {

struct transfer {
  chan<int> progress = make_chan<int>();
  signal_chan released = make_chan<unit>();
};

void report(transfer& t, bool fixed) {
  for (int percent = 0; percent != 100; percent += 10)
    if (fixed) {
      if (select(send(t.progress, percent), recv(t.released)) == 1) return;
    } else {
      t.progress.send(percent);  // BUG
    }
}

void run(bool fixed) {
  const auto t = std::make_shared<transfer>();
  start("transfer", [t, fixed] { report(*t, fixed); });
  start("listener", [t] {
    (void)t->progress.recv();
    t->released.close();
  });
}

const shape self{"moby_21233", run};

}  // namespace bugs::moby_21233
