// SPDX-License-Identifier: MIT
// A spin lock over a few plain fields: as many locked instructions as a word that is compared and swapped
// (one to take a turn, one to give it back), and nothing to reason about but what holds between two holders.
//
// Invariants, while nobody holds lock_
//   I1  uses_ counts those who have a turn and those who called use(): the descriptor's number is valid for
//       them.
//   I2  Somebody waits for a turn only while that turn is taken, and nobody does once closed_ is set.
//   I3  A turn that is given back goes to the first who waits; it is never free in between, so nobody
//       overtakes.
//   I4  closer_ is set only while closed_ is and uses_ is not 0.
//   I5  others_, those who close as well and wait until it is done, is empty unless closed_ is set and ended_
//       is not. A close that is called again returns no earlier than the first: to either caller "it is
//       closed" means that nobody is inside any more.
// A waiter's node is on its own stack. Who unlinks it, under the lock, makes it ready once, afterwards; from
// then on the node is not touched: `got` is written before.
// A use that ends as the last one, while the closer waits, makes the closer ready: what all uses did is
// visible to it (each passes lock_), so it may close the descriptor and free the memory. That use touches
// nothing after the unlock but the closer's task, which lives.
#include <goro/detail/fd_lock.hpp>

#include "base/spin_lock.hpp"
#include "sched/park.hpp"

#include <stdexcept>
#include <utility>

namespace goro::detail {

struct fd_waiter {
  task who;
  fd_waiter* next = nullptr;
  bool got = false;
};

namespace {

constexpr std::uint32_t most_uses = 1u << 20;

class word_guard {
 public:
  explicit word_guard(std::uint32_t& word) noexcept : word_(word) {
    for (unsigned round = 0; __atomic_exchange_n(&word_, 1u, __ATOMIC_ACQUIRE) != 0; ++round)
      spin_wait(round);
  }
  ~word_guard() { unlock(); }
  word_guard(const word_guard&) = delete;
  word_guard& operator=(const word_guard&) = delete;
  void unlock() noexcept {
    if (held_) __atomic_store_n(&word_, 0u, __ATOMIC_RELEASE);
    held_ = false;
  }

 private:
  std::uint32_t& word_;
  bool held_ = true;
};

// Those of a list that is nobody else's any more.
void ready_all(fd_waiter* w) noexcept {
  ready_batch batch;
  while (w != nullptr) {
    fd_waiter* const next = w->next;  // gone once it runs
    batch.add(w->who);
    w = next;
  }
}

[[noreturn]] void too_many() {
  throw std::logic_error(
      "goro: net: more than 1048576 operations are under way on one descriptor; "
      "let fewer goroutines use it");
}

}  // namespace

bool fd_lock::use() {
  const word_guard hold(lock_);
  if (closed_) return false;
  if (uses_ >= most_uses) too_many();
  ++uses_;
  return true;
}

void fd_lock::unuse() noexcept {
  task closer;
  {
    word_guard hold(lock_);
    if (--uses_ == 0 && closer_ != nullptr) {
      closer = closer_->who;
      closer_ = nullptr;
    }
  }
  if (closer) ready(closer);
}

bool fd_lock::lock(direction d) {
  const auto i = static_cast<std::size_t>(d);
  fd_waiter self;
  {
    word_guard hold(lock_);
    if (closed_) return false;
    if (!taken_[i]) {
      if (uses_ >= most_uses) too_many();
      taken_[i] = true;
      ++uses_;
      return true;
    }
  }
  self.who = task::current();  // may make the thread's waiter: not under a spin lock
  {
    word_guard hold(lock_);
    if (closed_) return false;
    if (uses_ >= most_uses) too_many();
    ++uses_;  // those who wait count: the queue's head lies in here
    if (!taken_[i]) {
      taken_[i] = true;
      return true;
    }
    queue& q = waiting_[i];
    (q.last != nullptr ? q.last->next : q.first) = &self;
    q.last = &self;
  }
  park(self.who, wait_reason::io_wait, this);
  if (!self.got) unuse();
  return self.got;
}

void fd_lock::unlock(direction d) noexcept {
  const auto i = static_cast<std::size_t>(d);
  task next;
  task closer;
  {
    word_guard hold(lock_);
    queue& q = waiting_[i];
    if (fd_waiter* const w = q.first) {
      q.first = w->next;
      if (q.first == nullptr) q.last = nullptr;
      w->got = true;
      next = w->who;
    } else {
      taken_[i] = false;
    }
    if (--uses_ == 0 && closer_ != nullptr) {
      closer = closer_->who;
      closer_ = nullptr;
    }
  }
  if (next) ready(next);
  if (closer) ready(closer);
}

bool fd_lock::begin_close() noexcept {
  fd_waiter self;
  fd_waiter* all[2] = {};
  bool again = false;
  {
    word_guard hold(lock_);
    if (ended_) return false;
    again = closed_;
    closed_ = true;
    for (std::size_t i = 0; i != 2 && !again; ++i) {
      all[i] = waiting_[i].first;
      waiting_[i] = {};
    }
  }
  if (again) {
    self.who = task::current();  // as in lock
    {
      word_guard hold(lock_);
      if (ended_) return false;
      self.next = others_;
      others_ = &self;
    }
    park(self.who, wait_reason::io_wait, this);
    return false;
  }
  for (fd_waiter* const first : all) ready_all(first);
  return true;
}

void fd_lock::end_close() noexcept {
  fd_waiter* others;
  {
    word_guard hold(lock_);
    ended_ = true;
    others = std::exchange(others_, nullptr);
  }
  ready_all(others);  // and nothing of the lock after that: it may be gone
}

void fd_lock::wait_until_unused() noexcept {
  fd_waiter self;
  self.who = task::current();
  {
    word_guard hold(lock_);
    if (uses_ == 0) return;
    closer_ = &self;
  }
  park(self.who, wait_reason::io_wait, this);
}

bool fd_lock::is_closed() const noexcept {
  const word_guard hold(lock_);
  return closed_;
}

}  // namespace goro::detail
