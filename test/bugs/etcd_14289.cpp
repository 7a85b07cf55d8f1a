// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: no
// etcd PR 14289: stopping a server gracefully is given a time; when it is over, the goroutine that stops it
// still sends that it has done so.
#include "bugs/shape.hpp"

namespace bugs::etcd_14289 {

void stop_gracefully(bool fixed) {
  const signal_chan stopped = make_chan<unit>();
  const signal_chan last_request = make_chan<unit>();
  start("graceful stop", [stopped, last_request, fixed] {
    (void)last_request.recv();
    if (fixed)
      stopped.close();
    else
      stopped.send({});  // BUG
  });
  select(recv(stopped), timeout(1ms));
  last_request.close();  // stopped by force
}

void run(bool fixed) { stop_gracefully(fixed); }

const shape self{"etcd_14289", run};

}  // namespace bugs::etcd_14289
