// SPDX-License-Identifier: MIT
// A read lock taken again by its holder, with a writer in between: nobody can ever go on.
#include <goro/goro.hpp>

#include "sched/introspect.hpp"

namespace {

goro::rw_mutex guard;

int read_again() {
  guard.lock_shared();
  goro::go({.name = "the-writer"}, [] { guard.lock(); });
  while (goro::detail::parked_count(goro::detail::wait_reason::rw_mutex_write) == 0) goro::yield();
  guard.lock_shared();
  return 3;
}

}  // namespace

int main() { return goro::run(read_again); }
