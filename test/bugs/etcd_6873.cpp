// SPDX-License-Identifier: MIT
// find: 2; proven: 2; deadlock: yes
// etcd issue 6873 (GoKer, lock and channel): stop() waits, with the lock held, for the loop to say that it
// has ended; the loop has just taken an update and needs the lock to deliver it.
#include "bugs/shape.hpp"

namespace bugs::etcd_6873 {

struct broadcasts {
  mutex lock;
  chan<int> updates = make_chan<int>();
  signal_chan stop = make_chan<unit>();
  signal_chan ended = make_chan<unit>();
};

void loop(broadcasts& b) {
  for (bool going = true; going;)
    select(recv(b.updates,
                [&](int, bool ok) {
                  if (!ok) return;
                  b.lock.lock();  // deliver
                  b.lock.unlock();
                }),
           recv(b.stop, [&] { going = false; }));
  b.ended.close();
}

void stop(broadcasts& b, bool fixed) {
  b.lock.lock();
  if (fixed) b.lock.unlock();
  if (!fixed) {
    b.updates.send(1);
    until_parked(wait_reason::mutex);
  }
  b.stop.close();
  (void)b.ended.recv();  // BUG: under the lock
  if (!fixed) b.lock.unlock();
}

void run(bool fixed) {
  const auto b = std::make_shared<broadcasts>();
  start("loop", [b] { loop(*b); });
  start("stopper", [b, fixed] { stop(*b, fixed); });
}

const shape self{"etcd_6873", run};

}  // namespace bugs::etcd_6873
