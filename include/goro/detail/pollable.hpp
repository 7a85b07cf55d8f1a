// SPDX-License-Identifier: MIT
// What a read or a write of a descriptor waits on: one readiness word for each direction, with a deadline,
// and an end for both. For the libraries that stand on goro's scheduler (goro_net and those above it); the
// protocol is in src/sched/netpoll.cpp.
//
// A pollable of a descriptor is told of events by the netpoller. One without (`memory`) is told by whoever
// calls notify: so an in-memory pipe waits, times out and closes exactly as a socket does.
//
//   for (;;) {
//     if (ssize_t n = recv(fd, …); n >= 0 || errno != EAGAIN) return n;
//     if (auto end = p.wait(direction::read); end != poll_end::ready) return error_of(end);
//   }
//
// One task at a time waits for each direction: fd_lock.hpp sees to that. The other calls may come from
// anywhere.
#pragma once

#include <cstdint>

#include <goro/detail/export.hpp>

namespace goro::detail {

enum class direction : unsigned char { read, write };
enum class poll_end : unsigned char { ready, timed_out, closed };

struct poll_descriptor;

// Told, once, that the peer has hung up: it has closed, or will send no more. For servers whose work has
// become pointless then. Called by whoever polls: short, and must not park.
struct hangup_node {
  void (*hung_up)(hangup_node&) noexcept = nullptr;
};

// Told of every event of a descriptor that stands for many operations, as an io_uring does. Called by
// whoever polls: short, and must not park.
struct event_node {
  void (*event)(event_node&) noexcept = nullptr;
};

// While one lives, its task waits for what such an event brings, and the netpoller is attended to.
class io_expected {
 public:
  GORO_API io_expected() noexcept;
  GORO_API ~io_expected();
  io_expected(const io_expected&) = delete;
  io_expected& operator=(const io_expected&) = delete;
};

class pollable {
 public:
  constexpr pollable() noexcept = default;

  // Registers `fd`, which must be non-blocking, for both directions and for its life. Returns 0, or the
  // errno: EPERM for files that are always ready, ENOMEM, ENOSPC.
  GORO_API int open(int fd) noexcept;
  // The same, but the node is told in place of those who wait. For good.
  GORO_API int open(int fd, event_node& node) noexcept;
  // Without a descriptor. Returns 0 or ENOMEM.
  GORO_API int open_memory() noexcept;

  // How it stands for who is about to try: ready unless closed or past the deadline. Cost: two loads, and the
  // clock if there is a deadline.
  GORO_API poll_end check(direction d) const noexcept;

  // Waits until there was an event since the last wait. An event may be for nothing: the caller tries again.
  //
  // Throws std::logic_error if another task waits for this direction; std::bad_alloc for the deadline's
  //        timer.
  GORO_API poll_end wait(direction d);

  // Whether an event has come that no wait has taken.
  GORO_API bool is_ready(direction d) const noexcept;

  // The peer has hung up, or something else has happened after which "less than asked" does not prove a
  // socket empty. Never becomes false again.
  GORO_API bool is_out_of_order() const noexcept;

  // At most one node. False: the peer has hung up already, and the node is not taken.
  GORO_API bool watch_hangup(hangup_node& node) noexcept;
  // After it returns the node is not, and will not be, called. Not from inside its call.
  GORO_API void forget_hangup(hangup_node& node) noexcept;

  // In ns of goro::clock; `never` is none. Who waits now is held to it too.
  GORO_API void set_deadline(direction d, std::int64_t when) noexcept;

  // An event, for one without a descriptor.
  GORO_API void notify(direction d) noexcept;

  // Who waits goes on, and all waits end at once from now on. Takes the descriptor out of the netpoller:
  // before it is closed.
  GORO_API void close() noexcept;
  // Gives it back, when nobody uses it any more. After close.
  GORO_API void release() noexcept;

  explicit operator bool() const noexcept { return d_ != nullptr; }

 private:
  poll_descriptor* d_ = nullptr;
};

}  // namespace goro::detail
