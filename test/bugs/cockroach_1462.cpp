// SPDX-License-Identifier: MIT
// find: 4; proven: 4; deadlock: -
// CockroachDB issue 1462 (GoKer, wait_group, lock and channels): of a local cluster's tasks, one sends to
// another that has already taken the stop; the stopper waits for all of them, and who started it for the
// stopper.
#include "bugs/shape.hpp"

namespace bugs::cockroach_1462 {

struct cluster {
  wait_group tasks;
  chan<int> messages = make_chan<int>();
  signal_chan stop = make_chan<unit>();
  signal_chan stopped = make_chan<unit>();
};

void sender(cluster& c, bool fixed) {
  (void)c.stop.recv();
  if (fixed)
    (void)c.messages.try_send(1);
  else
    c.messages.send(1);  // BUG: it does not look for the stop here
  c.tasks.done();
}

void receiver(cluster& c) {
  select(recv(c.messages, [](int, bool) {}), recv(c.stop));
  c.tasks.done();
}

void run(bool fixed) {
  const auto c = std::make_shared<cluster>();
  c->tasks.add(3);
  start("receiver", [c] { receiver(*c); });
  until_parked(wait_reason::select);
  c->stop.close();
  until_left(0);
  for (int n = 0; n != 2; ++n) start("sender", [c, fixed] { sender(*c, fixed); });
  start("stopper", [c] {
    c->tasks.wait();
    c->stopped.close();
  });
  start("main", [c] { (void)c->stopped.recv(); });
}

const shape self{"cockroach_1462", run};

}  // namespace bugs::cockroach_1462
