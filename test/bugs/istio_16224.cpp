// SPDX-License-Identifier: MIT
// find: 2; proven: 2; deadlock: yes
// Istio issue 16224 (GoKer, lock and channel): a test holds its lock while it waits for an event of the
// config store; the handler that would send it counts under the same lock first.
#include "bugs/shape.hpp"

namespace bugs::istio_16224 {

struct fixture {
  mutex lock;
  int seen = 0;
  signal_chan event = make_chan<unit>();
};

void handler(fixture& f, bool fixed) {
  if (!fixed) until_parked(wait_reason::chan_receive);
  f.lock.lock();
  ++f.seen;
  f.lock.unlock();
  f.event.send({});
}

void test(fixture& f, bool fixed) {
  f.lock.lock();
  if (fixed) f.lock.unlock();
  (void)f.event.recv();  // BUG: under the lock
  if (!fixed) f.lock.unlock();
}

void run(bool fixed) {
  const auto f = std::make_shared<fixture>();
  start("test", [f, fixed] { test(*f, fixed); });
  start("handler", [f, fixed] { handler(*f, fixed); });
}

const shape self{"istio_16224", run};

}  // namespace bugs::istio_16224
