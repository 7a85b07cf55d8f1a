// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: yes
// gRPC-Go issue 795 (GoKer, missing unlock): stopping a server that has no listeners leaves its mutex
// locked; the graceful stop that follows hangs.
#include "bugs/shape.hpp"

namespace bugs::grpc_795 {

struct server {
  mutex lock;
  std::vector<int> listeners;
};

void stop(server& s, bool fixed) {
  s.lock.lock();
  if (s.listeners.empty()) {
    if (fixed) s.lock.unlock();
    return;  // BUG
  }
  s.listeners.clear();
  s.lock.unlock();
}

void run(bool fixed) {
  start("stopper", [s = std::make_shared<server>(), fixed] {
    stop(*s, fixed);
    stop(*s, true);
  });
}

const shape self{"grpc_795", run};

}  // namespace bugs::grpc_795
