// SPDX-License-Identifier: MIT
#include "sched/revoke.hpp"

#include "base/fence.hpp"
#include "base/spin_lock.hpp"
#include "sched/call_site.hpp"
#include "sched/hooks.hpp"
#include "sched/machine.hpp"
#include "sched/processor.hpp"
#include "sched/runtime.hpp"

namespace goro::detail {

namespace {

constinit spin_lock take_lock;

// Under take_lock.
bool take(processor& p) noexcept {
  const std::uintptr_t word = p.owner.load(std::memory_order_acquire);
  if (word == 0 || word == in_hands || (word & 1) != 0) return false;
  machine* const m = reinterpret_cast<machine*>(word);
  revocation expected = revocation::none;
  if (!m->revoke.compare_exchange_strong(expected, revocation::requested, std::memory_order_acq_rel)) return false;
  heavy_fence();  // F1b
  expected = revocation::requested;
  // Out of the runtime, and `requested` unanswered: until it answers it cannot change what it holds. So if
  // it holds p now, it holds p at the CAS below.
  if (m->in_runtime.load(std::memory_order_acquire) != 0 ||       // P2
      p.owner.load(std::memory_order_acquire) != word) {
    m->revoke.compare_exchange_strong(expected, revocation::none, std::memory_order_acq_rel);
    return false;
  }
  if (!m->revoke.compare_exchange_strong(expected, revocation::taken, std::memory_order_acq_rel))  // P3
    return false;
  p.owner.store(in_hands, std::memory_order_release);
  return true;
}

}  // namespace

bool take_from_runner(processor& p) noexcept {
  const spin_guard hold(take_lock);
  return take(p);
}

borrowed borrow_run_next(processor& p) noexcept {
  const spin_guard hold(take_lock);
  const std::uintptr_t word = p.owner.load(std::memory_order_acquire);
  if (!take(p)) return {nullptr, false};
  auto* const m = reinterpret_cast<machine*>(word);
  goroutine* const g = p.run_next.load(std::memory_order_relaxed);
  p.run_next.store(nullptr, std::memory_order_relaxed);
  p.owner.store(word, std::memory_order_release);
  revocation expected = revocation::taken;
  if (m->revoke.compare_exchange_strong(expected, revocation::none, std::memory_order_acq_rel)) return {g, false};
  p.owner.store(in_hands, std::memory_order_release);  // it came back meanwhile, and knows that it lost the P
  return {g, true};
}

bool take_from_blocker(processor& p) noexcept {
  std::uintptr_t word = p.owner.load(std::memory_order_acquire);
  return (word & 1) != 0 && p.owner.compare_exchange_strong(word, in_hands, std::memory_order_acq_rel);
}

bool is_in_brief_call(const processor& p) noexcept {
  if ((p.owner.load(std::memory_order_acquire) & 1) == 0) return false;  // acquire: P1 of blocking.cpp
  return p.blocks_at.load(std::memory_order_relaxed)->brief();
}

// Entered with something in `revoke`.
void machine::answer() noexcept {
  revocation seen = revoke.load(std::memory_order_acquire);  // P3
  if (seen == revocation::requested &&
      revoke.compare_exchange_strong(seen, revocation::none, std::memory_order_acq_rel))
    return;  // ours still; the taker will come again
  if (seen == revocation::forked) forked_child();
  // Now it is taken, or blocking, or a taker has just withdrawn.
  if (seen == revocation::blocking) {
    std::uintptr_t word = reinterpret_cast<std::uintptr_t>(this) | 1;
    if (p != nullptr && !p->owner.compare_exchange_strong(word, word & ~std::uintptr_t{1}, std::memory_order_acq_rel))
      p = nullptr;
    revoke.store(revocation::none, std::memory_order_release);
    return;
  }
  if (seen == revocation::taken && revoke.compare_exchange_strong(seen, revocation::none, std::memory_order_acq_rel)) {
    p = nullptr;  // else it was only borrowed, and is back
    if (blocked_since.load(std::memory_order_relaxed) != 0) tell_blocked();  // written before `taken`: P3
  }
}

void machine::tell_blocked() noexcept {
  const std::int64_t since = blocked_since.exchange(0, std::memory_order_relaxed);
  if (since != 0 && hooks.came_back_without != nullptr) hooks.came_back_without(since);
}

}  // namespace goro::detail
