// SPDX-License-Identifier: MIT
// Contexts inside: a tree of nodes, each of which holds its parent; those that can be done are cores.
//
//      background <-- core A <-- value <-- core B <-- value        `parent`: counted, upwards
//                        '--children------>'                       not counted, downwards, cores only
//
// A node knows the nearest core from itself upwards (`breaker`), so that asking a context costs no walk; and
// the nearest value, so that looking one up skips the cores. A core is in the list of the nearest core above it
// (`above`) while neither of them is done.
//
// A core's lock guards its lists, the step to done, and the making of its channel. No two of these locks are
// held together, and under one nothing is called, allocated or freed.
//
// Invariants
//   I1  status goes from 0 to an errc once, under the lock, with `cause` written before. After it nothing is
//       put on any list of the core. So who wants to be told either finds it done or is in a list, and
//       whoever made it done ("the ender") empties the lists, alone.
//   I2  A child in the list of a core has not been freed: who frees it takes it off the list first, under the
//       lock of that core, which it still holds a count of. The ender counts a child under that lock before
//       it lets go of it, unless the child's count is 0 already: then the child is on its way out, nobody can
//       see it any more, and it need not be told.
//   I3  `calling` is the wait that the ender is just telling; null: none. It and the list of waits change
//       together, under the lock.
//   I4  A core that is freed has no children and no waits: a child counts its parents, and who waits keeps a
//       handle.
//
// Pairs
//   P1  end: status release -> is_cancelled, err, cause: acquire. Who finds it done sees the cause, and what
//       happened before the cancellation.
//   P2  tell_waits: calling, release -> remove: acquire. When remove sees another value than its own wait, the
//       call to that wait has returned. It cannot see a value from before the call: it has had the lock after
//       the step that took the wait off the list, which is the step that named it in `calling`.
//   P3  done(): the channel's address, release -> acquire: the channel is made. Ender and maker cannot miss
//       each other, by I1: the maker finds the core done under the lock, and closes the channel before he shows it,
//       or the ender finds the channel.
//   P4  counts: release -> acquire by whoever frees (context_ref); try_share may be relaxed, since it is called
//       under a lock that the one who frees takes before he frees (I2), or by a call-back that he waits for.
//
// remove() waits by spinning: what it waits for is a call to ready() and the like, in another thread. The ender is
// not kept from returning by anybody who waits for it, be it that its P is taken: it needs none to go on.
//
// Tried and left: a lock held while waits are told (the waits take their own locks, and a million of them hold up
// each add and remove); ends that go down by recursion (a chain of 100,000 contexts ends a stack); a strong
// reference from parent to child (a request's contexts then stay until its server's ends).
// Tests: test/context/*_test.cpp; the races, test/context/*_stress_test.cpp.
#pragma once

#include <goro/context.hpp>

#include "base/intrusive_list.hpp"
#include "base/lock_rank.hpp"

#include <goro/detail/canceller.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <stop_token>

namespace goro::detail {

enum class context_kind : std::uint8_t {
  background,
  todo,
  value,
  without_cancel,
  cancel,
  deadline,
  stop_token,
  signal,
};

class cancel_core;
struct value_node;

struct context_node {
  context_count count;  // must be first: see context_ref
  const context_kind kind;
  context_node* const parent;      // counted; null: a root
  cancel_core* breaker = nullptr;  // set when made, then constant, as all below
  const value_node* values = nullptr;
  std::int64_t deadline = never;
};

struct value_node : context_node {
  std::uint64_t key;
  void (*destroy)(void*) noexcept;  // null: nothing to do
  std::size_t align;
};
void* value_storage(value_node* node) noexcept;  // behind the node
void free_value(value_node* node) noexcept;      // the block; not what is in it, nor the parent

// False: it is on its way out.
bool try_share(context_node* node) noexcept;

// Who made a core done.
enum class ended_by : std::uint8_t { others, itself };  // its own timer or token

// A function of after_func; after_func.cpp.
struct after_call {
  enum class state : std::uint8_t { waiting, started, stopped };

  explicit after_call(const after_call_type& t) noexcept : type(t) {}

  const after_call_type type;
  std::atomic<std::uint32_t> counts{1};    // the handles, the list, the goroutine that runs it
  std::atomic<state> now{state::waiting};  // who changes it has the callable, to run or to destroy
  context_node* keeps = nullptr;           // counted; under the core's lock
  list_link<after_call> link;              // under the core's lock
};

// Off the list, by the ender, without the lock: starts it unless it was stopped.
void run_after_call(after_call* call) noexcept;

class cancel_core : public context_node, public canceller {
 public:
  // Counts `parent`; the count of the core itself begins at `handles`.
  cancel_core(context_node* parent, context_kind kind, std::uint32_t handles) noexcept;
  cancel_core(const cancel_core&) = delete;
  cancel_core& operator=(const cancel_core&) = delete;
  virtual ~cancel_core();

  // canceller
  bool add(cancel_node& node) noexcept final;
  void remove(cancel_node& node) noexcept final;
  bool is_cancelled() const noexcept final { return status_.load(std::memory_order_acquire) != 0; }  // P1
  errc reason() const noexcept final { return static_cast<errc>(status_.load(std::memory_order_acquire)); }

  // Null: none was given, or it is not done.
  std::exception_ptr cause() const noexcept { return is_cancelled() ? cause_ : nullptr; }

  recv_chan<std::monostate> done();
  std::size_t children() noexcept;
  std::stop_token token();

  // Puts it below `above`; if that is done already, so is this when it returns. For whoever makes it.
  void attach() noexcept;
  void detach() noexcept;

  // Makes it and all below it done. False: it was done already. The caller has a count.
  bool cancel(errc why, std::exception_ptr cause, ended_by by = ended_by::others) noexcept;

  // The same if nothing more is to be done than to tell a few waits; it then takes so little time that a
  // timer may do it. True: it is done now, or was. Needs no count, only that nobody frees it meanwhile.
  bool cancel_if_small(errc why, const std::exception_ptr& cause) noexcept;

  // Registers. False: it is done.
  bool add_call(after_call* call) noexcept;
  // True: it was still registered.
  bool remove_call(after_call* call) noexcept;

  // Whether something else than a cancel function can make it done.
  bool ends_by_itself() const noexcept { return above != nullptr || kind != context_kind::cancel; }

  // A cancel function was called, the first time or not.
  virtual void cancel_called() noexcept {}

  cancel_core* const above;  // constant

 private:
  friend class cancellation;
  friend struct core_layout;  // for gdb

  // Done: told once, by the ender, without locks, with a count.
  virtual void ended(ended_by) noexcept {}
  void tell_waits() noexcept;
  void start_calls() noexcept;

  ranked_spin_lock<lock_rank::context> lock_;
  std::atomic<std::uint8_t> status_{0};         // I1
  std::exception_ptr cause_;                    // I1
  std::atomic<hchan*> done_{nullptr};           // P3; counted
  cancel_node* first_wait_ = nullptr;           // a circle; under lock_, as the rest
  std::atomic<cancel_node*> calling_{nullptr};  // I3, P2
  list_link<cancel_core> siblings_;             // under above->lock_

 public:
  using child_list = list<cancel_core, &cancel_core::siblings_>;

 private:
  child_list children_;
  std::size_t child_count_ = 0;
  list<after_call, &after_call::link> calls_;
  std::stop_source stop_{std::nostopstate};
  cancel_core* next_ = nullptr;  // the ender's
  cancel_core* next_told_ = nullptr;
};

// The node of a parent; throws std::logic_error if there is none. `call`: "with_cancel" …
context_node* parent_of(const context& parent, const char* call);

inline context as_context(context_node* node) noexcept { return context(context_ref::adopt(node)); }
inline void drop(context_node* node) noexcept { static_cast<void>(context_ref::adopt(node)); }

}  // namespace goro::detail
