// SPDX-License-Identifier: MIT
// find: 2; proven: 2; deadlock: no
// Kubernetes PR 141955: two servers wait for a stop channel that was taken from the background context,
// which is nil: nothing can ever wake them.
#include "bugs/shape.hpp"

namespace bugs::kubernetes_141955 {

void serve(const recv_chan<std::monostate>& stop) { (void)stop.recv(); }

void run(bool fixed) {
  const auto [ctx, cancel] = with_cancel(background());
  const context used = fixed ? ctx : background();  // BUG
  for (int n = 0; n != 2; ++n) start("server", [stop = used.done()] { serve(stop); });
  cancel();
}

const shape self{"kubernetes_141955", run};

}  // namespace bugs::kubernetes_141955
