// SPDX-License-Identifier: MIT
// A goroutine that parks with a lock of the C library in hand. Knows nothing of goro::locks.
#include <goro/goro.hpp>

#include <chrono>
#include <mutex>

int main() {
  return goro::run([] {
    std::mutex m;
    const std::lock_guard hold(m);
    goro::sleep_for(std::chrono::milliseconds(1));
  });
}
