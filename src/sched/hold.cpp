// SPDX-License-Identifier: MIT
#include "sched/hold.hpp"

#include "sched/coarse_clock.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace goro::detail {

constinit spin_lock walk_lock;
constinit coarse_clock the_coarse_clock;

namespace {

constinit spin_lock names_lock;

constexpr std::uint8_t off = 1;
constexpr std::uint8_t held = 2;

}  // namespace

bool begin_hold(goroutine* g) noexcept {
  std::uint8_t seen = g->off_stack.load(std::memory_order_relaxed);
  return is_off_stack(seen) &&
         g->off_stack.compare_exchange_strong(seen, held, std::memory_order_acquire,  // P1 of park.cpp
                                              std::memory_order_relaxed);
}

bool confirm_hold(goroutine* g) noexcept {
  if (g->waking.load(std::memory_order_acquire) == 0 &&  // F1b, P2
      g->off_stack.load(std::memory_order_acquire) == held)
    return true;
  std::uint8_t expected = held;
  (void)g->off_stack.compare_exchange_strong(expected, off, std::memory_order_release,  // P3
                                             std::memory_order_relaxed);
  return false;
}

void end_hold(goroutine* g) noexcept { g->off_stack.store(off, std::memory_order_release); }  // P3

bool read_identity(const goroutine* g, identity& out) noexcept {
  for (int tries = 0; tries != 8; ++tries) {
    out.id = peek(g->id);                                  // P4
    out.state = g->state.load(std::memory_order_acquire);  // P4
    if (out.state == goroutine_state::dead || out.state == goroutine_state::fresh) return false;
    out.created_by = peek(g->created_by);  // P4
    out.created_at = peek(g->created_at);  // P4
    out.family = peek(g->family);          // P4
    out.why = g->why.load(std::memory_order_acquire);
    out.waits_on = g->waits_on.load(std::memory_order_acquire);
    out.flags = g->flags.load(std::memory_order_acquire);
    if (peek(g->id) == out.id) return true;  // P4
  }
  return false;
}

void copy_name(const goroutine* g, std::uint64_t id, char* out, std::size_t size) noexcept {
  out[0] = '\0';
  if (peek(g->extra) == nullptr) return;  // most have none: no lock for them
  const spin_guard hold(names_lock);      // P5
  const goroutine_extra* const extra = peek(g->extra);
  if (extra == nullptr || peek(g->id) != id) return;
  const char* const name = peek(extra->name);
  if (name == nullptr) return;
  const std::size_t length = std::min(std::strlen(name), size - 1);
  std::memcpy(out, name, length);
  out[length] = '\0';
}

void goroutine::drop_extra() noexcept {
  goroutine_extra* const old = extra;
  if (old == nullptr) return;
  {
    const spin_guard hold(names_lock);  // P5
    publish<goroutine_extra*>(extra, nullptr);
  }
  std::free(old->name);
  delete old;
}

}  // namespace goro::detail
