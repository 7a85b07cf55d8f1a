// SPDX-License-Identifier: MIT
// Waiting for a state, not for a time.
//
//   ASSERT_TRUE(goro_test::eventually([&] { return arrived.load() == 4; }));
//
// From a goroutine and from a plain thread alike. The bound is there only to turn a hang into a failure.
#pragma once

#include <goro/goro.hpp>

#include <chrono>
#include <thread>

namespace goro_test {

template <class Predicate>
[[nodiscard]] bool eventually(Predicate holds, std::chrono::milliseconds bound = std::chrono::seconds(30)) {
  const auto limit = std::chrono::steady_clock::now() + bound;
  for (int round = 0; !holds(); ++round) {
    if (std::chrono::steady_clock::now() > limit) return holds();
    if (round < 20) {
      goro::yield();
    } else if (goro::goroutine_id() != 0) {
      goro::sleep_for(std::chrono::microseconds(200));
    } else {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  }
  return true;
}

}  // namespace goro_test
