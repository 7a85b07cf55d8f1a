// SPDX-License-Identifier: MIT
#include "signals.hpp"

#include <signal.h>
#include <unistd.h>

namespace digest {
namespace {

sigset_t watched() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

int wait_for_signal() {
  const sigset_t set = watched();
  int number = 0;
  while (goro::blocking([&] { return sigwait(&set, &number); }) != 0) {
  }
  return number;
}

}  // namespace

void block_signals() {
  const sigset_t set = watched();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error of write, not the end
}

goro::recv_chan<int> watch_signals() {
  auto signals = goro::make_chan<int>(1);
  goro::go({.name = "signals", .daemon = true}, [signals] {
    signals.send(wait_for_signal());
    _exit(128 + wait_for_signal());
  });
  return signals;
}

}  // namespace digest
