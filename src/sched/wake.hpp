// SPDX-License-Identifier: MIT
// Idle Ps and Ms, and the waking of one more M: the protocol that decides whether work that became ready is
// seen by a thread that is about to sleep. Here is where every runtime has lost wake-ups, so in words:
//
//   Who makes work ready (spawn, ready, timers, a P that is handed on):
//       W1a  store the work where others look (ring, global queue, heap: release stores)
//            light fence
//       W1b  read spinning and idle_processors; nobody spins and a P is idle -> wake one M (wake_one)
//   Who is about to sleep (find_work.cpp):
//       W2a  put the P on the idle list and itself on the idle list; stop spinning (--spinning)
//            heavy fence
//       W2b  look at all queues and heaps once more; work -> take a P off the idle list again, do not sleep
//
//   Either W1b sees W2a (a P is idle, nobody spins) and wakes, or W2b sees W1a and stays awake: the heavy
//   fence is a barrier in every running thread, so the light one on the hot side costs no instruction. Both
//   may happen; then one M too many looks round and goes to sleep.
//
//   "Skip the wake because somebody spins": a spinning M has either not yet made W2b, and will see the work
//   there, or has found work and stops spinning (found_work): it counts itself out, fences, looks whether
//   there is a surplus, and wakes the next. So whoever was relied upon always looks after its count went down.
//   "Skip the wake because no P is idle": then each P has a holder who runs, blocks or is about to look. One
//   that runs looks at its own queue when its goroutine stops, and at the global one at every 61st round; one
//   that blocks or computes for long is the monitor's (monitor.cpp), which never sleeps while a P is not idle.
//   "Skip the wake because few wait" (ready() on a P with less than `plenty` in its ring; not spawn): the
//   caller is about to park as a rule, and its P will run them in a moment. Waking costs the caller 1 to 30 us
//   and moves goroutines that talk to each other onto different CPUs, where each operation on their channel
//   costs a transfer of its cache line, 200 to 500 ns. By the same measure a thief leaves a short ring alone
//   as long as it moves: it takes from one with plenty, from an eager P, or from one that has not switched
//   while it looked on for a few microseconds; the look W2b does the same.
//   So who is missed? A P whose few wait long. The monitor sees that, within 1 ms while a P is idle: work
//   waits and the P stands still, or its goroutines run for long on the average. It wakes an M and makes the
//   P `eager`: from then on ready() wakes at once, and thieves take at once, for as long as thefts are worth it.
//   Goroutines that yield again and again, beside others, make their P eager too: they stay runnable.
//   A theft from a short ring is judged when the thief's own queue is empty again: if that was under 10 us later it was
//   in vain, and the P becomes less eager; otherwise it goes on being eager. Eight goroutines on one rw_mutex run for
//   milliseconds on one P and for 2 us on two, for then the first write stops all of them; so each theft undid itself,
//   and was followed by the next. After two in vain in a row a thief no longer takes from a ring because it stands
//   still, and the monitor calls one 20 us, 40 us, ... 2.5 ms after it did so last: a goroutine behind one that
//   computes waits that much longer at most, and the first theft that is worth it sets all this back.
//   Measured (2 CPUs, the row rwmutex_mixed): P = 2, 4,000 to 13,000 thefts and 58 to 103 ms before, 30 to 240 and
//   25 to 31 ms with this rule; P = 4, 47 to 104 ms before, 22 to 32 with it.
//   Rejected: waking always (Go): two thirds of a ping-pong's time at P = 2 went into waking an M that found
//   nothing, and eight workers on two channels were four times slower on two CPUs than on one.
//
//   Lists are under one lock. A woken M has been taken off its list, with a P in `handed`, before it is
//   unparked; so nobody is woken twice.
#pragma once

#include "base/clock.hpp"
#include "base/fence.hpp"
#include "base/spin_lock.hpp"

#include <atomic>
#include <cstdint>

namespace goro::detail {

struct machine;
struct processor;
struct goroutine;

struct idle_lists {
  spin_lock lock;
  std::atomic<int> idle_processors{0};    // written under lock
  std::atomic<int> spinning{0};           // Ms that look for work with a P in hand
  processor* processors = nullptr;        // under lock
  machine* machines = nullptr;            // under lock; last in, first out: the warmest
  std::atomic<int> idle_machines{0};      // written under lock
  std::atomic<machine*> timekeeper{nullptr};  // written under lock: the idle M that sleeps only until the first timer
  std::int64_t timekeeper_until = never;  // under lock
  std::atomic<machine*> poller{nullptr};  // written under lock: the idle M that sleeps in epoll_wait (netpoll.hpp)
  int breaks = 0;                         // under lock: pollers that were given a P and have yet to come out of epoll_wait
  std::atomic<int> in_flight{0};          // hands that hold a goroutine on its way to a queue
  bool monitor_sleeps = false;            // under lock: it is to be woken when a P stops being idle
  std::atomic<bool> stopping{false};      // written under lock: the process ends; no P is given out any more
};
extern constinit idle_lists idle;

// Wakes, or makes, one M with an idle P, if nobody spins and a P is idle. After work was made visible.
// True: it did.
bool wake_one_slow() noexcept;
[[gnu::always_inline]] inline bool wake_one() noexcept {
  light_fence();  // W1
  if (idle.idle_processors.load(std::memory_order_relaxed) == 0 || idle.spinning.load(std::memory_order_relaxed) != 0)
    [[likely]]
    return false;
  return wake_one_slow();
}

// More than this P will get done in a moment: worth another M.
inline constexpr std::uint32_t plenty = 16;
// So many thefts in a row were not worth it: only the monitor sends another thief.
inline constexpr std::uint32_t too_many_in_vain = 2;

// The same after ready(), which wakes only if p has plenty or is eager.
void wake_one_for(processor* p) noexcept;

// After a thread without a P put work into the global queue. When all Ps are busy nobody looks there before his
// goroutine stops, and the monitor may come as seldom as every 10 ms: it is told.
void wake_from_outside() noexcept;

// For a timer that a plain thread armed: somebody has to sleep only until `when`.
void wake_for_timer(std::int64_t when) noexcept;

// A P off the idle list, now in the caller's hands. Null: none.
processor* take_idle_processor() noexcept;
// Puts a P in the caller's hands on the idle list (or away, if it is retired).
void put_idle_processor(processor* p) noexcept;
// A P in the caller's hands goes to some M if there is work for it, else to the idle list.
void hand_off(processor* p) noexcept;

// The caller M, without a P, sleeps until it gets one (true) or is to end (false). In the runtime.
bool sleep_until_given(machine* m) noexcept;
// The same for an M that still has a P: gives it up first. The second look of the protocol is in here.
// although_work: there may be work, but others are to do it (width.hpp); if no other P is at work the M keeps
// its own and true is returned.
bool release_and_sleep(machine* m, bool although_work = false) noexcept;

// A spinning M has found something: it stops being one.
void found_work(machine* m) noexcept;

// Ends idle threads beyond `keep`. Returns how many.
int reap_idle_machines(int keep) noexcept;

// Is there work that somebody without any should take? few: only short rings, of Ps that may be about to run
// what is in them.
enum class visible { nothing, few, work };
visible visible_work(std::int64_t now) noexcept;

// Short rings, watched: do they move? Remembers the Ps' switches when it is made.
class standstill {
 public:
  standstill() noexcept;
  // It has work and has not switched since.
  bool holds(const processor& p) const noexcept;
  bool any() const noexcept;

 private:
  static constexpr int watched = 64;  // of more Ps, the same number of them
  std::uint64_t switches_[watched];
};
// The first timer of all heaps; `never`.
std::int64_t earliest_timer() noexcept;

}  // namespace goro::detail
