// SPDX-License-Identifier: MIT
// What an event carries: the descriptor's block in the lower 48 bits, its generation in the upper 16 (user
// space ends at 2^47 on x86-64 unless a program asks for more, and at 2^48 on AArch64). 0 is the eventfd.
#include "sched/epoll.hpp"

#include "base/fatal.hpp"
#include "sched/netpoll.hpp"
#include "sched/park.hpp"
#include "sched/poll_descriptor.hpp"
#include "sched/runtime.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <cerrno>
#include <ctime>

namespace goro::detail {

constinit std::atomic<int> io_waiters{0};
constinit std::atomic<std::uint32_t> io_polls{0};

namespace {

constinit std::atomic<int> the_set{-1};
constinit std::atomic<int> the_break{-1};
constinit spin_lock making;
constinit std::atomic<bool> looking{false};  // somebody polls without waiting

constexpr std::uint32_t wanted_events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET;
// After these an empty socket may have something to say all the same: the end, an error, or what lies behind
// a mark.
constexpr std::uint32_t out_of_the_ordinary = EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI;
constexpr std::uint32_t gone = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

std::uint64_t name_of(const poll_descriptor& p) noexcept {
  return reinterpret_cast<std::uintptr_t>(&p) | std::uint64_t{p.generation.load(std::memory_order_relaxed)}
                                                    << 48;
}

// -1 with errno.
int make_set() noexcept {
  const spin_guard hold(making);
  if (const int set = the_set.load(std::memory_order_acquire); set >= 0) return set;
  const int set = epoll_create1(EPOLL_CLOEXEC);
  if (set < 0) return -1;
  const int bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  epoll_event event{};
  event.events = EPOLLIN;
  if (bell < 0 || epoll_ctl(set, EPOLL_CTL_ADD, bell, &event) != 0) {
    const int error = errno;
    if (bell >= 0) close(bell);
    close(set);
    errno = error;
    return -1;
  }
  the_break.store(bell, std::memory_order_release);
  the_set.store(set, std::memory_order_release);
  return set;
}

void add(poll_result& found, task who) noexcept {
  if (who) found.tasks[found.count++] = who;
}

// The break is for who sleeps in here: one who only looks leaves it, and it stays readable (it is level-triggered).
void take_event(poll_result& found, const epoll_event& event, bool sleeps) noexcept {
  if (event.data.u64 == 0) {
    if (!sleeps) return;
    std::uint64_t rung;
    (void)!read(the_break.load(std::memory_order_relaxed), &rung, sizeof rung);
    return;
  }
  constexpr std::uint64_t pointer = (std::uint64_t{1} << 48) - 1;
  auto& p = *reinterpret_cast<poll_descriptor*>(static_cast<std::uintptr_t>(event.data.u64 & pointer));
  const auto generation = static_cast<std::uint16_t>(event.data.u64 >> 48);
  if (p.generation.load(std::memory_order_acquire) != generation) return;  // I4, P4 of netpoll.cpp
  if (event_node* const node = p.told.load(std::memory_order_acquire)) {
    node->event(*node);
    return;
  }
  const std::uint32_t events = event.events;
  if ((events & out_of_the_ordinary) != 0) tell_out_of_order(p, (events & gone) != 0, generation);
  if ((events & (EPOLLIN | out_of_the_ordinary)) != 0) add(found, tell(p, direction::read));
  if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) add(found, tell(p, direction::write));
}

int wait_for_events(int set, epoll_event* events, int most, std::int64_t deadline) noexcept {
  if (deadline == 0) return epoll_wait(set, events, most, 0);
  if (deadline == never) return epoll_wait(set, events, most, -1);
  const std::int64_t left = deadline - monotonic_ns();
  if (left <= 0) return epoll_wait(set, events, most, 0);
  constexpr std::int64_t second = 1'000'000'000;
  const timespec t{static_cast<time_t>(left / second), static_cast<long>(left % second)};
  const int n = epoll_pwait2(set, events, most, &t, nullptr);
  if (n >= 0 || errno != ENOSYS) return n;
  const std::int64_t ms = left / 1'000'000 + 1;  // Linux before 5.11
  return epoll_wait(set, events, most, ms > 3'600'000 ? 3'600'000 : static_cast<int>(ms));
}

}  // namespace

int epoll_register(int fd, poll_descriptor& p) noexcept {
  start_runtime();
  int set = the_set.load(std::memory_order_acquire);
  if (set < 0 && (set = make_set()) < 0) return errno;
  epoll_event event{};
  event.events = wanted_events;
  event.data.u64 = name_of(p);
  return epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : errno;
}

void epoll_forget(int fd) noexcept {
  epoll_event ignored{};
  (void)epoll_ctl(the_set.load(std::memory_order_acquire), EPOLL_CTL_DEL, fd, &ignored);
}

void poll_io(poll_result& found, std::int64_t deadline) noexcept {
  found.count = 0;
  const int set = the_set.load(std::memory_order_acquire);
  if (set < 0) return;
  io_polls.fetch_add(1, std::memory_order_relaxed);
  constexpr int batch = poll_result::most / 2;  // two tasks an event at most
  epoll_event events[batch];
  const int saved_errno = errno;
  const int n = wait_for_events(set, events, batch, deadline);
  errno = saved_errno;
  for (int i = 0; i < n; ++i) take_event(found, events[i], deadline != 0);
}

std::size_t poll_and_ready() noexcept {
  if (looking.load(std::memory_order_relaxed) || looking.exchange(true, std::memory_order_acquire)) return 0;
  poll_result found;
  poll_io(found, 0);
  looking.store(false, std::memory_order_release);
  make_ready(found);
  return found.count;
}

void make_ready(const poll_result& found) noexcept {
  if (found.count == 1) {
    ready(found.tasks[0]);
    return;
  }
  ready_batch batch;
  for (std::size_t i = 0; i != found.count; ++i) batch.add(found.tasks[i]);
  batch.flush_here();
}

void break_poller() noexcept {
  const std::uint64_t one = 1;
  (void)!write(the_break.load(std::memory_order_acquire), &one, sizeof one);
}

}  // namespace goro::detail
