// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: no
// Kubernetes issue 25331 (GoKer, no partner left): a watch's failing reader sends its error although the
// consumer has cancelled and left.
#include "bugs/shape.hpp"

namespace bugs::kubernetes_25331 {

struct watch {
  chan<int> errors = make_chan<int>();
};

void fail(watch& w, const context& ctx, bool fixed) {
  while (!ctx.err()) yield();
  if (fixed)
    select(send(w.errors, 1), recv(ctx.done()));
  else
    w.errors.send(1);  // BUG
}

void run(bool fixed) {
  const auto [ctx, cancel] = with_cancel(background());
  const auto w = std::make_shared<watch>();
  start("reader", [w, ctx = ctx, fixed] { fail(*w, ctx, fixed); });
  start("consumer", [w, ctx = ctx] { select(recv(w->errors, [](int, bool) {}), recv(ctx.done())); });
  cancel();
}

const shape self{"kubernetes_25331", run};

}  // namespace bugs::kubernetes_25331
