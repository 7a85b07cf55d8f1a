// SPDX-License-Identifier: MIT
// find: no; proven: no; deadlock: no
// Kubernetes issue 139823, PR 139850: each sync makes a cancellable child of a context that lives for long,
// and overwrites the cancel function of the one before. No goroutine leaks, but a million children hung in
// the parent. In goro a child that nobody holds leaves its parent, so this is clean with and without the
// fix, and the shape says so itself.
#include "bugs/shape.hpp"

namespace bugs::kubernetes_139823 {

struct syncer {
  context parent;
  context current;
  cancel_func cancel;
};

void sync(syncer& s, bool fixed) {
  if (fixed && s.current) s.cancel();  // BUG
  std::tie(s.current, s.cancel) = with_cancel(s.parent);
}

void run(bool fixed) {
  const auto [parent, cancel] = with_cancel(background());
  syncer s{parent, {}, {}};
  for (int n = 0; n != 1000; ++n) sync(s, fixed);
  expect(parent.children() == 1, "children that nobody holds do not hang in their parent");
}

const shape self{"kubernetes_139823", run};

}  // namespace bugs::kubernetes_139823
