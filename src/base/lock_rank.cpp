// SPDX-License-Identifier: MIT
#include "base/lock_rank.hpp"

#ifndef NDEBUG

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/fatal.hpp"

namespace goro::detail {
namespace {

constexpr std::size_t rank_count = static_cast<std::size_t>(lock_rank::count_);

constexpr const char* names[] = {"wait_list", "context", "hchan", "canceller",  "timers", "netpoll", "procs",
                                 "sched",     "idle",    "goroutines", "stacks", "slab",  "leaf"};
static_assert(sizeof names / sizeof *names == rank_count);

struct edge {
  lock_rank outer;
  lock_rank inner;
};

// The order: each line says that `inner` may be taken while `outer` is held. What follows from two lines
// need not be written; leaf, below all, neither.
constexpr edge edges[] = {
    {lock_rank::context, lock_rank::canceller},     // a cancelled context breaks the waits in it
    {lock_rank::canceller, lock_rank::wait_list},   // … and so takes the waiter off where it waits
    {lock_rank::canceller, lock_rank::hchan},       //
    {lock_rank::canceller, lock_rank::netpoll},     //
    {lock_rank::wait_list, lock_rank::timers},      // a wait with a limit
    {lock_rank::hchan, lock_rank::timers},          //
    {lock_rank::netpoll, lock_rank::timers},        // read and write deadlines
    {lock_rank::procs, lock_rank::timers},          // a P that stops hands its timers on
    {lock_rank::procs, lock_rank::netpoll},         //
    {lock_rank::timers, lock_rank::sched},          // ready() of whoever's time has come
    {lock_rank::sched, lock_rank::idle},            // queued for all: who is idle?
    {lock_rank::procs, lock_rank::goroutines},      //
    {lock_rank::goroutines, lock_rank::stacks},     // a new G may need a stack,
    {lock_rank::goroutines, lock_rank::slab},       // and a block
    {lock_rank::hchan, lock_rank::slab},            //
    {lock_rank::wait_list, lock_rank::slab},        //
};

// after[r]: the ranks that may be taken while r is held, as bits; closed, so that it is an order.
constexpr std::array<std::uint32_t, rank_count> close() {
  std::array<std::uint32_t, rank_count> after{};
  for (const edge& e : edges)
    after[static_cast<std::size_t>(e.outer)] |= 1u << static_cast<unsigned>(e.inner);
  for (std::size_t r = 0; r + 1 != rank_count; ++r) after[r] |= 1u << static_cast<unsigned>(lock_rank::leaf);
  for (std::size_t via = 0; via != rank_count; ++via)
    for (std::size_t r = 0; r != rank_count; ++r)
      if ((after[r] >> via & 1u) != 0) after[r] |= after[via];
  return after;
}

constexpr std::array<std::uint32_t, rank_count> after = close();

constexpr bool acyclic() {
  for (std::size_t r = 0; r != rank_count; ++r)
    if ((after[r] >> r & 1u) != 0) return false;
  return true;
}
static_assert(acyclic(), "the edges contain a cycle");

// The complement of the lock's address: what is left here after the lock is no reference to what it lies in, for
// who looks through memory for such (debug/proof.cpp).
struct held_lock {
  lock_rank rank;
  std::uintptr_t hidden;
};

// Per thread, not per goroutine: no goroutine parks with a lock, except for the one that its successor
// releases, on the same thread.
constexpr int most_held = 128;
thread_local held_lock held[most_held];
thread_local int held_count = 0;
// A select over more channels than that: those beyond are counted, but not checked against.
thread_local int unnoted_count = 0;

std::uintptr_t address(const void* where) noexcept { return reinterpret_cast<std::uintptr_t>(where); }
const void* where_is(const held_lock& h) noexcept { return reinterpret_cast<const void*>(~h.hidden); }

}  // namespace

void check_rank(lock_rank rank, const void* where) noexcept {
  for (int i = 0; i < held_count; ++i) {
    const held_lock& h = held[i];
    const bool fits = h.rank == rank ? rank == lock_rank::hchan && ~h.hidden < address(where)
                                     : (after[static_cast<std::size_t>(h.rank)] >>
                                            static_cast<unsigned>(rank) & 1u) != 0;
    if (fits) continue;
    fatal_text text;
    text << "goro: lock: rank " << names[static_cast<std::size_t>(rank)] << " (" << hex(where)
         << ") taken while this thread holds rank " << names[static_cast<std::size_t>(h.rank)] << " ("
         << hex(where_is(h)) << "); take them the other way round, or add the edge to base/lock_rank.cpp\n";
    text.write();
    __builtin_abort();
  }
}

void note_locked(lock_rank rank, const void* where) noexcept {
  if (held_count == most_held)
    ++unnoted_count;
  else
    held[held_count++] = {rank, ~address(where)};
}

void note_unlocked(lock_rank rank, const void* where) noexcept {
  for (int i = held_count; i-- > 0;) {  // most often the last one
    if (held[i].hidden != ~address(where) || held[i].rank != rank) continue;
    for (int j = i + 1; j < held_count; ++j) held[j - 1] = held[j];
    --held_count;
    return;
  }
  if (unnoted_count != 0) {
    --unnoted_count;
    return;
  }
  fatal("unlock", "this thread does not hold that lock",
        "unlock on the thread that locked; a goroutine must not park between the two");
}

int held_locks() noexcept { return held_count + unnoted_count; }

}  // namespace goro::detail

#endif
