// SPDX-License-Identifier: MIT
// find: 2; proven: no; deadlock: no
// Kubernetes PR 135078, with issue 134939: a file watcher's loop selects over events and errors and has no
// third way out; its owner is gone without closing it, so the library's reader sits in the kernel as well.
// The reader may wake, and has the channels: nothing is proven.
#include "bugs/shape.hpp"

namespace bugs::kubernetes_135078 {

struct watcher {
  chan<int> events = make_chan<int>();
  chan<int> errors = make_chan<int>();
  signal_chan closed = make_chan<unit>();
  int pipe_ends[2] = {-1, -1};  // stands for inotify
};

void library_reader(watcher& w) {
  for (;;) {
    char byte;
    const ssize_t n = blocking([&] { return read(w.pipe_ends[0], &byte, 1); });
    if (n <= 0) break;
    if (select(send(w.events, byte), recv(w.closed)) == 1) break;
  }
  ::close(w.pipe_ends[0]);
}

void loop(watcher& w, const context& ctx, bool fixed) {
  for (bool going = true; going;) {
    if (fixed)
      select(recv(w.events, [](int, bool) {}), recv(w.errors, [](int, bool) {}),
             recv(ctx.done(), [&] { going = false; }));
    else
      select(recv(w.events, [](int, bool) {}), recv(w.errors, [](int, bool) {}));  // BUG
  }
  w.closed.close();
  ::close(w.pipe_ends[1]);
}

void run(bool fixed) {
  const auto [ctx, cancel] = with_cancel(background());
  const auto w = std::make_shared<watcher>();
  expect(pipe(w->pipe_ends) == 0, "a pipe");
  start("library reader", [w] { library_reader(*w); });
  start("watcher loop", [w, ctx = ctx, fixed] { loop(*w, ctx, fixed); });
  (void)write(w->pipe_ends[1], "x", 1);
  until_parked(wait_reason::select);
  cancel();  // the controller stops
}

const shape self{"kubernetes_135078", run};

}  // namespace bugs::kubernetes_135078
