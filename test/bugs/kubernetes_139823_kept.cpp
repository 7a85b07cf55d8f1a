// SPDX-License-Identifier: MIT
// find: no; proven: no; deadlock: no
// Kubernetes issue 139823 where the children are still held, by the records of finished probes for instance:
// no goroutine leaks, and children() shows what does.
#include "bugs/shape.hpp"

namespace bugs::kubernetes_139823_kept {

void run(bool fixed) {
  const auto [parent, cancel] = with_cancel(background());
  std::vector<std::pair<context, cancel_func>> records;
  for (int n = 0; n != 100; ++n) {
    if (fixed && !records.empty()) records.back().second();  // BUG
    records.push_back(with_cancel(parent));
  }
  expect(parent.children() == (fixed ? 1 : 100), "children() counts those that are kept and not cancelled");
}

const shape self{"kubernetes_139823_kept", run};

}  // namespace bugs::kubernetes_139823_kept
