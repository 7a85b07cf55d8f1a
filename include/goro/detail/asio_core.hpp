// SPDX-License-Identifier: MIT
// What use_goroutine and asio_runner need of the library, without Boost: waiting for an operation of Asio,
// and threads. The protocol is argued in src/asio/operation.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include <goro/detail/canceller.hpp>
#include <goro/detail/export.hpp>

namespace goro {

// Thrown where an operation was waited for, and its handler was destroyed without having been called: its
// io_context has gone, as a rule. It can neither have failed nor succeeded any more.
class GORO_API asio_abandoned : public std::runtime_error {
 public:
  asio_abandoned();
  ~asio_abandoned() override;
};

namespace detail {

struct waiter;

// One event, and the one who waits for it.
class asio_event {
 public:
  constexpr asio_event() noexcept = default;
  asio_event(const asio_event&) = delete;
  asio_event& operator=(const asio_event&) = delete;

  // Once, from any thread. Its last touch of the object lies before the wait can return.
  GORO_API void finish() noexcept;

  // By one caller at a time. True: finished. False: `by` (null: none) was cancelled first; the event is still
  // to be waited for.
  GORO_API bool wait(canceller* by) noexcept;

 private:
  bool done_ = false;          // both under a lock that lies outside
  waiter* waiting_ = nullptr;  // on the stack of wait()
};

// Lets one in, once, and is closed by another, once, whom it makes wait until the first has left.
class asio_gate {
 public:
  constexpr asio_gate() noexcept = default;

  GORO_API bool enter() noexcept;  // false: closed
  GORO_API void leave() noexcept;  // its last touch
  GORO_API void close() noexcept;  // does not wait if it is the caller who is inside

 private:
  std::uintptr_t word_ = 0;  // open, closed, or who is inside
  asio_event left_;
};

// Threads that run one function each, and are waited for as goroutines are.
class asio_threads {
 public:
  // Throws std::invalid_argument for less than one, std::system_error if they cannot be had.
  GORO_API asio_threads(int count, void (*run)(void* argument), void (*stop)(void* argument), void* argument);
  asio_threads(const asio_threads&) = delete;
  asio_threads& operator=(const asio_threads&) = delete;
  GORO_API ~asio_threads();

  GORO_API void join() noexcept;  // once they return; a goroutine parks. By one caller at a time

 private:
  struct group;
  group* group_;
};

[[noreturn]] GORO_API void throw_asio_abandoned();

}  // namespace detail
}  // namespace goro
