// SPDX-License-Identifier: MIT
// find: 9; proven: 9; deadlock: no
// Kubernetes PR 77434: each event is a goroutine that waits in a cond for its turn to send; the consumer has
// stopped to read, and the stop is no part of what the cond waits for.
#include "bugs/shape.hpp"

namespace bugs::kubernetes_77434 {

struct event_queue {
  mutex lock;
  cond<mutex> turn_changed{lock};
  int turn = 0;
  bool stopped = false;
  chan<int> out = make_chan<int>();
  signal_chan stop = make_chan<unit>();
};

void deliver(event_queue& q, int ticket, bool fixed) {
  q.lock.lock();
  q.turn_changed.wait([&] { return q.turn == ticket || (fixed && q.stopped); });  // BUG: no stop
  const bool stopped = q.stopped;
  q.lock.unlock();
  if (fixed) {
    if (stopped) return;
    select(send(q.out, ticket), recv(q.stop));
  } else {
    q.out.send(ticket);
  }
  q.lock.lock();
  ++q.turn;
  q.lock.unlock();
  q.turn_changed.notify_all();
}

void run(bool fixed) {
  const auto q = std::make_shared<event_queue>();
  for (int ticket = 0; ticket != 10; ++ticket)
    start("event", [q, ticket, fixed] { deliver(*q, ticket, fixed); });
  (void)q->out.recv();
  until_parked(wait_reason::cond, 8);
  q->lock.lock();
  q->stopped = true;
  q->lock.unlock();
  q->stop.close();
  q->turn_changed.notify_all();
}

const shape self{"kubernetes_77434", run};

}  // namespace bugs::kubernetes_77434
