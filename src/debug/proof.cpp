// SPDX-License-Identifier: MIT
// Proofs: which goroutines nothing can ever wake. What is done here in order: the threads are stopped
// (stop_world.hpp), the parked goroutines and their waits looked at (proof_waits.hpp), memory read
// (proof_roots.hpp) and followed (proof_marker.hpp), and the threads let go on. Only then is anything allocated.
// Why the answer is right: docs/design/proof.md.
#include <goro/leak.hpp>

#include "base/clock.hpp"
#include "base/sanitizer.hpp"
#include "base/spin_lock.hpp"
#include "debug/dump.hpp"
#include "debug/proof_roots.hpp"
#include "debug/unwind.hpp"
#include "sched/goroutines.hpp"
#include "sched/heap_source.hpp"
#include "sched/hold.hpp"

#include <pthread.h>
#include <algorithm>
#include <ctime>
#include <mutex>
#include <system_error>

namespace goro::leak {

namespace {

using namespace detail;

constexpr std::size_t scratch_size = std::size_t{64} << 30;  // of address space
constexpr int most_tries = 50;                               // until no timer is just firing

constinit std::mutex one_at_a_time;

enum class ending : std::uint8_t { proved, unsteady, failed };

struct attempt {
  scratch memory{scratch_size};
  memory_map map{memory};
  stopped_world world{memory};
  proof_waits waits{memory, map, world};
  proof_blocks blocks{memory};
  proof_marker marker{waits, blocks, map};
  address_range own{};  // the caller's stack, where it is a thread's
  duration limit{};
  const char* why = nullptr;
  int error = 0;
  std::int64_t stopped = 0;
  std::size_t threads = 0;
};

ending fail(attempt& a, const char* why, int error = 0) noexcept {
  a.why = why;
  a.error = error;
  return ending::failed;
}

// All that is done while the others stand still. No locks, no allocation.
ending look(attempt& a, std::uintptr_t sp) noexcept {
  if (!a.map.read()) return fail(a, a.map.why(), a.map.error());
  switch (a.waits.look()) {
    case proof_waits::outcome::unsteady: return ending::unsteady;
    case proof_waits::outcome::no_memory: return fail(a, "there is no address space for it");
    case proof_waits::outcome::good: break;
  }
  if (!a.blocks.collect(the_heap_records(), a.map)) return fail(a, "there is no address space for it");
  if (!a.marker.prepare(a.memory)) return fail(a, "there is no address space for it");
  proof_roots roots(a.memory, a.map, a.world, a.waits, a.blocks, sp, a.own);
  if (!roots.show(a.marker)) return fail(a, roots.why());
  a.marker.run();
  return ending::proved;
}

ending stop_and_look(attempt& a, std::uintptr_t sp) noexcept {
  if (!a.memory.ok()) return fail(a, "there is no address space for it");
  if (!a.map.open()) return fail(a, a.map.why(), a.map.error());
  const spin_guard nobody_is_held(walk_lock);
  const signals_blocked quiet;
  if (!a.world.stop(a.limit.count())) return fail(a, a.world.why(), a.world.error());
  const std::int64_t began = monotonic_ns();
  a.threads = a.world.count();
  const ending how = look(a, sp);
  const bool stood_still = a.world.resume();
  a.stopped = monotonic_ns() - began;
  if (!stood_still && how == ending::proved)
    return fail(a, "threads ran while memory was looked at: the helper process died");
  return how;
}

address_range own_stack() noexcept {
  pthread_attr_t attributes;
  void* bottom = nullptr;
  std::size_t size = 0;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return {0, 0};
  (void)pthread_attr_getstack(&attributes, &bottom, &size);
  pthread_attr_destroy(&attributes);
  return {reinterpret_cast<std::uintptr_t>(bottom), reinterpret_cast<std::uintptr_t>(bottom) + size};
}

struct stuck_ids {
  std::vector<std::uint64_t> ids;  // sorted

  bool include(const identity& who) const noexcept {
    return (who.flags & flag_daemon) == 0 && std::binary_search(ids.begin(), ids.end(), who.id);
  }
};

std::vector<goroutine_info> describe(stuck_ids stuck) {
  if (stuck.ids.empty()) return {};
  std::sort(stuck.ids.begin(), stuck.ids.end());
  const walk_filter filter{[](const void* self, const identity& who) noexcept {
                             return static_cast<const stuck_ids*>(self)->include(who);
                           },
                           &stuck};
  sightings seen = walk(walk_kind::alive, &filter);
  std::erase_if(seen.all, [&stuck](const sighting& s) { return !stuck.include(s.who); });
  return records(seen);
}

void prove_from(const proof_options& how, std::uintptr_t sp, proof& result) {
  const std::lock_guard<std::mutex> hold(one_at_a_time);
  for (int tries = 1;; ++tries) {
    attempt a;
    a.own = own_stack();
    a.limit = how.stop_limit;
    const ending ended = stop_and_look(a, sp);
    result.stopped = std::max(result.stopped, duration(a.stopped));
    if (ended == ending::unsteady && tries != most_tries) {
      const timespec pause{0, 100'000};
      nanosleep(&pause, nullptr);
      continue;
    }
    if (ended == ending::unsteady) a.why = "timers were firing each time when the threads were stopped";
    if (ended != ending::proved) {
      result.unavailable = a.why;
      if (a.error != 0) result.unavailable += ": " + std::generic_category().message(a.error);
      return;
    }
    result.threads = a.threads;
    result.parked = a.waits.unit_count();
    result.blocks = a.blocks.size();
    result.words = a.marker.words_read();
    result.waits = a.waits.waiters_seen();
    stuck_ids stuck;
    for (std::uint32_t u = 0; u != a.waits.unit_count(); ++u)
      if (a.marker.is_stuck(u)) stuck.ids.push_back(a.waits.units()[u].id);
    result.leaked = describe(std::move(stuck));
    return;
  }
}

// Between the user's frames and what is done here are two frames of a few words: so nothing of what the user's
// dead calls have left on this stack is taken for alive. In the second one are the registers that the user's code
// may still have values in. It says where the stack's live part ends: at its own lower end.
GORO_BARE void enter(const proof_options& how, proof& result) {
  struct callee {
    [[gnu::noinline]] static void run(const proof_options& h, proof& r) {
      prove_from(h, reinterpret_cast<std::uintptr_t>(__builtin_dwarf_cfa()), r);
    }
  };
  __builtin_unwind_init();
  callee::run(how, result);
  asm volatile("" ::: "memory");  // so that this is no jump, and the frame stays
}

}  // namespace

proof prove(const proof_options& how) {
  proof result;
  if constexpr (sanitizer::tsan)
    result.unavailable =
        "ThreadSanitizer keeps addresses of its own, which cannot be told from the program's";
  else
    enter(how, result);
  return result;
}

std::vector<goroutine_info> proven() { return prove().leaked; }

}  // namespace goro::leak
