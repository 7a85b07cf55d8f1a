// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: no
// gRPC-Go issue 1424 (GoKer, no partner left): dialling waits until a connection is ready; the balancer's
// watcher ends because its own channel was closed, and does not say that there will be none.
#include "bugs/shape.hpp"

namespace bugs::grpc_1424 {

struct dialer {
  chan<int> addresses = make_chan<int>();
  signal_chan ready = make_chan<unit>();
};

void watch(dialer& d, bool fixed) {
  if (!d.addresses.recv()) {
    if (fixed) d.ready.close();
    return;  // BUG
  }
  d.ready.close();
}

void run(bool fixed) {
  const auto d = std::make_shared<dialer>();
  start("dial", [d] { (void)d->ready.recv(); });
  start("watcher", [d, fixed] { watch(*d, fixed); });
  d->addresses.close();
}

const shape self{"grpc_1424", run};

}  // namespace bugs::grpc_1424
