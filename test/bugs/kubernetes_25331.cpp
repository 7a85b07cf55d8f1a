// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: no
// Kubernetes issue 25331 (GoKer, no partner left): a watch's failing reader sends its error although the
// consumer has cancelled and left.
#include "bugs/shape.hpp"

namespace bugs::kubernetes_25331 {

struct watch {
  chan<int> errors = make_chan<int>();
  signal_chan left = make_chan<unit>();
};

void fail(watch& w, const context& ctx, bool fixed) {
  (void)w.left.recv();
  if (fixed)
    select(send(w.errors, 1), recv(ctx.done()));
  else
    w.errors.send(1);  // BUG
}

void run(bool fixed) {
  const auto [ctx, cancel] = with_cancel(background());
  const auto w = std::make_shared<watch>();
  start("reader", [w, ctx = ctx, fixed] { fail(*w, ctx, fixed); });
  start("consumer", [w, ctx = ctx] {
    select(recv(w->errors, [](int, bool) {}), recv(ctx.done()));
    w->left.close();
  });
  cancel();
}

const shape self{"kubernetes_25331", run};

}  // namespace bugs::kubernetes_25331
