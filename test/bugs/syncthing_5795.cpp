// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: -
// Syncthing issue 5795 (GoKer, no partner left): a connection's dispatcher calls a handler that closes the
// connection, and closing waits until the dispatcher has ended.
#include "bugs/shape.hpp"

namespace bugs::syncthing_5795 {

struct connection {
  chan<int> messages = make_chan<int>(1);
  signal_chan dispatcher_ended = make_chan<unit>();
};

void close(connection& c, bool fixed) {
  if (!fixed) (void)c.dispatcher_ended.recv();  // BUG: it is the dispatcher that waits
}

void dispatch(connection& c, bool fixed) {
  while (c.messages.recv()) {
    close(c, fixed);
    break;
  }
  c.dispatcher_ended.close();
}

void run(bool fixed) {
  const auto c = std::make_shared<connection>();
  start("dispatcher", [c, fixed] { dispatch(*c, fixed); });
  c->messages.send(1);
}

const shape self{"syncthing_5795", run};

}  // namespace bugs::syncthing_5795
