// SPDX-License-Identifier: MIT
// find: 2; proven: 2; deadlock: yes
// Kubernetes issue 30872 (GoKer, AB-BA): a federated informer delivers under its own lock into a queue with
// a lock, and the queue's consumer, holding the queue, asks the informer.
#include "bugs/shape.hpp"

namespace bugs::kubernetes_30872 {

struct informer {
  mutex clusters;
  mutex queue;
  meeting both;
};

void deliver(informer& i, bool fixed) {
  i.clusters.lock();
  if (!fixed) i.both.arrive();
  i.queue.lock();
  i.queue.unlock();
  i.clusters.unlock();
}

void consume(informer& i, bool fixed) {
  i.queue.lock();
  if (fixed) i.queue.unlock();
  if (!fixed) i.both.arrive();
  i.clusters.lock();  // BUG: with the queue's lock
  i.clusters.unlock();
  if (!fixed) i.queue.unlock();
}

void run(bool fixed) {
  const auto i = std::make_shared<informer>();
  start("deliver", [i, fixed] { deliver(*i, fixed); });
  start("consume", [i, fixed] { consume(*i, fixed); });
}

const shape self{"kubernetes_30872", run};

}  // namespace bugs::kubernetes_30872
