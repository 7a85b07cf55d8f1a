// SPDX-License-Identifier: MIT
// find: 3; proven: 3; deadlock: yes
// Knative serving issue 2137 (GoKer, lock and channel): a breaker lets one request in at a time. The first
// is inside and waits for its lock, which the tester gives back only after the second has been accepted, for
// which there is no room.
#include "bugs/shape.hpp"

namespace bugs::serving_2137 {

struct request {
  mutex lock;
  signal_chan accepted = make_chan<unit>();
};

struct breaker {
  signal_chan active = make_chan<unit>(1);
  request first;
  request second;
};

void maybe(breaker& b, request& r) {
  b.active.send({});  // a place
  r.accepted.close();
  r.lock.lock();  // the work: until the tester lets it end
  r.lock.unlock();
  (void)b.active.recv();
}

void tester(const std::shared_ptr<breaker>& b, bool fixed) {
  b->first.lock.lock();
  b->second.lock.lock();
  start("request 1", [b] { maybe(*b, b->first); });
  (void)b->first.accepted.recv();
  start("request 2", [b] { maybe(*b, b->second); });
  if (fixed) b->first.lock.unlock();
  (void)b->second.accepted.recv();  // BUG: not while the first has its place
  b->second.lock.unlock();
  if (!fixed) b->first.lock.unlock();
}

void run(bool fixed) {
  start("tester", [b = std::make_shared<breaker>(), fixed] { tester(b, fixed); });
}

const shape self{"serving_2137", run};

}  // namespace bugs::serving_2137
