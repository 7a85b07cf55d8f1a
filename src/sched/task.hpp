// SPDX-License-Identifier: MIT
// Who waits: a goroutine, or a plain thread that uses goro's operations. One word, so that a wait queue
// need not know which. Nothing here assumes a stack: a body without one could become a third kind.
#pragma once

#include <cstdint>

namespace goro::detail {

struct goroutine;
class thread_waiter;

class task {
 public:
  constexpr task() noexcept = default;
  explicit task(goroutine* g) noexcept : bits_(reinterpret_cast<std::uintptr_t>(g)) {}
  explicit task(thread_waiter* t) noexcept : bits_(reinterpret_cast<std::uintptr_t>(t) | 1) {}

  // The caller: the goroutine whose stack this is, or this plain thread's waiter (made at first use).
  // Starts the runtime when nobody has.
  static task current();

  explicit operator bool() const noexcept { return bits_ != 0; }
  friend bool operator==(task, task) noexcept = default;

  // Null when it is the other kind.
  goroutine* as_goroutine() const noexcept {
    return (bits_ & 1) != 0 ? nullptr : reinterpret_cast<goroutine*>(bits_);
  }
  thread_waiter* as_thread() const noexcept {
    return (bits_ & 1) == 0 ? nullptr : reinterpret_cast<thread_waiter*>(bits_ & ~std::uintptr_t{1});
  }

  // As a word, for protocols that compare and swap it; never 0 or 2 for somebody.
  std::uintptr_t bits() const noexcept { return bits_; }
  static task from_bits(std::uintptr_t bits) noexcept {
    task t;
    t.bits_ = bits;
    return t;
  }

 private:
  std::uintptr_t bits_ = 0;
};

}  // namespace goro::detail
