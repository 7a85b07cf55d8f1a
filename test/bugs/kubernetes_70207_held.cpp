// SPDX-License-Identifier: MIT
// find: 3; proven: no; deadlock: no
// Kubernetes issue 70207 with a table of watches that still has this one: somebody could receive, so nothing
// is proven.
#include "bugs/shape.hpp"

namespace bugs::kubernetes_70207_held {

struct watch {
  chan<int> incoming = make_chan<int>();
  chan<int> filtered = make_chan<int>(1);
  chan<int> outgoing = make_chan<int>();
  signal_chan client_gone = make_chan<unit>();
};

std::vector<std::shared_ptr<watch>>& table() {
  static std::vector<std::shared_ptr<watch>> made;
  return made;
}

void pass(const chan<int>& from, const chan<int>& to, const signal_chan& gone) {
  for (;;) {
    int event = 0;
    if (select(recv(from, event), recv(gone)) == 1) return;
    if (select(send(to, event), recv(gone)) == 1) return;
  }
}

void run(bool fixed) {
  const auto w = std::make_shared<watch>();
  table().push_back(w);
  start("source", [w] {
    for (int event = 0;; ++event)
      if (select(send(w->incoming, event), recv(w->client_gone)) == 1) return;
  });
  start("filter", [w] { pass(w->incoming, w->filtered, w->client_gone); });
  start("encoder", [w] { pass(w->filtered, w->outgoing, w->client_gone); });
  (void)w->outgoing.recv();
  if (fixed) w->client_gone.close();  // BUG: whoever notices that the client is gone tells nobody
}

const shape self{"kubernetes_70207_held", run};

}  // namespace bugs::kubernetes_70207_held
