// SPDX-License-Identifier: MIT
// How one who waits for a mutex meets a holder that frees it by a plain store.
//
// Such a holder has found no flag in the mutex, but that was before: somebody may have queued since. After its store
// it may not touch the mutex, which another may have taken, given back and destroyed. So the two meet outside: a
// seeker is in a list beside the lock of the mutex's list of waiters, and counted in an entry of mutex_seekers, both
// chosen by the address.
//
//      the holder    lock_ = 0;   light fence;  reads the entry;  if not 0, looks
//      the seeker    counted;     heavy fence;  looks
//      who looks     under the list's lock: if there is a seeker of this address, and lock_ is 0, does what an unlock
//                    would do: wakes the first that waits
//
// By F1 of base/fence.hpp the holder's read sees the count, or the seeker's look sees lock_ free; or both. Who looks
// touches the mutex only if it has a seeker: that one waits, so the mutex lives. If it is another mutex than the
// holder's, which lies there since, then it is looked at once too often: what is done is right at any time.
//
// Why no look comes to nothing. It leaves the mutex alone if somebody holds it or is `woken`. A woken one comes. A
// holder is the one of old, that has not made its store yet, and will read the entry; or one that took the lock
// after it, and so has seen the flags or will (P3 of mutex.cpp): it frees the lock by the flags, which want the list's
// lock as long as somebody waits whom nobody has woken.
// Why the count may go down. Seeking ends in a section of the list's lock that wakes somebody in that holder's place
// or finds nobody who waits, or that is part of an unlock by the flags: then that holder had let go before. If the
// seeker gives up, having looked before it parked, another that waits takes its place in list and count; that one
// need not look, since its predecessor has.
//
// Cost: the seeker's heavy fence, 3 to 14 us, for the first that queues after a time of calm; the holder's read.
// 256 entries: mutexes that share one with a seeker are looked for in vain, some 20 ns an unlock, until that one's
// holder has let go.
// Tests: test/sync/mutex_seekers_{test,stress_test}.cpp.
#pragma once

#include <goro/detail/hidden_address.hpp>

namespace goro::detail {

// Hidden, so that one who waits for ever is not taken for one that somebody knows (leak::proven).
struct seeker {
  hidden_address at;  // null: not in the list
  hidden_address next;
};

// All under lock_of(where). At most one seeker at an address.
void begin_seeking(const void* where, seeker& s) noexcept;
void end_seeking(const void* where) noexcept;  // if there is one
void hand_on_seeking(seeker& from, seeker& to) noexcept;
bool has_seeker(const void* where) noexcept;

}  // namespace goro::detail
