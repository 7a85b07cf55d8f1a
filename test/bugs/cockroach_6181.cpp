// SPDX-License-Identifier: MIT
// find: 5; proven: 5; deadlock: yes
// CockroachDB issue 6181 (GoKer, read lock taken again): printing a range cache under its read lock calls a
// String() that read-locks it once more. Three do so and somebody waits for them in a wait_group; an
// eviction wants to write.
#include "bugs/shape.hpp"

namespace bugs::cockroach_6181 {

struct range_cache {
  rw_mutex lock;
  int ranges = 7;
  wait_group lookups;
};

std::string to_text(range_cache& c, bool fixed) {
  if (!fixed) c.lock.lock_shared();  // BUG
  std::string text = std::to_string(c.ranges);
  if (!fixed) c.lock.unlock_shared();
  return text;
}

void run(bool fixed) {
  const auto c = std::make_shared<range_cache>();
  const auto inside = make_chan<unit>(3);
  const signal_chan go_on = make_chan<unit>();
  c->lookups.add(3);
  for (int i = 0; i != 3; ++i)
    start("lookup", [c, inside, go_on, fixed] {
      c->lock.lock_shared();
      inside.send({});
      (void)go_on.recv();
      (void)to_text(*c, fixed);
      c->lock.unlock_shared();
      c->lookups.done();
    });
  for (int i = 0; i != 3; ++i) (void)inside.recv();
  start("eviction", [c] {
    c->lock.lock();
    c->lock.unlock();
  });
  until_parked(wait_reason::rw_mutex_write);
  start("tester", [c] { c->lookups.wait(); });
  go_on.close();
}

const shape self{"cockroach_6181", run};

}  // namespace bugs::cockroach_6181
