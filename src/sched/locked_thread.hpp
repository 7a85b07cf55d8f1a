// SPDX-License-Identifier: MIT
// lock_os_thread: a goroutine and a thread bound to each other.
//
// A bound goroutine carries flag_locked, so that no quick path takes it up; its M carries `locked`. When
// the goroutine stops, its M gives its P away and sleeps (wait_for_locked). When another M finds the
// goroutine in a queue it hands it over together with its P (give_to_locked), and looks for another P.
#pragma once

namespace goro::detail {

struct goroutine;
struct machine;

// The M has no P and is bound: sleeps until its goroutine is ready. False: the thread is to end.
bool wait_for_locked(machine* m) noexcept;
// m, with a P, has found g, which is bound to another M: that one gets both.
void give_to_locked(machine* m, goroutine* g) noexcept;
// g ends although it is bound: so does its thread, and it runs nobody else before. Gives m's P away.
void end_locked(machine* m, goroutine* g) noexcept;
// How many Ms sleep in wait_for_locked: they are not at work (deadlock.cpp).
int locked_sleepers() noexcept;

}  // namespace goro::detail
