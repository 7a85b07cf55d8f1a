// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: no
// Production pattern (CGO 2024): an object starts a goroutine and has a stop() for it, which its user does
// not call. The fixed one stops in its destructor.
#include "bugs/shape.hpp"

namespace bugs::start_without_stop {

class flusher {
 public:
  explicit flusher(bool fixed) : stops_itself_(fixed) {
    start("flusher", [stop = stop_, items = items_] {
      for (bool going = true; going;)
        select(recv(items, [](int, bool) {}), recv(stop, [&] { going = false; }));
    });
  }
  ~flusher() {
    if (stops_itself_) stop();  // BUG
  }
  void stop() { stop_.close(); }
  void add(int item) { items_.send(item); }

 private:
  bool stops_itself_;
  signal_chan stop_ = make_chan<unit>();
  chan<int> items_ = make_chan<int>();
};

void run(bool fixed) {
  flusher f(fixed);
  f.add(1);
}

const shape self{"start_without_stop", run};

}  // namespace bugs::start_without_stop
