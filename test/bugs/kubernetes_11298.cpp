// SPDX-License-Identifier: MIT
// find: 3; proven: 3; deadlock: -
// Kubernetes issue 11298 (GoKer, two conds): a scheduler's loop holds its outer lock while it waits in the
// second cond to be told of a node; the one who would tell needs the outer lock, and a third waits in the
// first cond for both.
#include "bugs/shape.hpp"

namespace bugs::kubernetes_11298 {

struct scheduler {
  mutex outer;
  mutex nodes_lock;
  cond<mutex> nodes_changed{nodes_lock};
  mutex end_lock;
  cond<mutex> ended{end_lock};
  bool has_node = false;
  bool has_ended = false;
};

void loop(scheduler& s, bool fixed) {
  s.outer.lock();
  if (fixed) s.outer.unlock();
  s.nodes_lock.lock();
  s.nodes_changed.wait([&] { return s.has_node; });  // BUG: with the outer lock
  s.nodes_lock.unlock();
  if (!fixed) s.outer.unlock();
  s.end_lock.lock();
  s.has_ended = true;
  s.end_lock.unlock();
  s.ended.notify_all();
}

void add_node(scheduler& s) {
  s.outer.lock();
  s.nodes_lock.lock();
  s.has_node = true;
  s.nodes_lock.unlock();
  s.nodes_changed.notify_one();
  s.outer.unlock();
}

void wait_for_end(scheduler& s) {
  s.end_lock.lock();
  s.ended.wait([&] { return s.has_ended; });
  s.end_lock.unlock();
}

void run(bool fixed) {
  const auto s = std::make_shared<scheduler>();
  start("loop", [s, fixed] { loop(*s, fixed); });
  until_parked(wait_reason::cond);
  start("stop", [s] { wait_for_end(*s); });
  until_parked(wait_reason::cond, 2);
  start("add node", [s] { add_node(*s); });
}

const shape self{"kubernetes_11298", run};

}  // namespace bugs::kubernetes_11298
