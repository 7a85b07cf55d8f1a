// SPDX-License-Identifier: MIT
// A lock for goroutines and threads that is made of a channel: tests of conditions need one, and any will do.
#pragma once

#include <goro/chan.hpp>

namespace goro_test {

class small_lock {
 public:
  void lock() { token_.send(1); }
  // Through a handle of its own: who takes the lock next may destroy this object.
  void unlock() {
    const goro::chan<int> token = token_;
    (void)token.recv();
  }

 private:
  goro::chan<int> token_ = goro::make_chan<int>(1);
};

}  // namespace goro_test
