// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: no
// CockroachDB issue 13197 (GoKer, context never cancelled): a transaction's goroutine waits until its
// context is done; the transaction is neither committed nor rolled back, and so nobody cancels.
#include "bugs/shape.hpp"

namespace bugs::cockroach_13197 {

struct transaction {
  context ctx;
  cancel_func cancel;
};

std::shared_ptr<transaction> begin() {
  auto [ctx, cancel] = with_cancel(background());
  const auto t = std::make_shared<transaction>(transaction{ctx, cancel});
  start("awaitDone", [ctx = ctx] { (void)ctx.done().recv(); });
  return t;
}

void run(bool fixed) {
  const auto t = begin();
  if (fixed) t->cancel();  // BUG: the transaction is dropped as it is
}

const shape self{"cockroach_13197", run};

}  // namespace bugs::cockroach_13197
