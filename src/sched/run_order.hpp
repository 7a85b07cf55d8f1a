// SPDX-License-Identifier: MIT
// Who runs next, as somebody else may decide it: a test that shuffles, an explorer that replays a schedule.
//
// Left alone, a P takes run_next first and then its ring, first in, first out (processor::pick), and none of
// this costs anything. While an order is set no goroutine is picked on the quick way: each choice goes through
// find_work, which shows all that wait on the P, those for all Ps among them, and runs the one it is told.
#pragma once

#include <cstddef>

namespace goro::detail {

struct goroutine;

class run_order {
 public:
  // Which of the `n` goroutines that wait on the P: the oldest first, n is at least 1. Called with the P in
  // hand, by the Ms of several Ps at the same time. Must not park, allocate or use goro.
  virtual std::size_t choose(int processor, goroutine* const* waiting, std::size_t n) noexcept = 0;

 protected:
  ~run_order() = default;
};

// From now on `order` decides; null: the scheduler does. A choice that is being made may still ask the one
// before, so it must outlive the process, or at least the Ps that are at work.
void set_run_order(run_order* order) noexcept;

}  // namespace goro::detail
