// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: yes
// CockroachDB issue 9935 (GoKer, double lock): a logger's output() holds its mutex when creating the file
// fails, and calls its own exit function, which locks it to flush.
#include "bugs/shape.hpp"

namespace bugs::cockroach_9935 {

struct logger {
  mutex lock;
  bool has_file = false;
};

void exit_with_flush(logger& l) {
  l.lock.lock();
  l.lock.unlock();
}

void output(logger& l, bool fixed) {
  l.lock.lock();
  if (!l.has_file) {
    if (fixed) l.lock.unlock();
    exit_with_flush(l);  // BUG: still locked
    return;
  }
  l.lock.unlock();
}

void run(bool fixed) {
  start("logger", [l = std::make_shared<logger>(), fixed] { output(*l, fixed); });
}

const shape self{"cockroach_9935", run};

}  // namespace bugs::cockroach_9935
