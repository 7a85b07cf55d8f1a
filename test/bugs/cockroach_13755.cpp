// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: no
// CockroachDB issue 13755 (GoKer, rows not closed): the rows of a query have a goroutine that waits for
// their context; the loop over them ends early and does not close them.
#include "bugs/shape.hpp"

namespace bugs::cockroach_13755 {

class rows {
 public:
  explicit rows(const context& parent) {
    std::tie(ctx_, cancel_) = with_cancel(parent);
    start("awaitDone", [ctx = ctx_, closed = closed_] { select(recv(ctx.done()), recv(closed)); });
  }
  bool next() { return left_-- > 0; }
  void close() { cancel_(); }

 private:
  context ctx_;
  cancel_func cancel_;
  signal_chan closed_ = make_chan<unit>();
  int left_ = 3;
};

void run(bool fixed) {
  rows found(background());
  if (found.next() && fixed) found.close();  // BUG
}

const shape self{"cockroach_13755", run};

}  // namespace bugs::cockroach_13755
