// SPDX-License-Identifier: MIT
// find: 2; proven: 2; deadlock: yes
// Docker issue 28462 (GoKer, lock and channel): stopping a container's health checks sends to the monitor
// under the container's lock; the monitor is handling a result, for which it locks the container.
#include "bugs/shape.hpp"

namespace bugs::moby_28462 {

struct container {
  mutex lock;
  signal_chan stop = make_chan<unit>();
  int failures = 0;
};

void monitor(container& c, bool fixed) {
  if (!fixed) until_parked(wait_reason::chan_send);
  c.lock.lock();  // a probe's result
  ++c.failures;
  c.lock.unlock();
  (void)c.stop.recv();
}

void stop_checks(container& c, bool fixed) {
  c.lock.lock();
  if (fixed)
    c.stop.close();  // does not wait
  else
    c.stop.send({});  // BUG: under the lock
  c.lock.unlock();
}

void run(bool fixed) {
  const auto c = std::make_shared<container>();
  start("monitor", [c, fixed] { monitor(*c, fixed); });
  start("stop", [c, fixed] { stop_checks(*c, fixed); });
}

const shape self{"moby_28462", run};

}  // namespace bugs::moby_28462
