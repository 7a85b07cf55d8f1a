// SPDX-License-Identifier: MIT
// find: 3; proven: no; deadlock: no; grows: 3
// Kubernetes issues 35015 and 39734, PR 35672: list-and-watch returns by an error without closing its call's
// clean-up channel; a resync goroutine stays behind with each reconnect. Its ticker will wake it, so it is
// not proven: growth shows it.
#include "bugs/shape.hpp"

namespace bugs::kubernetes_39734 {

void resync(const signal_chan& stop) {
  const ticker period(1h);
  for (bool going = true; going;) select(recv(period.c()), recv(stop, [&] { going = false; }));
}

bool list_and_watch(bool fixed) {
  const signal_chan stop = make_chan<unit>();
  start("resync", [stop] { resync(stop); });
  const bool connected = false;
  if (!connected) {
    if (fixed) stop.close();
    return false;  // BUG
  }
  stop.close();
  return true;
}

void run(bool fixed) {
  for (int reconnect = 0; reconnect != 3; ++reconnect) (void)list_and_watch(fixed);
}

const shape self{"kubernetes_39734", run};

}  // namespace bugs::kubernetes_39734
