// SPDX-License-Identifier: MIT
// find: 2; proven: 2; deadlock: yes
// etcd issue 7492 (GoKer, lock and channel): assigning a token sends it to the token keeper with the lock
// held; the keeper is just deleting an old one, for which it needs the lock.
#include "bugs/shape.hpp"

namespace bugs::etcd_7492 {

struct tokens {
  mutex lock;
  int live = 1;
  chan<int> added = make_chan<int>();
  signal_chan stop = make_chan<unit>();
};

void keeper(tokens& t, bool fixed) {
  if (!fixed) until_parked(wait_reason::chan_send);
  t.lock.lock();  // the old one has expired
  --t.live;
  t.lock.unlock();
  for (bool going = true; going;)
    select(recv(t.added, [](int, bool) {}), recv(t.stop, [&] { going = false; }));
}

void assign(tokens& t, bool fixed) {
  t.lock.lock();
  ++t.live;
  if (fixed) t.lock.unlock();
  t.added.send(1);  // BUG: under the lock
  if (!fixed) t.lock.unlock();
  t.stop.close();
}

void run(bool fixed) {
  const auto t = std::make_shared<tokens>();
  start("assign", [t, fixed] { assign(*t, fixed); });
  start("keeper", [t, fixed] { keeper(*t, fixed); });
}

const shape self{"etcd_7492", run};

}  // namespace bugs::etcd_7492
