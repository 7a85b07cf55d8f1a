// SPDX-License-Identifier: MIT
// find: 2; proven: 2; deadlock: -
// CockroachDB issue 2448 (GoKer, no partner left): two loops, a multi-raft's state and its store, each send
// to the other in a select that has no case to receive.
#include "bugs/shape.hpp"

namespace bugs::cockroach_2448 {

struct multi_raft {
  chan<int> events = make_chan<int>();
  chan<int> callbacks = make_chan<int>();
  signal_chan stop = make_chan<unit>();
};

void send_or_stop(const chan<int>& to, const chan<int>& from, multi_raft& m, bool fixed) {
  if (fixed)
    select(send(to, 1), recv(from, [](int, bool) {}), recv(m.stop));
  else
    select(send(to, 1), recv(m.stop));  // BUG: each should take what comes, too
}

void run(bool fixed) {
  const auto m = std::make_shared<multi_raft>();
  start("state", [m, fixed] { send_or_stop(m->events, m->callbacks, *m, fixed); });
  start("store", [m, fixed] { send_or_stop(m->callbacks, m->events, *m, fixed); });
}

const shape self{"cockroach_2448", run};

}  // namespace bugs::cockroach_2448
