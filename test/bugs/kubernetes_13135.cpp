// SPDX-License-Identifier: MIT
// find: 2; proven: 2; deadlock: yes
// Kubernetes issue 13135 (GoKer, AB-BA through once): a starting cacher holds its lock and, in a once,
// replaces the watch cache; an event holds the watch cache's lock and calls the cacher's hook, which locks
// the cacher.
#include "bugs/shape.hpp"

namespace bugs::kubernetes_13135 {

struct cacher {
  mutex lock;
  mutex watch_cache;
  once ready;
  meeting both;
};

void start_caching(cacher& c, bool fixed) {
  c.lock.lock();
  if (fixed) c.lock.unlock();
  if (!fixed) c.both.arrive();
  c.ready.call([&] {
    c.watch_cache.lock();  // BUG: under the cacher's lock
    c.watch_cache.unlock();
  });
  if (!fixed) c.lock.unlock();
}

void on_event(cacher& c, bool fixed) {
  c.watch_cache.lock();
  if (!fixed) c.both.arrive();
  c.lock.lock();
  c.lock.unlock();
  c.watch_cache.unlock();
}

void run(bool fixed) {
  const auto c = std::make_shared<cacher>();
  start("start caching", [c, fixed] { start_caching(*c, fixed); });
  start("event", [c, fixed] { on_event(*c, fixed); });
}

const shape self{"kubernetes_13135", run};

}  // namespace bugs::kubernetes_13135
