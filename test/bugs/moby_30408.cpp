// SPDX-License-Identifier: MIT
// find: 2; proven: 2; deadlock: no
// Docker issue 30408 (GoKer, wait without a signal): a plugin's users wait in a cond until it is active;
// activating it fails, which is recorded, and nobody is told.
#include "bugs/shape.hpp"

namespace bugs::moby_30408 {

struct plugin {
  mutex lock;
  cond<mutex> changed{lock};
  bool active = false;
  bool failed = false;
};

void wait_active(plugin& p) {
  p.lock.lock();
  p.changed.wait([&] { return p.active || p.failed; });
  p.lock.unlock();
}

void activate(plugin& p, bool fixed) {
  p.lock.lock();
  p.failed = true;
  p.lock.unlock();
  if (fixed) p.changed.notify_all();  // BUG
}

void run(bool fixed) {
  const auto p = std::make_shared<plugin>();
  for (int n = 0; n != 2; ++n) start("user", [p] { wait_active(*p); });
  until_parked(wait_reason::cond, 2);
  start("activate", [p, fixed] { activate(*p, fixed); });
}

const shape self{"moby_30408", run};

}  // namespace bugs::moby_30408
