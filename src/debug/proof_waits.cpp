// SPDX-License-Identifier: MIT
#include "debug/proof_waits.hpp"

#include "chan/hchan.hpp"
#include "sched/goroutines.hpp"
#include "sched/machine.hpp"
#include "sched/procs.hpp"
#include "sync/address_lock.hpp"
#include "sync/future_sight.hpp"
#include "sync/waiter.hpp"

#include <goro/cond.hpp>
#include <goro/mutex.hpp>
#include <goro/once.hpp>
#include <goro/rw_mutex.hpp>
#include <goro/semaphore.hpp>
#include <goro/wait_group.hpp>

#include <algorithm>

namespace goro::detail {

namespace {

constexpr std::uintptr_t entry_words = 16;      // at a stack's end: what goro_detail_entry was told
constexpr std::uint32_t occupied = UINT32_MAX;  // in unit_of_block_: a thread runs on its stack

// What kind of thing park was told of. A wait on `other` counts as one that may end.
enum class thing : std::uint8_t { other, nothing, channel, listed, future };

thing thing_of(wait_reason why, const void* on) noexcept {
  switch (why) {
    case wait_reason::chan_send:
    case wait_reason::chan_receive: return thing::channel;
    case wait_reason::select: return on == nullptr ? thing::nothing : thing::channel;
    case wait_reason::select_no_cases:
    case wait_reason::chan_send_nil:
    case wait_reason::chan_receive_nil:
      return on == nullptr ? thing::nothing : thing::other;  // else: a context
    case wait_reason::mutex:
    case wait_reason::rw_mutex_read:
    case wait_reason::rw_mutex_write:
    case wait_reason::wait_group:
    case wait_reason::scope:
    case wait_reason::cond:
    case wait_reason::semaphore:
    case wait_reason::once: return thing::listed;
    case wait_reason::future: return thing::future;
    default: return thing::other;
  }
}

// Of things that have their waiters in lists whose ends lie in them, under lock_of(thing).
std::size_t size_of(wait_reason why) noexcept {
  switch (why) {
    case wait_reason::mutex: return sizeof(mutex);
    case wait_reason::rw_mutex_read:
    case wait_reason::rw_mutex_write: return sizeof(rw_mutex);
    case wait_reason::wait_group:
    case wait_reason::scope: return sizeof(countdown);
    case wait_reason::cond: return sizeof(notify_list);
    case wait_reason::semaphore: return sizeof(tokens);
    case wait_reason::once: return sizeof(once);
    default: return 0;
  }
}

// A copy of what may be anything, word by word: nothing of it is trusted, and no sanitizer looks.
using any_word [[gnu::may_alias]] = std::uint64_t;  // stands for members of every type

template <class T>
struct copied {
  static_assert(sizeof(T) % 8 == 0);
  alignas(T) any_word words[sizeof(T) / 8];

  const T* operator->() const noexcept { return reinterpret_cast<const T*>(words); }
  const T& operator*() const noexcept { return *reinterpret_cast<const T*>(words); }
};

GORO_BARE void copy_words(any_word* to, std::uintptr_t from, std::size_t n) noexcept {
  const auto* const words = reinterpret_cast<const volatile any_word*>(from);
  for (std::size_t i = 0; i != n; ++i) to[i] = words[i];
}

// In a slot of goroutines' stacks, but not in its stack: a page that faults.
GORO_BARE bool is_guard(std::uintptr_t at) noexcept {
  const stack_region* const region = region_of(at);
  return region != nullptr && at - region->slot_start(at) < stack_guard_size;
}

template <class T>
bool copy(const memory_map& map, std::uintptr_t from, copied<T>& to) noexcept {
  if (from % 8 != 0 || !map.can_read(from, sizeof(T)) || is_guard(from)) return false;
  copy_words(to.words, from, sizeof(T) / 8);
  return true;
}

}  // namespace

std::uint32_t proof_waits::unit_of(const goroutine* g) const noexcept {
  const std::uintptr_t offset =
      reinterpret_cast<std::uintptr_t>(g) - reinterpret_cast<std::uintptr_t>(block_at(0));
  if (offset % sizeof(goroutine) != 0 || offset / sizeof(goroutine) >= blocks_) return no_entity;
  const std::uint32_t n = unit_of_block_[offset / sizeof(goroutine)];
  return n == 0 || n == occupied ? no_entity : n - 1;
}

GORO_BARE std::uint32_t proof_waits::unit_at(std::uintptr_t address) const noexcept {
  const std::uintptr_t slab = reinterpret_cast<std::uintptr_t>(block_at(0));
  if (address - slab < blocks_ * sizeof(goroutine)) {
    const std::uintptr_t offset = (address - slab) % sizeof(goroutine);
    constexpr std::uintptr_t closure = offsetof(goroutine, closure);
    if (offset < closure || offset > closure + inline_closure_size) return no_entity;
    return unit_of(block_at((address - slab) / sizeof(goroutine)));
  }
  const stack_region* const region = region_of(address);
  if (region == nullptr) return no_entity;
  const std::uint32_t u = unit_of(region->header_at(address)->owner);
  return u == no_entity || address < units_[u].first || address >= units_[u].last ? no_entity : u;
}

GORO_BARE std::uint32_t proof_waits::unit_referred_to(std::uintptr_t address) const noexcept {
  const std::uint32_t u = unit_at(address);
  if (u == no_entity) return u;
  const unit& found = units_[u];
  const bool is_inner = address < found.users || address >= found.last - entry_words ||
                        (address >= found.waiter_first && address < found.waiter_last);
  return is_inner ? no_entity : u;
}

// ---- who is parked

void proof_waits::add_unit(goroutine* g) noexcept {
  const saved_context* const context = g->context;
  const stack_header* const stack = g->stack;
  if (context == nullptr || stack == nullptr || stack->owner != g) return;
  const auto last = reinterpret_cast<std::uintptr_t>(stack);
  const auto first = reinterpret_cast<std::uintptr_t>(context->sp);
  const auto bottom = reinterpret_cast<std::uintptr_t>(stack->bottom);
  if (first < bottom || first >= last || first % 8 != 0) return;
  unit& u = units_[unit_count_];
  u = {};
  u.g = g;
  u.id = g->id;
  u.first = first;
  u.last = last;
  u.users = reinterpret_cast<std::uintptr_t>(context) + sizeof(stopped_context);
  const std::uint8_t flags = g->flags.load(std::memory_order_relaxed);
  if ((flags & flag_big_closure) != 0) {
    const auto* const closure = reinterpret_cast<const big_closure*>(g->closure);
    u.closure_first = reinterpret_cast<std::uintptr_t>(closure->storage);
    u.closure_last = u.closure_first + closure->size;
  }
  u.on = g->waits_on.load(std::memory_order_relaxed);
  u.why = g->why.load(std::memory_order_relaxed);
  const thing what = thing_of(u.why, u.on);
  u.found = what == thing::nothing;
  u.is = what == thing::other || (flags & (flag_main | flag_locked)) != 0 ? verdict::live : verdict::waiting;
  unit_of_block_[static_cast<std::size_t>(g - block_at(0))] = ++unit_count_;
}

bool proof_waits::collect() noexcept {
  blocks_ = block_count();
  units_ = memory_.take_array<unit>(blocks_);
  unit_of_block_ = memory_.take_array<std::uint32_t>(blocks_ + 1);
  if (units_ == nullptr || unit_of_block_ == nullptr) return false;
  for (const stopped_thread& t : world_) {
    const stack_region* const region = region_of(t.sp);
    if (region == nullptr) continue;
    const goroutine* const g = region->header_at(t.sp)->owner;
    if (g != nullptr) unit_of_block_[static_cast<std::size_t>(g - block_at(0))] = occupied;
  }
  for (std::size_t i = 0; i != blocks_; ++i) {
    goroutine* const g = block_at(i);
    if (g->state.load(std::memory_order_relaxed) == goroutine_state::parked &&
        is_off_stack(g->off_stack.load(std::memory_order_relaxed)) && g->waking.load(std::memory_order_relaxed) == 0 &&
        unit_of_block_[i] == 0)
      add_unit(g);
  }
  return true;
}

// ---- timers

bool proof_waits::look_at_timers(bool& steady) noexcept {
  std::size_t room = 0;
  std::size_t heaps = 0;
  for (auto& each : all_processors) {
    const processor* const p = each.load(std::memory_order_acquire);
    if (p == nullptr) break;
    ++heaps;
    steady = steady && p->timers.look([&room](timer_node*) { ++room; }, [](const void*, std::size_t) {});
  }
  if (!steady) return true;
  armed_ = memory_.take_array<std::uint64_t>(room + 1);
  arrays_ = memory_.take_array<address_range>(2 * heaps + 1);
  if (armed_ == nullptr || arrays_ == nullptr) return false;
  for (std::size_t i = 0; i != heaps; ++i) {
    (void)processor_at(static_cast<int>(i))
        ->timers.look(
            [this](timer_node* node) { armed_[armed_count_++] = reinterpret_cast<std::uintptr_t>(node); },
            [this](const void* array, std::size_t bytes) {
              const auto first = reinterpret_cast<std::uintptr_t>(array);
              if (bytes != 0) arrays_[array_count_++] = {first, first + bytes};
            });
  }
  for (std::size_t i = 0; i != armed_count_; ++i)
    if (const std::uint32_t u = unit_at(armed_[i]); u != no_entity) units_[u].is = verdict::live;
  return true;
}

// ---- queues

// A chain of the waiters of `on`, from any waiter in it: says who is found.
void proof_waits::walk_waiters(std::uintptr_t at, const void* on) noexcept {
  copied<waiter> w;
  for (std::size_t steps = 0; at != 0 && steps <= 2 * blocks_ + world_.count(); ++steps) {
    if (!copy(map_, at, w) || !w->linked) return;
    ++waiters_seen_;
    const std::uint32_t u = w->who.as_thread() != nullptr ? no_entity : unit_of(w->who.as_goroutine());
    if (u != no_entity && units_[u].on == on && at >= units_[u].first && at < units_[u].last &&
        w->by() == woken::nobody) {
      units_[u].found = true;
      units_[u].waiter_first = at;
      units_[u].waiter_last = at + sizeof(waiter);
      if (w->has_canceller) units_[u].is = verdict::live;
    }
    at = reinterpret_cast<std::uintptr_t>(w->next);
  }
}

void proof_waits::walk_channel_queue(std::uintptr_t at, std::uintptr_t channel) noexcept {
  copied<chan_waiter> w;
  for (std::size_t steps = 0; at != 0; ++steps) {
    if (!copy(map_, at, w) || !w->linked) return;
    ++waiters_seen_;
    const std::uint32_t u = w->who.as_thread() != nullptr ? no_entity : unit_of(w->who.as_goroutine());
    const std::uintptr_t end = at + sizeof(chan_waiter);
    at = reinterpret_cast<std::uintptr_t>(w->next);
    if (u == no_entity || reinterpret_cast<std::uintptr_t>(units_[u].on) != channel) continue;
    unit& found = units_[u];
    const bool selects = found.why == wait_reason::select;
    if (end > found.users && end < found.last) {
      found.waiter_first =
          selects ? found.first : end - sizeof(chan_waiter);  // run_with_locks is never inlined
      found.waiter_last = end;
    }
    if (w->claim == nullptr) {
      found.found = !selects;
      continue;
    }
    copied<wait_claim> claim;
    if (!copy(map_, reinterpret_cast<std::uintptr_t>(w->claim), claim) || claim->is_won()) continue;
    found.found = true;
    if (selects) {
      found.channels = static_cast<hchan* const*>(claim->also);
      found.channel_count = claim->channels;
    } else if (claim->also != nullptr) {
      found.is = verdict::live;  // a context may end it
    }
  }
}

void proof_waits::look_at_channel(std::uintptr_t channel) noexcept {
  copied<hchan> c;
  if (!copy(map_, channel, c) || c->lock.is_locked()) return;
  walk_channel_queue(reinterpret_cast<std::uintptr_t>(c->receivers.first()), channel);
  walk_channel_queue(reinterpret_cast<std::uintptr_t>(c->senders.first()), channel);
}

// All units that wait on the same thing as this one.
void proof_waits::look_at(const unit& one) noexcept {
  const auto at = reinterpret_cast<std::uintptr_t>(one.on);
  switch (thing_of(one.why, one.on)) {
    case thing::channel: look_at_channel(at); return;
    case thing::listed: {
      const std::size_t n = size_of(one.why) / 8;
      std::uint64_t words[16];
      if (at % 8 != 0 || n > 16 || !map_.can_read(at, n * 8) || lock_of(one.on).is_locked()) return;
      copy_words(words, at, n);
      for (std::size_t i = 0; i != n; ++i) walk_waiters(words[i], one.on);  // the lists' ends are among them
      return;
    }
    case thing::future: {
      if (at % 8 != 0 || !map_.can_read(at, future_core_size)) return;
      const future_sight seen = look_at_future(static_cast<const future_core*>(one.on));
      if (seen.is_locked || seen.block == 0) return;
      walk_waiters(reinterpret_cast<std::uintptr_t>(seen.first), one.on);
      return;
    }
    default: return;
  }
}

void proof_waits::add_object(std::uintptr_t first, std::size_t bytes, std::size_t end) noexcept {
  if (object_count_ != object_room_) objects_[object_count_++] = {first, first + bytes, first + end};
}

void proof_waits::add_channel(std::uintptr_t channel) noexcept {
  copied<hchan> c;
  copied<element_type> element;
  if (!copy(map_, channel, c) || !copy(map_, reinterpret_cast<std::uintptr_t>(c->element), element)) return;
  const std::size_t front = reinterpret_cast<std::uintptr_t>(c->buffer) - channel;
  const std::size_t all = front + (c->unbounded ? 0 : c->capacity * element->size);
  // Users' code sees the buffer only while it moves values there; bytes are moved without it.
  add_object(channel, all, c->how == transfer::table ? all : front);
}

// The blocks of those things of which somebody was found asleep: so they are there.
bool proof_waits::add_objects() noexcept {
  std::size_t most = 0;
  const auto each_waiting = [this](auto&& f) {
    for (unit* u = units_; u != units_ + unit_count_; ++u)
      if (u->found && u->is == verdict::waiting) f(*u);
  };
  each_waiting([&most](const unit& u) { most += 1 + u.channel_count; });
  objects_ = memory_.take_array<object>(most + 1);
  if (objects_ == nullptr || most >= no_entity / 2) return false;
  object_room_ = static_cast<std::uint32_t>(most);
  each_waiting([this](const unit& u) {
    if (thing_of(u.why, u.on) == thing::channel)
      for_each_waker(u, [this](std::uintptr_t channel) { add_channel(channel); });
    else if (u.why == wait_reason::future)
      add_object(reinterpret_cast<std::uintptr_t>(u.on),
                 look_at_future(static_cast<const future_core*>(u.on)).block,
                 future_core_size);  // there is no value yet
  });
  std::sort(objects_, objects_ + object_count_,
            [](const object& a, const object& b) { return a.first < b.first; });
  const object* const end = std::unique(objects_, objects_ + object_count_,
                                        [](const object& a, const object& b) { return a.first == b.first; });
  object_count_ = static_cast<std::uint32_t>(end - objects_);
  return true;
}

bool proof_waits::look_at_queues() noexcept {
  auto* const order = memory_.take_array<std::uint32_t>(unit_count_ + 1);
  if (order == nullptr) return false;
  std::uint32_t n = 0;
  for (std::uint32_t u = 0; u != unit_count_; ++u)
    if (units_[u].is == verdict::waiting && !units_[u].found) order[n++] = u;
  const auto key = [this](std::uint32_t u) {
    return std::pair(reinterpret_cast<std::uintptr_t>(units_[u].on), size_of(units_[u].why));
  };
  std::sort(order, order + n, [&](std::uint32_t a, std::uint32_t b) { return key(a) < key(b); });
  for (std::uint32_t i = 0; i != n; ++i)
    if (i == 0 || key(order[i]) != key(order[i - 1])) look_at(units_[order[i]]);
  for (unit* u = units_; u != units_ + unit_count_; ++u)
    if (!u->found) u->is = verdict::live;
  return add_objects();
}

proof_waits::outcome proof_waits::look() noexcept {
  bool steady = true;
  if (!collect() || !look_at_timers(steady)) return outcome::no_memory;
  if (!steady) return outcome::unsteady;
  return look_at_queues() ? outcome::good : outcome::no_memory;
}

}  // namespace goro::detail
