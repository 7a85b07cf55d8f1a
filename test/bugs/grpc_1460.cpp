// SPDX-License-Identifier: MIT
// find: 2; proven: 2; deadlock: yes
// gRPC-Go issue 1460 (GoKer, lock and channel): the keep-alive goes to sleep until a stream wakes it,
// without giving the transport's lock back; a new stream needs that lock to wake it.
#include "bugs/shape.hpp"

namespace bugs::grpc_1460 {

struct transport {
  mutex lock;
  signal_chan awake = make_chan<unit>();
};

void keep_alive(transport& t, bool fixed) {
  t.lock.lock();
  if (fixed) t.lock.unlock();
  (void)t.awake.recv();  // BUG: under the lock
  if (!fixed) t.lock.unlock();
}

void new_stream(transport& t, bool fixed) {
  if (!fixed) until_parked(wait_reason::chan_receive);
  t.lock.lock();
  t.lock.unlock();
  t.awake.send({});
}

void run(bool fixed) {
  const auto t = std::make_shared<transport>();
  start("keep-alive", [t, fixed] { keep_alive(*t, fixed); });
  start("new stream", [t, fixed] { new_stream(*t, fixed); });
}

const shape self{"grpc_1460", run};

}  // namespace bugs::grpc_1460
