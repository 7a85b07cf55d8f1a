// SPDX-License-Identifier: MIT
// The channel itself: a lock, a ring of elements, and the queues of those who wait, as in Go.
//
//      recvq   r1 r2          who waits for a value
//      ring    . . v1 v2 .    head: the oldest value, tail: the next free place
//      sendq                  who waits with a value, on its own stack
//
// Everything is under `lock`, but for the two looks at the end of this file.
//
// Invariants (of waiters that are still to be had, see wait_queue.hpp)
//   I1  At least one of the two queues is empty, unless one select waits both to send and to receive.
//   I2  Values in the buffer: nobody waits to receive. (A timer channel's poll, too, delivers only then.)
//   I3  Room in the buffer: nobody waits to send.
//   I4  Closed: both queues are empty, and `closed` never changes again.
//   I5  The lock is released before ready() and before park(); ready() under it only where a move threw.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <goro/chan.hpp>

#include "base/lock_rank.hpp"
#include "base/random.hpp"
#include "chan/wait_queue.hpp"
#include "sched/task.hpp"
#include "sched/wait_reason.hpp"

namespace goro::detail {

// How the core moves an element.
enum class transfer : std::uint8_t { nothing, bytes1, bytes2, bytes4, bytes8, bytes16, table };

class ready_batch;
struct segment;

// The buffer of an unbounded channel.
struct segment_list {
  segment* first = nullptr;  // `head` is in it
  segment* last = nullptr;   // `tail` is in it
  segment* spare = nullptr;  // so that a channel that hovers around a border does not allocate
};

// The channel's lock, which counts how often it was released: so that a look without it can tell whether
// anything has changed (P3 below).
class chan_spin_lock {
 public:
  void lock() noexcept { lock_.lock(); }
  void unlock() noexcept {
    releases_.store(releases_.load(std::memory_order_relaxed) + 1, std::memory_order_release);  // P3
    lock_.unlock();
  }
  // What can be compared later: equal and not locked means that nobody held it in between (but for 2^32 times).
  std::uint32_t releases() const noexcept { return releases_.load(std::memory_order_acquire); }  // P3
  bool is_locked() const noexcept { return lock_.is_locked(); }

 private:
  ranked_spin_lock<lock_rank::hchan> lock_;
  std::atomic<std::uint32_t> releases_{0};  // written under the lock
};

struct alignas(16) hchan {
  chan_count handles;  // must be first: see detail/ref.hpp
  chan_spin_lock lock;
  std::atomic<std::size_t> length{0};
  std::size_t capacity = 0;
  std::size_t head = 0;
  std::size_t tail = 0;
  unsigned char* buffer = nullptr;  // behind this block, in the same allocation
  std::atomic<bool> closed{false};
  transfer how = transfer::nothing;
  bool ring_of_bytes = false;  // no table, no segments, no hooks: what the shortest paths need to know
  bool unbounded = false;
  const element_type* element = nullptr;
  wait_queue receivers;
  wait_queue senders;
  const chan_hooks* hooks = nullptr;
  segment_list segments;
  random dice{0};  // for a select's choice; seeded at its first one
  bool dice_seeded = false;
};

// Moves a value to a receiver's slot, or bytes anywhere.
inline void copy_bytes(void* to, const void* from, transfer how) noexcept {
  switch (how) {
    case transfer::bytes8: std::memcpy(to, from, 8); break;
    case transfer::bytes4: std::memcpy(to, from, 4); break;
    case transfer::bytes1: std::memcpy(to, from, 1); break;
    case transfer::bytes2: std::memcpy(to, from, 2); break;
    case transfer::bytes16: std::memcpy(to, from, 16); break;
    default: break;
  }
}

inline void* ring_slot(const hchan* c, std::size_t index) noexcept {
  return c->buffer + index * c->element->size;
}

inline std::size_t ring_next(const hchan* c, std::size_t index) noexcept {
  return index + 1 == c->capacity ? 0 : index + 1;
}

// The buffer, under the lock. put: there is room. get: there is a value. If a move throws nothing has
// changed.
void put(hchan* c, void* slot, const element_type* source);
void get(hchan* c, void* out);
// Ends what is left in the buffer, and its memory.
void destroy_buffer(hchan* c) noexcept;

// Sends or receives if that can be done at once. Under the lock; a task that is then to be made ready, after
// the unlock, is put into `wake`. Status: ok, would_block, closed.
op_status send_locked(hchan* c, void* slot, const element_type* source, task& wake);
op_status receive_locked(hchan* c, void* out, task& wake);

// Whether those would not say would_block: a waiter found now can still be lost to its timer. Under the lock.
bool can_send(hchan* c) noexcept;
bool can_receive(hchan* c) noexcept;

// send_locked with the lock and the waking; throws if closed. `c` is not nil.
op_status try_send(hchan* c, void* slot, const element_type* source);

// Closes it; those whom that wakes go into `woken`. False: it was closed already. For whoever closes many.
bool close_into(hchan* c, ready_batch& woken) noexcept;

// The oldest receiver that can still be had; tells the hooks if that leaves the queue empty.
chan_waiter* first_receiver(hchan* c) noexcept;
void link_receiver(hchan* c, chan_waiter* w) noexcept;
void unlink_receiver(hchan* c, chan_waiter* w) noexcept;  // one that gave up

[[noreturn]] void throw_send_on_closed();
[[noreturn]] void wait_for_ever(wait_reason why);

// A lock on a channel, for paths that can throw.
class chan_lock {
 public:
  explicit chan_lock(hchan* c) noexcept : c_(c) { c_->lock.lock(); }
  chan_lock(const chan_lock&) = delete;
  chan_lock& operator=(const chan_lock&) = delete;
  ~chan_lock() {
    if (c_ != nullptr) c_->lock.unlock();
  }
  void unlock() noexcept {
    c_->lock.unlock();
    c_ = nullptr;
  }

 private:
  hchan* c_;
};

// What is decided without the lock: that an operation would have to wait, at some moment during the call.
//
// Pairs
//   P1  a look's loads, the first an acquire, stay in their order: first "empty" (or "full"), then "open".
//       `closed` only ever goes from false to true, so open now means open at the time of the first load:
//       there was one moment when the channel was both. (The other way round there need not be one: open at
//       first, then closed with a value in the buffer, then drained: empty at the second load.)
//   P2  close: closed release -> is_open: closed acquire. Who sees "closed" sees what was sent before it, so
//       "empty" after it is final. One who knows of a value in the buffer, by whatever order it was told,
//       reads a length at least that new, and so goes on to the lock: CH08.
//   P3  for a look at several channels (select.cpp): length, closed and the queues' ends are stored release under
//       the lock -> loaded acquire by a look, whose later loads of the lock and of `releases` then see the lock
//       held, or released once more. So a look that finds neither saw a state that nobody was changing.
// A waiter that has lost its claim and is still linked makes these say "no", which only leads to the lock.
//
// One load decides each: an unbuffered channel's length is always 0, and of a buffered one nobody waits to
// send while it is empty, or to receive while it is full (I2, I3).
inline bool is_empty(const hchan* c) noexcept {
  return c->capacity == 0 ? c->senders.first(std::memory_order_acquire) == nullptr  // P1
                          : c->length.load(std::memory_order_acquire) == 0;         // P1
}

inline bool is_full(const hchan* c) noexcept {
  return c->capacity == 0 ? c->receivers.first(std::memory_order_acquire) == nullptr   // P1
                          : c->length.load(std::memory_order_acquire) == c->capacity;  // P1
}

inline bool is_open(const hchan* c) noexcept { return !c->closed.load(std::memory_order_acquire); }  // P1, P2

}  // namespace goro::detail
