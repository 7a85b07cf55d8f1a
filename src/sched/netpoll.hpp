// SPDX-License-Identifier: MIT
// The netpoller, as the scheduler sees it: who polls, and when. What a read or a write sees is
// goro/detail/pollable.hpp; the protocol of a descriptor's words is in netpoll.cpp.
//
// One epoll set, made when the first descriptor is registered; each descriptor once, edge-triggered, for both
// directions. A program without any pays a load of io_waiters, which stays 0, where an M is out of work.
//
// Who polls
//   1  An M without work, before it looks into other Ps (find_work.cpp): without waiting, one M at a time.
//      One that is never out of work does so at some of its looks around.
//   2  The first M that goes to sleep while a P is idle and nobody else polls. It is the *poller*: it sleeps
//      in epoll_wait instead of on its futex, until the first timer if nobody keeps time (wake.cpp). It
//      stays on the idle list, but is passed over when an M is to be woken: so nobody has to break its
//      sleep, and the P that it needs when there are events is an idle one.
//   3  The monitor, when nobody has polled for 4 ms while a P is busy and nobody is the poller.
//
// That no event is lost
//   N1  While a task waits for a descriptor (io_waiters) and a P is idle, there is a poller, or an M that is
//       at work, or one on its way to sleep, which looks at io_waiters under idle.lock. So only who waits
//       without being on such an M must do something: a plain thread, or an M that gives its P away to
//       nobody (hand_off).
//         who waits   N1a  ++io_waiters;  light fence
//                     N1b  reads idle.poller, idle_processors and spinning; nobody polls or spins and a P
//                          is idle -> wake_one: that M finds no work, and polls
//         who goes    N1c  puts the P on the idle list;  heavy fence
//         to sleep    N1d  reads io_waiters, under idle.lock
//       It is wake.hpp's W1 and W2 with another thing to see: either N1b sees N1c, or N1d sees N1a. Edges
//       that come before anybody polls wait in the epoll set, so the order of registering and polling does
//       not matter.
//   N2  The poller is needed for something else only if no other M can be had (the limit of threads). Then
//       it is taken off the list and given the P under idle.lock, and break_poller makes the eventfd
//       readable, which it stays until one that sleeps in epoll_wait has read it; who only looks (1, 3) does
//       not. By then another M may be the poller, and be the one that comes out: `breaks` counts those who have
//       been given a P in there, and who leaves while it is not 0 makes the eventfd readable again. The poller
//       looks at `handed` under idle.lock after each epoll_wait.
//   N3  A timer earlier than the poller's own is another M's: wake_for_timer wakes one, which becomes the
//       timekeeper.
#pragma once

#include "sched/task.hpp"
#include "sched/wake.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace goro::detail {

// Tasks that wait for a descriptor now, or have just been woken. Never lower than the number of those that
// wait.
extern constinit std::atomic<int> io_waiters;
// Counts looks at the epoll set.
extern constinit std::atomic<std::uint32_t> io_polls;

inline bool somebody_waits_for_io() noexcept { return io_waiters.load(std::memory_order_relaxed) != 0; }
// … and no M sleeps in the netpoller.
inline bool io_is_unattended() noexcept {
  return somebody_waits_for_io() && idle.poller.load(std::memory_order_relaxed) == nullptr;
}

// What one look has found: those to be made ready, no longer in any word.
struct poll_result {
  static constexpr std::size_t most = 256;
  std::size_t count = 0;
  task tasks[most];
};

// Looks at the epoll set. `deadline`: 0 does not wait; never; else CLOCK_MONOTONIC. False: another thread is
// at it (without waiting only), or the break came, or there is no set: count is 0.
void poll_io(poll_result& found, std::int64_t deadline) noexcept;
// poll_io without waiting, unless somebody else is at it, and makes ready what it finds: on the caller's P,
// or for all. Returns how many. In the runtime.
std::size_t poll_and_ready() noexcept;
void make_ready(const poll_result& found) noexcept;
void break_poller() noexcept;

}  // namespace goro::detail
