// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: no
// The watcher of Kubernetes PR 135078 without the library's reader: nothing that lives has the two channels,
// so this one is proven.
#include "bugs/shape.hpp"

namespace bugs::kubernetes_135078_unfed {

struct watcher {
  chan<int> events = make_chan<int>();
  chan<int> errors = make_chan<int>();
};

void run(bool fixed) {
  const auto [ctx, cancel] = with_cancel(background());
  const auto w = std::make_shared<watcher>();
  start("watcher loop", [w, stop = fixed ? ctx.done() : recv_chan<std::monostate>()] {
    for (bool going = true; going;)
      select(recv(w->events, [](int, bool) {}), recv(w->errors, [](int, bool) {}),
             recv(stop, [&] { going = false; }));  // BUG: nil, as if it were not there
  });
  cancel();
}

const shape self{"kubernetes_135078_unfed", run};

}  // namespace bugs::kubernetes_135078_unfed
