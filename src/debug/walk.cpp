// SPDX-License-Identifier: MIT
#include "debug/walk.hpp"

#include "base/clock.hpp"
#include "base/fence.hpp"
#include "chan/hchan.hpp"
#include "debug/unwind.hpp"
#include "sched/goroutines.hpp"
#include "sched/machine.hpp"
#include "sync/failures.hpp"

#include <algorithm>
#include <cstring>

namespace goro::detail {

namespace {

constexpr std::size_t batch = 12;  // a waker may have to wait for so many
constexpr std::size_t depth = 64;
constexpr int most_asked = 64;  // running ones, in a dump that ends the process
constexpr std::size_t name_size = 256;

// What is filled while goroutines are held, and so has its memory beforehand. Under walk_lock.
struct held_one {
  goroutine* g;
  bool is_held;
  facts seen;
  char name[name_size];
  std::uintptr_t pcs[depth + 1];
};
constinit held_one held[batch] = {};

bool waits_for_channel(wait_reason why) noexcept {
  return why == wait_reason::chan_send || why == wait_reason::chan_receive;
}

bool waits_for_lock(const identity& who) noexcept {
  return who.state == goroutine_state::parked &&
         (who.why == wait_reason::mutex || who.why == wait_reason::rw_mutex_read ||
          who.why == wait_reason::rw_mutex_write);
}

// Of a goroutine that is held: it keeps alive what it waits for, and no lock is taken (hold.hpp). `length` may
// change, it is a moment's; the rest of what is read here is constant.
void look_at_channel(facts& s) noexcept {
  const auto* const c = static_cast<const hchan*>(s.who.waits_on.get());
  if (c == nullptr || !waits_for_channel(s.who.why)) return;
  s.on_channel = true;
  s.of_a_timer = c->hooks != nullptr;
  s.unbounded = c->unbounded;
  s.length = c->hooks != nullptr ? 0 : c->length.load(std::memory_order_relaxed);
  s.capacity = c->hooks != nullptr ? 0 : c->capacity;
}

const stopped_context* context_of(const goroutine* g) noexcept {
  return static_cast<const stopped_context*>(g->context);
}

// A hint: its M may be giving it a stack.
GORO_NO_TSAN bool has_stack(const goroutine* g) noexcept {
  return __atomic_load_n(&g->stack, __ATOMIC_RELAXED) != nullptr;
}

// Everything about one that is held.
void look_at_held(held_one& h, std::int64_t now) noexcept {
  h.seen = {};
  h.name[0] = '\0';
  (void)read_identity(h.g, h.seen.who);
  if (h.g->extra != nullptr && h.g->extra->name != nullptr) {  // neither can go while it is held
    const std::size_t length = std::min(std::strlen(h.g->extra->name), name_size - 1);
    std::memcpy(h.name, h.g->extra->name, length);
    h.name[length] = '\0';
  }
  const std::int64_t since = context_of(h.g)->since;
  h.seen.waiting = since == 0 || now <= since ? 0 : now - since;
  look_at_channel(h.seen);
  const std::size_t n = unwind_held(h.g, h.pcs, depth + 1);
  h.seen.pc_count = n == no_room ? 0 : std::min(n, depth);
  h.seen.note = n == no_room ? stack_note::no_room : n > depth ? stack_note::cut : stack_note::taken;
}

class walker {
 public:
  walker(walk_kind kind, const walk_filter* filter)
      : kind_(kind), filter_(filter), me_(current_goroutine()) {}
  sightings run();

 private:
  void look(goroutine* g);
  void flush();
  void add(const facts& seen, const char* name, const std::uintptr_t* pcs);
  void add_unheld(goroutine* g);
  std::size_t ask_running(const goroutine* g, std::uintptr_t* pcs) noexcept;

  const walk_kind kind_;
  const walk_filter* const filter_;
  goroutine* const me_;
  std::size_t count_ = 0;  // of `held`: to be held in the next flush
  int asked_ = 0;
  sightings out_;
};

void walker::add(const facts& seen, const char* name, const std::uintptr_t* pcs) {
  sighting s{seen, name, {}};
  s.first_pc = out_.pcs.size();
  out_.pcs.insert(out_.pcs.end(), pcs, pcs + s.pc_count);
  out_.all.push_back(std::move(s));
}

// Which M runs it is read as a hint: Ms are never freed, and the answer says whose stack it is.
GORO_NO_TSAN std::size_t walker::ask_running(const goroutine* g, std::uintptr_t* pcs) noexcept {
  const machine* const m = __atomic_load_n(&g->m, __ATOMIC_RELAXED);
  if (kind_ != walk_kind::ending || m == nullptr || asked_ == most_asked) return 0;
  const int tid = m->tid.load(std::memory_order_relaxed);
  if (tid == 0) return 0;
  ++asked_;
  return unwind_running(tid, g, pcs, depth);
}

// Running, runnable, or just about to be.
void walker::add_unheld(goroutine* g) {
  facts s;
  if (!read_identity(g, s.who)) return;
  char name[name_size];
  copy_name(g, s.who.id, name, sizeof name);
  std::uintptr_t pcs[depth];
  const bool woken = g->waking.load(std::memory_order_relaxed) != 0;
  if (s.who.state == goroutine_state::parked && woken) s.who.state = goroutine_state::runnable;
  if (s.who.state == goroutine_state::parked) {
    s.note = stack_note::moving;
  } else if (s.who.state == goroutine_state::runnable) {
    s.note = has_stack(g) ? stack_note::runnable : stack_note::not_begun;
  } else if (g == me_) {
    s.pc_count = unwind_here(pcs, depth);
    s.note = stack_note::taken;
  } else {
    s.pc_count = ask_running(g, pcs);
    s.note = s.pc_count != 0 ? stack_note::taken : stack_note::running;
  }
  add(s, name, pcs);
}

void walker::flush() {
  if (count_ == 0) return;
  const bool alone = kind_ == walk_kind::alone;
  {
    const signals_blocked quiet;
    for (held_one* h = held; h != held + count_; ++h) h->is_held = alone || begin_hold(h->g);
    if (!alone) heavy_fence();  // F1b of hold.hpp
    for (held_one* h = held; h != held + count_; ++h)
      h->is_held = alone || (h->is_held && confirm_hold(h->g));
    const std::int64_t now = monotonic_ns();
    for (held_one* h = held; h != held + count_; ++h) {
      if (!h->is_held) continue;
      look_at_held(*h, now);
      if (!alone) end_hold(h->g);
    }
  }
  for (held_one* h = held; h != held + count_; ++h) {
    if (h->is_held)
      add(h->seen, h->name, h->pcs);
    else
      add_unheld(h->g);
  }
  count_ = 0;
}

void walker::look(goroutine* g) {
  identity who;
  for (int tries = 0; read_identity(g, who); ++tries) {
    if (filter_ != nullptr && !filter_->wants(filter_->self, who)) return;
    if (who.state != goroutine_state::parked || tries == 100) {
      add_unheld(g);
      return;
    }
    if (g->off_stack.load(std::memory_order_relaxed) != 0) {
      held[count_++].g = g;
      if (count_ == batch) flush();
      return;
    }
    spin_wait(1);  // on its way to or from its stack
  }
}

sightings walker::run() {
  const std::size_t blocks = block_count();
  for (std::size_t i = 0; i != blocks; ++i) look(block_at(i));
  flush();
  std::sort(out_.all.begin(), out_.all.end(),
            [](const sighting& a, const sighting& b) { return a.who.id < b.who.id; });
  return std::move(out_);
}

}  // namespace

sightings walk(walk_kind kind, const walk_filter* filter) {
  walker w(kind, filter);
  if (kind == walk_kind::alone) return w.run();
  sightings seen;
  {
    const spin_guard hold(walk_lock);
    seen = w.run();
  }
  for (sighting& s : seen.all)
    if (waits_for_lock(s.who)) s.held_by = holders_of(s.who.waits_on);
  if (filter == nullptr) {
    const auto keep = [](void* to, const uncollected_failure& f) {
      static_cast<sightings*>(to)->failures.push_back(
          {f.state.empty() ? "failed" : f.state, f.name, f.id, f.created_by, f.created_at, f.kept_by});
    };
    for_each_uncollected_failure(keep, &seen);
  }
  return seen;
}

const char* state_word(const identity& who) noexcept {
  switch (who.state) {
    case goroutine_state::parked: return to_string(who.why);
    case goroutine_state::running: return "running";
    case goroutine_state::blocking: return "blocking";
    default: return "runnable";
  }
}

}  // namespace goro::detail
