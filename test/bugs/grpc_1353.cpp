// SPDX-License-Identifier: MIT
// find: 2; proven: 2; deadlock: yes
// gRPC-Go issue 1353 (GoBench, lock and channel): a round-robin balancer sends address updates under its
// lock; tear down is on the receiving side and wants the lock before it looks at the channel again.
#include "bugs/shape.hpp"

namespace bugs::grpc_1353 {

struct round_robin {
  mutex lock;
  chan<int> updates = make_chan<int>(1);
};

void watch(round_robin& r, bool fixed) {
  for (int n = 0; n != 2; ++n) {
    r.lock.lock();
    if (fixed) {
      while (r.updates.try_recv()) {
      }  // only the newest counts
    }
    r.updates.send(n);  // BUG: blocks under the lock when the buffer is full
    r.lock.unlock();
  }
}

void tear_down(round_robin& r, bool fixed) {
  if (!fixed) until_parked(wait_reason::chan_send);
  r.lock.lock();
  r.lock.unlock();
  while (r.updates.try_recv()) {
  }
}

void run(bool fixed) {
  const auto r = std::make_shared<round_robin>();
  start("watch", [r, fixed] { watch(*r, fixed); });
  start("tear down", [r, fixed] { tear_down(*r, fixed); });
}

const shape self{"grpc_1353", run};

}  // namespace bugs::grpc_1353
