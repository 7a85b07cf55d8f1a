// SPDX-License-Identifier: MIT
// run(): the main goroutine, and the caller that waits for it.
#include <goro/go.hpp>

#include "base/fence.hpp"
#include "sched/deadlock.hpp"
#include "sched/goexit.hpp"
#include "sched/machine.hpp"
#include "sched/park.hpp"
#include "sched/runtime.hpp"
#include "sched/wake.hpp"

#include <atomic>
#include <exception>
#include <stdexcept>

namespace goro::detail {

namespace {

constinit std::atomic<bool> under_way{false};
constinit std::atomic<bool> returned{false};   // the main function came back, by return or exception
constinit std::atomic<bool> goexited{false};
constinit task caller;                         // set before the main goroutine starts

struct main_body {
  main_call* call;
  void operator()() const {
    struct came_back {  // an exception counts; goexit does not: then nobody is woken
      int before = std::uncaught_exceptions();
      ~came_back() {
        if (!unwinding_by_goexit()) returned.store(true, std::memory_order_release);
      }
    } const guard;
    call->call(*call);
  }
};

}  // namespace

bool run_under_way() noexcept { return under_way.load(std::memory_order_acquire); }
bool main_did_goexit() noexcept { return goexited.load(std::memory_order_acquire); }

void main_ended() noexcept {
  if (!returned.load(std::memory_order_acquire)) {
    goexited.store(true, std::memory_order_release);
    return;
  }
  under_way.store(false, std::memory_order_release);
  ready(caller);
}

int run_main(main_call& call) {
  // Until the main goroutine is in a queue, the Ms that sleep are no deadlock; then we look ourselves, since
  // the last of them may have looked before.
  idle.in_flight.fetch_add(1, std::memory_order_acq_rel);
  const auto arrived = [] {
    const spin_guard hold(idle.lock);
    idle.in_flight.fetch_sub(1, std::memory_order_acq_rel);
    check_all_asleep();
  };
  const task self = task::current();
  if (under_way.exchange(true, std::memory_order_acq_rel)) {
    arrived();
    throw std::logic_error("goro: run: another run is under way; call it once, from main");
  }
  returned.store(false, std::memory_order_relaxed);
  goexited.store(false, std::memory_order_relaxed);
  caller = self;
  try {
    const spawn_place place = spawn_begin(sizeof(main_body), alignof(main_body), nullptr);
    ::new (place.storage) main_body{&call};
    place.g->flags.store(flag_main, std::memory_order_relaxed);
    spawn_commit_at(place.g, &run_closure<main_body>,
                    reinterpret_cast<std::uintptr_t>(__builtin_return_address(0)));
  } catch (...) {
    under_way.store(false, std::memory_order_release);
    arrived();
    throw;
  }
  arrived();
  park(self, wait_reason::none, nullptr);
  return call.result;
}

}  // namespace goro::detail
