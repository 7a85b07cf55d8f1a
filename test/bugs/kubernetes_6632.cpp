// SPDX-License-Identifier: MIT
// find: 2; proven: 2; deadlock: yes
// Kubernetes issue 6632 (GoKer, lock and channel): writing a frame holds the write lock and reports to the
// idle monitor through a channel; the monitor has timed out and wants the write lock to close the
// connection.
#include "bugs/shape.hpp"

namespace bugs::kubernetes_6632 {

struct framer {
  mutex write;
  chan<int> reset = make_chan<int>();
  signal_chan closed = make_chan<unit>();
};

void write_frame(framer& f, bool fixed) {
  f.write.lock();
  if (fixed)
    select(send(f.reset, 1), recv(f.closed));
  else
    f.reset.send(1);  // BUG: nobody may be left who reads this
  f.write.unlock();
}

void monitor(framer& f, bool fixed) {
  if (!fixed) until_parked(wait_reason::chan_send);
  if (fixed) f.closed.close();
  f.write.lock();
  f.write.unlock();
}

void run(bool fixed) {
  const auto f = std::make_shared<framer>();
  start("writer", [f, fixed] { write_frame(*f, fixed); });
  start("monitor", [f, fixed] { monitor(*f, fixed); });
}

const shape self{"kubernetes_6632", run};

}  // namespace bugs::kubernetes_6632
