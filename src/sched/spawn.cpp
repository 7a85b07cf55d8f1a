// SPDX-License-Identifier: MIT
// go(): a G from a closure, and where it is queued.
//
// On a P: run_next, as in Go, so that a child runs next when its parent stops, while the closure is hot; if
// another P is idle, the ring instead, where it can be stolen, and one M is woken. From a plain thread, or
// an M that has lost its P: the global queue.
#include <goro/go.hpp>

#include "sched/family.hpp"
#include "sched/machine.hpp"
#include "sched/procs.hpp"
#include "sched/runtime.hpp"
#include "sched/thread_waiter.hpp"
#include "sched/wake.hpp"
#include "sched/width.hpp"

#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>

namespace goro::detail {

static_assert(spawn_inline_size == inline_closure_size);

namespace {

[[noreturn]] void throw_no_goroutine() {
  throw std::system_error(
      std::make_error_code(std::errc::resource_unavailable_try_again),
      "goro: go: more than " + std::to_string(block_limit()) +
          " goroutines at a time do not fit: there is no address space (or, before Linux 6.13, no room in "
          "vm.max_map_count) for their stacks; wait for some to end, lower GORO_STACK_SIZE, or raise the limit");
}

[[noreturn]] void throw_no_stack(std::size_t size) {
  throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again),
                          "goro: go: there is no address space for stacks of " + std::to_string(size) +
                              " bytes; ask for a smaller stack_size, or raise the limit (ulimit -v)");
}

// No block to be had, but Ps may have free ones in their caches. From now on each goes back when it ends, and
// those of idle Ps are fetched. Returns whether another try is worth while.
bool fetch_cached_blocks() noexcept {
  blocks_are_scarce.store(true, std::memory_order_relaxed);
  bool any = false;
  processor* emptied = nullptr;
  while (processor* const p = take_idle_processor()) {
    any |= p->blocks.count() != 0;
    p->flush_blocks();
    p->idle_link = emptied;
    emptied = p;
  }
  while (emptied != nullptr) {
    processor* const p = emptied;
    emptied = p->idle_link;
    p->idle_link = nullptr;
    put_idle_processor(p);
  }
  for (int i = 0, in_use = processor_count(); i != in_use; ++i) processor_at(i)->poke.store(1, std::memory_order_relaxed);
  return any;
}

void apply(goroutine* g, const go_options& options) {
  if (options.name == nullptr && options.stack_size == 0 && !options.daemon) return;
  goroutine_extra& extra = g->more();
  std::uint8_t flags = 0;
  if (options.name != nullptr) {
    char* const copy = ::strdup(options.name);
    if (copy == nullptr) throw std::bad_alloc();
    publish(extra.name, copy);
  }
  if (options.daemon) flags |= flag_daemon;
  if (options.stack_size != 0) {
    if (options.stack_size > (std::size_t{1} << 30))
      throw std::invalid_argument("goro: go: stack_size " + std::to_string(options.stack_size) +
                                  " is above 1 GiB; ask for less");
    extra.stacks = stacks_of_size(options.stack_size < 2 * stack_guard_size ? 2 * stack_guard_size : options.stack_size);
    if (extra.stacks == nullptr) throw_no_stack(options.stack_size);
    if (extra.stacks != &default_stacks) flags |= flag_own_stack;
  }
  g->flags.store(flags, std::memory_order_relaxed);
}

}  // namespace

goroutine_extra& goroutine::more() {
  if (extra == nullptr) publish(extra, new goroutine_extra);
  return *extra;
}

spawn_place spawn_begin(std::size_t size, std::size_t align, const go_options* options) {
  goroutine* g;
  {
    const goroutine* const creator = current_goroutine();
    if (creator == nullptr && this_machine_slow() == nullptr) {
      start_runtime();
      (void)this_thread_waiter();  // a plain thread that uses goro: no deadlock is reported while it lives
    }
    const runtime_section here;
    processor* const p = here.p();
    g = p != nullptr ? p->new_block() : take_block();
    if (g == nullptr && fetch_cached_blocks()) g = p != nullptr ? p->new_block() : take_block();
    if (g != nullptr) publish(g->id, p != nullptr ? p->new_id() : take_ids(1));
    if (g == nullptr) throw_no_goroutine();
    publish(g->created_by, creator == nullptr ? 0 : creator->id);
    publish(g->family, creator == nullptr ? thread_family() : creator->family);
  }
  g->state.store(goroutine_state::fresh, std::memory_order_relaxed);
  spawn_place place{g, g->closure};
  try {
    if (options != nullptr) apply(g, *options);
    if (size > inline_closure_size || align > 8) {
      // A little more, so that an address one past the closure's end is none of the allocator's (big_closure).
      place.storage = align > alignof(std::max_align_t) ? ::operator new(size + 16, std::align_val_t{align})
                                                        : ::operator new(size + 16);
      auto* const where = reinterpret_cast<big_closure*>(g->closure);
      *where = {place.storage, size};
      g->flags.store(g->flags.load(std::memory_order_relaxed) | flag_big_closure, std::memory_order_relaxed);
    }
  } catch (...) {
    spawn_abort(g);
    throw;
  }
  return place;
}

void free_closure(void* storage, std::size_t align) noexcept {
  // Its own goroutine's, which may still park afterwards: who looks at its block must not take it for alive.
  goroutine* const g = current_goroutine();
  if (g != nullptr && (g->flags.load(std::memory_order_relaxed) & flag_big_closure) != 0 &&
      reinterpret_cast<const big_closure*>(g->closure)->storage == storage)
    g->flags.store(g->flags.load(std::memory_order_relaxed) & static_cast<std::uint8_t>(~flag_big_closure),
                   std::memory_order_relaxed);
  if (align > alignof(std::max_align_t))
    ::operator delete(storage, std::align_val_t{align});
  else
    ::operator delete(storage);
}

// The block goes back as if it had never been.
void spawn_abort(goroutine* g) noexcept {
  g->drop_extra();
  g->flags.store(0, std::memory_order_relaxed);
  g->state.store(goroutine_state::dead, std::memory_order_relaxed);
  const runtime_section here;
  if (processor* const p = here.p())
    p->free_block(g);
  else
    give_block(g);
}

namespace {

// Last step of go(): the goroutine exists and is queued.
[[gnu::always_inline]] inline void commit(goroutine* g, void (*run)(void*), std::uintptr_t created_at) noexcept {
  g->run = run;
  publish(g->created_at, created_at);
  g->state.store(goroutine_state::runnable, std::memory_order_release);  // P4 of hold.hpp
  const runtime_section here;
  processor* const p = here.p();
  if (p == nullptr) {
    count_created_without_processor();
    the_global_queue.push(g);
    wake_from_outside();
    return;
  }
  p->created.store(p->created.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  if (idle.idle_processors.load(std::memory_order_relaxed) == 0 || is_narrow()) [[likely]] {
    (void)p->push_next(g);
    return;
  }
  p->push(g);
  wake_one();
}

}  // namespace

void spawn_commit(goroutine* g, void (*run)(void*)) noexcept {
  commit(g, run, reinterpret_cast<std::uintptr_t>(__builtin_return_address(0)));
}

void spawn_commit_at(goroutine* g, void (*run)(void*), std::uintptr_t created_at) noexcept {
  commit(g, run, created_at);
}

void throw_empty_function(const char* call) {
  throw std::invalid_argument(std::string("goro: ") + call +
                              ": the function is empty; give one that can be called");
}

}  // namespace goro::detail
