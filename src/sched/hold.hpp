// SPDX-License-Identifier: MIT
// Holding a parked goroutine where it is, for a few microseconds, so that a dump can stand on its stack and
// unwind it. Whoever wants to wake it meanwhile waits, as it does for one that is still on its way off its
// stack. And reading what a block says of itself while its goroutine lives on.
//
//   off_stack   0  runs, is runnable, or is on its way off its stack
//               1  parked and off its stack: ours to hold, or its waker's to wake
//               2  held; only a walker, under walk_lock, writes it
//               3, 5  as 1, with what stack_sweep.hpp has noted of it. "1" stands for all that are odd below;
//                     a hold makes it a plain 1 again
//   waking      1  while its waker is inside make_runnable (park.cpp); 0 otherwise
//
//   The waker:   F1a  waking = 1;  light fence;  off_stack: wait until it is 1
//                     off_stack = 0;  state = runnable
//                P2   waking = 0 (release);  queue it
//   The walker:       off_stack: CAS 1 -> 2 (acquire: P1 of park.cpp)          begin_hold, of a few
//                F1b  heavy fence                                              once for all of them
//                     waking == 0 (acquire, P2) and off_stack == 2: held.      confirm_hold
//                     Else off_stack: CAS 2 -> 1; it is not ours.
//                     … unwind …
//                P3   off_stack = 1 (release)                                  end_hold
//
// Why nobody runs what is held. A goroutine that is parked has one waker at most (K1 of park.hpp).
//   F1  Either the waker's look at off_stack comes after the walker's 2: then it waits for the 1 of P3. Or
//       the walker, behind the heavy fence, sees waking == 1: then it lets go by a CAS. If the waker has
//       written its 0 by then the CAS fails, else its 0 comes on top of the 1; either way the goroutine is
//       the waker's.
//   P2  waking release -> acquire: a waker that has been through it all has written off_stack, and the walker
//       sees that it is not 2. It may even be 1: parked again. It is never 2 again: only a walker writes that.
//   P3  off_stack release -> the waker's acquire: what the walker read of the stack, and the word that it
//       wrote below the stack pointer, come before the goroutine goes on.
//   The state word will not do as the announcement: an early waker's "runnable" is overwritten by the
//   parker's "parked", so the walker could miss it; and an off_stack taken by an exchange alone is not enough,
//   because the waker's look and its 0 are two steps, and a locked instruction there would cost each wake-up
//   5 ns.
//
// Why nobody waits for ever. Between begin_hold and end_hold a walker takes no lock, allocates nothing, parks
// nowhere and wakes nobody, with its signals blocked; so its 1 comes as soon as the kernel lets it run, and
// wakers that wait (with locks held, perhaps) end up sleeping for it (spin_wait). A walker that is a
// goroutine may lose its P while it holds: it finds out later. One that tries for a lock may only try.
//
// Reading the rest (read_identity) is for goroutines that cannot be held: running ones, runnable ones.
//   P4  id, created_by, family, created_at and, by spawn_commit, state are stored release, id first -> loaded
//       acquire, id first and last: if it is the same number both times, and the state is a live one, what was
//       read in between is that goroutine's: ids never come again, and the block was dead before it got this
//       one. (An M's "running" is a relaxed store: then created_at is seen at the latest when that M's taking
//       from a queue is; a model's finesse, and a wrong line in a dump at worst.)
//   P5  extra and its name: freed under names_lock, copied under names_lock.
// Tests: test/debug/hold_{test,stress_test}.cpp, dump_stress_test.cpp.
#pragma once

#include <goro/detail/hidden_address.hpp>

#include "base/spin_lock.hpp"
#include "sched/goroutine.hpp"

#include <cstddef>
#include <cstdint>

namespace goro::detail {

// One walker holds goroutines at a time.
extern constinit spin_lock walk_lock;

// Under walk_lock. False: it is not parked, or not yet off its stack. True: call heavy_fence() after the last
// of a batch, and then confirm_hold for each.
bool begin_hold(goroutine* g) noexcept;
// False: somebody is waking it; it has been let go.
bool confirm_hold(goroutine* g) noexcept;
void end_hold(goroutine* g) noexcept;

struct identity {
  std::uint64_t id;
  std::uint64_t created_by;
  std::uintptr_t created_at;
  goroutine_state state;
  wait_reason why;       // of a parked one
  hidden_address waits_on;  // of a parked one
  std::uint8_t flags;
  std::uint16_t family;
};
// False: no goroutine lives in this block, or they changed while we read. Any thread, at any time.
bool read_identity(const goroutine* g, identity& out) noexcept;

// Copies the name, cut to fit; empty if it has none or is not goroutine `id` any more.
void copy_name(const goroutine* g, std::uint64_t id, char* out, std::size_t size) noexcept;

}  // namespace goro::detail
