// SPDX-License-Identifier: MIT
// find: 3; proven: 3; deadlock: no
// Kubernetes issue 70207: a watch is a chain; the client's writer is gone, so the last stage cannot send,
// the one before it is full, and the first as well. The server's table has dropped the watch.
#include "bugs/shape.hpp"

namespace bugs::kubernetes_70207 {

struct watch {
  chan<int> incoming = make_chan<int>();
  chan<int> filtered = make_chan<int>(1);
  chan<int> outgoing = make_chan<int>();
  signal_chan client_gone = make_chan<unit>();
};

void pass(const chan<int>& from, const chan<int>& to, const signal_chan& gone, bool fixed) {
  for (;;) {
    int event = 0;
    if (select(recv(from, event), recv(fixed ? gone : signal_chan())) == 1) return;
    if (select(send(to, event), recv(fixed ? gone : signal_chan())) == 1) return;  // BUG: only the first case
  }
}

void run(bool fixed) {
  const auto w = std::make_shared<watch>();
  start("source", [w, fixed] {
    for (int event = 0;; ++event)
      if (select(send(w->incoming, event), recv(fixed ? w->client_gone : signal_chan())) == 1) return;
  });
  start("filter", [w, fixed] { pass(w->incoming, w->filtered, w->client_gone, fixed); });
  start("encoder", [w, fixed] { pass(w->filtered, w->outgoing, w->client_gone, fixed); });
  start("writer", [w] {
    (void)w->outgoing.recv();
    w->client_gone.close();
  });
}

const shape self{"kubernetes_70207", run};

}  // namespace bugs::kubernetes_70207
