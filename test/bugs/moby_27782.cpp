// SPDX-License-Identifier: MIT
// find: 2; proven: 2; deadlock: -
// Docker issue 27782 (GoKer, cond and channel): removing a log waits in a cond until its reader has let go;
// the reader is sending a line to a client that reads no more.
#include "bugs/shape.hpp"

namespace bugs::moby_27782 {

struct log_file {
  mutex lock;
  cond<mutex> released{lock};
  int readers = 1;
  chan<int> lines = make_chan<int>();
  signal_chan closed = make_chan<unit>();
};

void read(log_file& l, bool fixed) {
  if (fixed)
    select(send(l.lines, 1), recv(l.closed));
  else
    l.lines.send(1);  // BUG
  l.lock.lock();
  --l.readers;
  l.lock.unlock();
  l.released.notify_all();
}

void remove(log_file& l) {
  l.closed.close();
  l.lock.lock();
  l.released.wait([&] { return l.readers == 0; });
  l.lock.unlock();
}

void run(bool fixed) {
  const auto l = std::make_shared<log_file>();
  start("reader", [l, fixed] { read(*l, fixed); });
  start("remove", [l] { remove(*l); });
}

const shape self{"moby_27782", run};

}  // namespace bugs::moby_27782
