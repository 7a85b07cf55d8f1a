// SPDX-License-Identifier: MIT
// What can break a wait from outside: the interface that `context`, three floors up, implements.
//
// A wait that takes a canceller registers a node before it parks; the canceller calls node.cancelled once,
// from any thread, when it is cancelled. remove() waits for a call that is under way, so the node may live
// on the waiting stack.
#pragma once

#include <goro/detail/export.hpp>

namespace goro {
class context;
enum class errc;
}  // namespace goro

namespace goro::detail {

struct cancel_node {
  cancel_node* next = nullptr;                         // the canceller's
  cancel_node* prev = nullptr;                         // the canceller's
  void (*cancelled)(cancel_node&) noexcept = nullptr;  // short; must not park
};

class canceller {
 public:
  // False: cancelled already; the node is not registered and will not be called.
  virtual bool add(cancel_node& node) noexcept = 0;
  // After it returns the node is not, and will not be, called. Must not be called with a lock that
  // node.cancelled takes.
  virtual void remove(cancel_node& node) noexcept = 0;
  virtual bool is_cancelled() const noexcept = 0;
  // Once cancelled: canceled or deadline_exceeded, what the wait that it broke answers.
  virtual errc reason() const noexcept = 0;

 protected:
  ~canceller() = default;
};

// Asked of the room that implements contexts (sched/hooks.hpp). Null: a context that can never be done.
GORO_API canceller* canceller_of(const context& ctx) noexcept;

}  // namespace goro::detail
