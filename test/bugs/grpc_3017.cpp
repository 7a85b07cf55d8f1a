// SPDX-License-Identifier: MIT
// find: 2; proven: 2; deadlock: yes
// gRPC-Go issue 3017 (GoKer, missing unlock): one path of removing a connection from the cache does not
// unlock; the second removal hangs, and so does the function that the first one's timer has called.
#include "bugs/shape.hpp"

namespace bugs::grpc_3017 {

struct cache {
  mutex lock;
  int connections = 1;
};

void expired(cache& c) {
  c.lock.lock();
  c.connections = 0;
  c.lock.unlock();
}

void remove(cache& c, bool fixed) {
  c.lock.lock();
  if (c.connections == 0) {
    c.lock.unlock();
    return;
  }
  if (fixed) c.lock.unlock();  // BUG: only the other path has this
}

void run(bool fixed) {
  start("remover", [c = std::make_shared<cache>(), fixed] {
    remove(*c, fixed);
    start("timer callback", [c] { expired(*c); });
    if (!fixed) until_parked(wait_reason::mutex);
    remove(*c, fixed);
  });
}

const shape self{"grpc_3017", run};

}  // namespace bugs::grpc_3017
