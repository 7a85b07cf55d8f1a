// SPDX-License-Identifier: MIT
#include "sched/thread_waiter.hpp"

#include <goro/detail/export.hpp>

#include <cxxabi.h>
#include <type_traits>

extern "C" void* __dso_handle;

namespace goro::detail {
namespace {

static_assert(std::is_trivially_destructible_v<thread_waiter>);

thread_local constinit thread_waiter waiter;
thread_local constinit bool counted = false;

std::atomic<int> threads{0};

void uncount(void*) noexcept {
  counted = false;
  threads.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace

// Registered with the C++ run time by hand rather than by a thread_local with a destructor: such an object
// cannot be made a second time, but a thread that is ending may come back.
GORO_NOINLINE thread_waiter& this_thread_waiter() {
  asm volatile("");  // keeps the call from being taken for one without effects
  if (!counted) [[unlikely]] {
    counted = true;
    threads.fetch_add(1, std::memory_order_relaxed);
    abi::__cxa_thread_atexit(&uncount, nullptr, &__dso_handle);
  }
  return waiter;
}

int plain_threads() noexcept { return threads.load(std::memory_order_relaxed); }

}  // namespace goro::detail
