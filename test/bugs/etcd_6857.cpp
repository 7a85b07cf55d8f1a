// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: no
// etcd issue 6857 (GoKer, no partner left): a raft node is asked for its status after its loop has taken the
// stop and gone.
#include "bugs/shape.hpp"

namespace bugs::etcd_6857 {

struct node {
  chan<chan<int>> status = make_chan<chan<int>>();
  signal_chan stop = make_chan<unit>();
  signal_chan done = make_chan<unit>();
};

void loop(node& n) {
  for (bool going = true; going;)
    select(recv(n.status, [](chan<int> to, bool) { to.send(1); }), recv(n.stop, [&] { going = false; }));
  n.done.close();
}

void status(node& n, bool fixed) {
  const chan<int> answer = make_chan<int>(1);
  (void)n.done.recv();
  if (fixed)
    select(send(n.status, answer), recv(n.done));
  else
    n.status.send(answer);  // BUG: the loop is gone
}

void run(bool fixed) {
  const auto n = std::make_shared<node>();
  start("loop", [n] { loop(*n); });
  start("status", [n, fixed] { status(*n, fixed); });
  n->stop.send({});
}

const shape self{"etcd_6857", run};

}  // namespace bugs::etcd_6857
