// SPDX-License-Identifier: MIT
// Ending contexts, and freeing them; the protocol is in core.hpp.
#include "context/core.hpp"

#include "base/fatal.hpp"
#include "base/spin_lock.hpp"
#include "chan/hchan.hpp"
#include "sched/park.hpp"

#include <new>

namespace goro::detail {

namespace {

void push(cancel_node*& first, cancel_node& node) noexcept {
  if (first == nullptr) {
    first = node.next = node.prev = &node;
    return;
  }
  node.next = first;
  node.prev = first->prev;
  node.prev->next = &node;
  first->prev = &node;
}

void unlink(cancel_node*& first, cancel_node& node) noexcept {
  if (node.next == &node) {
    first = nullptr;
  } else {
    node.prev->next = node.next;
    node.next->prev = node.prev;
    if (first == &node) first = node.next;
  }
  node.next = node.prev = nullptr;
}

void free_node(context_node* node) noexcept {
  switch (node->kind) {
    case context_kind::value: {
      auto* const value = static_cast<value_node*>(node);
      if (value->destroy != nullptr) value->destroy(value_storage(value));
      free_value(value);
      return;
    }
    case context_kind::background:
    case context_kind::todo: return;  // never counted, so never here
    case context_kind::without_cancel: delete node; return;
    default: break;
  }
  auto* const core = static_cast<cancel_core*>(node);
  core->detach();  // I2
  delete core;
}

}  // namespace

// One end after the other, without recursion: a chain of contexts may be long.
void destroy_context(context_node* node) noexcept {
  while (node != nullptr) {
    context_node* const parent = node->parent;
    free_node(node);
    node = parent;
    if (node == nullptr || __atomic_load_n(&node->count.handles, __ATOMIC_RELAXED) >= uncounted ||
        __atomic_fetch_sub(&node->count.handles, 1u, __ATOMIC_ACQ_REL) != 1u)  // P4
      return;
  }
}

bool try_share(context_node* node) noexcept {
  std::uint32_t seen = __atomic_load_n(&node->count.handles, __ATOMIC_RELAXED);
  while (seen != 0)
    if (__atomic_compare_exchange_n(&node->count.handles, &seen, seen + 1, true, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED))  // P4
      return true;
  return false;
}

// Makes a core and all below it done: first the core itself, then the cores below, a handful at a time, so that
// nobody waits long for a lock. A core whose children are still to be told is on a chain through `next_`, the
// deepest first. Whom the closing of channels wakes is made ready in batches. Stop tokens come last: their
// call-backs are the user's, and may take long.
class cancellation {
 public:
  cancellation(errc why, std::exception_ptr cause) noexcept : why_(why), cause_(std::move(cause)) {}

  // False: it was done already.
  bool run(cancel_core* root, ended_by by) noexcept {
    const result first = end(root, by);
    if (first == result::was_done) return false;
    root->detach();
    // The chain holds a count of each core on it, for all but the root, of which the caller has one.
    cancel_core* unfinished = first == result::children_left ? root : nullptr;
    while (unfinished != nullptr) {
      cancel_core* const core = unfinished;
      cancel_core* taken[at_a_time];
      const std::size_t n = take_children(core, taken);
      if (n == 0) {
        unfinished = core->next_;
        if (core != root) drop(core);
        continue;
      }
      for (std::size_t i = 0; i != n; ++i) {
        cancel_core* const child = taken[i];
        if (end(child, ended_by::others) == result::children_left) {
          child->next_ = unfinished;
          unfinished = child;
        } else {
          drop(child);
        }
      }
    }
    woken_.flush();
    stop_tokens();
    return true;
  }

 private:
  static constexpr std::size_t at_a_time = 64;
  enum class result : std::uint8_t { was_done, finished, children_left };

  result end(cancel_core* core, ended_by by) noexcept {
    bool below = false;
    bool calls = false;
    bool waits = false;
    bool told = false;
    hchan* done = nullptr;
    {
      const spin_guard guard(core->lock_);
      if (core->status_.load(std::memory_order_relaxed) != 0) return result::was_done;
      core->cause_ = cause_;
      core->status_.store(static_cast<std::uint8_t>(why_), std::memory_order_release);  // P1
      done = core->done_.load(std::memory_order_relaxed);
      waits = core->first_wait_ != nullptr;
      calls = !core->calls_.empty();
      told = core->stop_.stop_possible();
      below = !core->children_.empty();  // I1: none is added any more
    }
    if (done != nullptr) {
      close_into(done, woken_);
      if (++closed_ % at_a_time == 0) woken_.flush();
    }
    if (waits) core->tell_waits();
    if (calls) core->start_calls();
    if (told) {
      context_ref::share(core).detach();
      core->next_told_ = told_;
      told_ = core;
    }
    core->ended(by);
    return below ? result::children_left : result::finished;
  }

  // Takes some of them off the list, and counts them.
  static std::size_t take_children(cancel_core* core, cancel_core** taken) noexcept {
    std::size_t n = 0;
    const spin_guard guard(core->lock_);
    while (n != at_a_time) {
      cancel_core* const child = core->children_.pop_front();
      if (child == nullptr) break;
      --core->child_count_;
      if (try_share(child)) taken[n++] = child;  // I2
    }
    return n;
  }

  void stop_tokens() noexcept {
    while (told_ != nullptr) {
      cancel_core* const core = told_;
      told_ = core->next_told_;
      core->stop_.request_stop();
      drop(core);
    }
  }

  const errc why_;
  const std::exception_ptr cause_;
  ready_batch woken_;
  std::size_t closed_ = 0;
  cancel_core* told_ = nullptr;
};

cancel_core::cancel_core(context_node* parent, context_kind kind, std::uint32_t handles) noexcept
    : context_node{{handles}, kind,           context_ref::share(parent).detach(),
                   this,      parent->values, parent->deadline},
      above(parent->breaker) {}

cancel_core::~cancel_core() {
  GORO_ASSERT(children_.empty() && first_wait_ == nullptr);  // I4
  while (after_call* const call = calls_.pop_front()) drop_after_call(call);
  release_ref(done_.load(std::memory_order_relaxed));
}

bool cancel_core::add(cancel_node& node) noexcept {
  const spin_guard guard(lock_);
  if (is_cancelled()) return false;
  push(first_wait_, node);
  return true;
}

void cancel_core::remove(cancel_node& node) noexcept {
  {
    const spin_guard guard(lock_);
    if (node.next != nullptr) {
      unlink(first_wait_, node);
      return;
    }
  }
  for (unsigned round = 0; calling_.load(std::memory_order_acquire) == &node; ++round)
    spin_wait(round);  // P2
}

void cancel_core::tell_waits() noexcept {
  for (;;) {
    cancel_node* node = nullptr;
    {
      const spin_guard guard(lock_);
      node = first_wait_;
      if (node != nullptr) unlink(first_wait_, *node);
      calling_.store(node, std::memory_order_release);  // P2, I3
    }
    if (node == nullptr) return;
    node->cancelled(*node);
  }
}

void cancel_core::start_calls() noexcept {
  for (;;) {
    after_call* call = nullptr;
    context_node* kept = nullptr;
    {
      const spin_guard guard(lock_);
      call = calls_.pop_front();
      if (call != nullptr) kept = std::exchange(call->keeps, nullptr);
    }
    if (call == nullptr) return;
    if (kept != nullptr) drop(kept);  // not the last: the ender has one
    run_after_call(call);
  }
}

bool cancel_core::add_call(after_call* call) noexcept {
  const spin_guard guard(lock_);
  if (is_cancelled()) return false;
  if (ends_by_itself()) call->keeps = context_ref::share(this).detach();
  calls_.push_back(call);
  return true;
}

bool cancel_core::remove_call(after_call* call) noexcept {
  context_node* kept = nullptr;
  {
    const spin_guard guard(lock_);
    if (!list<after_call, &after_call::link>::linked(call)) return false;
    calls_.erase(call);
    kept = std::exchange(call->keeps, nullptr);
  }
  if (kept != nullptr) drop(kept);  // not the last: the caller has one
  return true;
}

void cancel_core::attach() noexcept {
  if (above == nullptr) return;
  {
    const spin_guard guard(above->lock_);
    if (!above->is_cancelled()) {
      above->children_.push_back(this);
      ++above->child_count_;
    }
  }
  if (above->is_cancelled()) {
    // It was linked and the ender has yet to come by, or it was not linked: the first to say so ends it, with
    // the same words.
    cancel(above->reason(), above->cause());
  } else if (is_cancelled()) {
    detach();  // by its token, before it was linked
  }
}

void cancel_core::detach() noexcept {
  if (above == nullptr) return;
  const spin_guard guard(above->lock_);
  if (!child_list::linked(this)) return;
  above->children_.erase(this);
  --above->child_count_;
}

bool cancel_core::cancel(errc why, std::exception_ptr cause, ended_by by) noexcept {
  return !is_cancelled() && cancellation(why, std::move(cause)).run(this, by);
}

bool cancel_core::cancel_if_small(errc why, const std::exception_ptr& cause) noexcept {
  constexpr int few = 8;
  {
    const spin_guard guard(lock_);
    if (is_cancelled()) return true;
    if (!children_.empty() || !calls_.empty() || stop_.stop_possible() ||
        done_.load(std::memory_order_relaxed) != nullptr)
      return false;
    int waits = 0;
    for (const cancel_node* node = first_wait_; node != nullptr; node = node->next) {
      if (++waits > few) return false;
      if (node->next == first_wait_) break;
    }
    cause_ = cause;
    status_.store(static_cast<std::uint8_t>(why), std::memory_order_release);  // P1
  }
  tell_waits();
  detach();
  return true;
}

recv_chan<std::monostate> cancel_core::done() {
  const auto shared = [](hchan* c) { return recv_chan<std::monostate>(chan_ref::share(c)); };
  if (hchan* const made = done_.load(std::memory_order_acquire)) return shared(made);  // P3
  const chan<std::monostate> fresh = make_chan<std::monostate>();
  bool closed = false;
  for (;;) {
    if (is_cancelled() && !closed) {
      fresh.close();
      closed = true;
    }
    const spin_guard guard(lock_);
    if (hchan* const made = done_.load(std::memory_order_relaxed)) return shared(made);
    if (is_cancelled() && !closed) continue;
    acquire_ref(raw(fresh));
    done_.store(raw(fresh), std::memory_order_release);  // P3
    return fresh;
  }
}

std::size_t cancel_core::children() noexcept {
  const spin_guard guard(lock_);
  return child_count_;
}

std::stop_token cancel_core::token() {
  {
    const spin_guard guard(lock_);
    if (stop_.stop_possible()) return stop_.get_token();
  }
  std::stop_source fresh;
  std::stop_token token;
  bool late = false;
  {
    const spin_guard guard(lock_);
    if (!stop_.stop_possible()) {
      stop_.swap(fresh);
      late = is_cancelled();  // the ender did not see it
    }
    token = stop_.get_token();
  }
  if (late) stop_.request_stop();
  return token;
}

}  // namespace goro::detail
