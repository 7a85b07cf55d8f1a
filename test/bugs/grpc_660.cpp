// SPDX-License-Identifier: MIT
// find: 2; proven: 2; deadlock: no
// gRPC-Go issue 660 (GoKer, no partner left): a benchmark's callers send each latency to a collector that
// has gone when the time was up.
#include "bugs/shape.hpp"

namespace bugs::grpc_660 {

struct benchmark {
  chan<int> latencies = make_chan<int>();
  signal_chan over = make_chan<unit>();
};

void call(benchmark& b, bool fixed) {
  for (int latency = 0;; ++latency) {
    if (!fixed) {
      b.latencies.send(latency);  // BUG: looks for the end only between two of them
      continue;
    }
    if (select(send(b.latencies, latency), recv(b.over)) == 1) return;
  }
}

void run(bool fixed) {
  const auto b = std::make_shared<benchmark>();
  for (int n = 0; n != 2; ++n) start("caller", [b, fixed] { call(*b, fixed); });
  start("collector", [b] {
    for (int n = 0; n != 5; ++n) (void)b->latencies.recv();
    b->over.close();
  });
}

const shape self{"grpc_660", run};

}  // namespace bugs::grpc_660
