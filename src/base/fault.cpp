// SPDX-License-Identifier: MIT
#include "base/fault.hpp"

#ifdef GORO_FAULTS

#include <atomic>
#include <cerrno>
#include <cstring>

namespace goro::detail {
namespace {

// Set while the test is alone with its calls, so their orders against each other do not matter.
std::atomic<const char*> wanted{nullptr};
std::atomic<unsigned> left{0};  // questions until the failing one, that one included; 0: none will
std::atomic<int> wanted_error{0};
std::atomic<const char*> fired{nullptr};

}  // namespace

bool fault(const char* call) noexcept {
  unsigned n = left.load(std::memory_order_relaxed);
  if (n == 0) return false;
  const char* const only = wanted.load(std::memory_order_relaxed);
  if (only != nullptr && std::strcmp(only, call) != 0) return false;
  while (n != 0 && !left.compare_exchange_weak(n, n - 1, std::memory_order_relaxed)) {
  }
  if (n != 1) return false;  // somebody else took the last one, or it is not our turn yet
  fired.store(call, std::memory_order_relaxed);
  errno = wanted_error.load(std::memory_order_relaxed);
  return true;
}

void fail_nth(const char* call, unsigned n, int error) noexcept {
  left.store(0, std::memory_order_relaxed);
  wanted.store(call, std::memory_order_relaxed);
  wanted_error.store(error, std::memory_order_relaxed);
  fired.store(nullptr, std::memory_order_relaxed);
  left.store(n, std::memory_order_relaxed);
}

const char* fault_fired() noexcept { return fired.load(std::memory_order_relaxed); }

}  // namespace goro::detail

#endif
