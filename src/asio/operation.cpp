// SPDX-License-Identifier: MIT
// A goroutine or thread that waits for an operation of Asio: what goro/detail/asio_operation.hpp is built on.
//
// The parties
//   waiter      the goroutine: has started the operation, and waits in the frame that holds its result
//   handler     what Asio was given in exchange: moved about, then called once or destroyed uncalled, in any
//               thread, maybe before the initiating function has returned
//   canceller   that of the context, if there is one: may be cancelled at any moment, in any thread
//   emission    a function sent to the operation's executor, which emits the cancellation signal there
//
// The frame holds result, signal, the executor (in the form with a context) and the event `over`. Everything
// lies on the waiter's stack, except the emission, which may be left in a queue for ever.
//
// Invariants
//   I1  The frame lasts until `over` is finished. The handler finishes it exactly once: after it was called
//       or, uncalled, in its destructor; its pointer to the frame is taken out by the first of the two, and
//       by a move. So a wait ends whatever becomes of the handler, and finish is the handler's last touch.
//   I2  finish and wait meet under a lock outside of the object: finish takes the waiter if there is one and
//       nobody has claimed it. A waiter that the canceller has claimed goes back under the lock and sees
//       either `done`, or takes itself off and may wait once more: no completion is lost to a cancellation,
//       and each park meets one ready.
//   I3  The canceller wakes the waiter and no more; it is the waiter that sends the emission, from its own
//       stack and with no lock held. The operation has been initiated by then, so the slot is not being
//       filled in by the initiating function at that time. All later handlers of a composed operation run in
//       a strand, since that is the executor associated with the handler, and so does the emission: nobody
//       fills in the slot while it is read.
//   I4  The emission reads signal and slot, in the waiter's frame, behind a gate that it shares with the
//       waiter, on the heap. The waiter, told that the operation is over, closes the gate before it lets go
//       of the frame: an emission that has not begun never will; one that is under way is waited for. So it
//       meets neither a signal that has ended, nor a socket that the goroutine closes next.
//   I5  Executors keep no context alive, and a strand's last handle must go before its context does. Whoever
//       destroys an io_context knows nothing of the goroutines that wait on it; but its shutdown destroys
//       their handlers. So a handler drops the frame's executor before it finishes, and waits until a waiter
//       that is just sending its emission there has done so: a second gate. A waiter that gets in takes the
//       executor along and drops it before it leaves.
//
// Both at once: cancellation wins the claim, completion comes before the emission: the result stands, unless
// it says operation_aborted. Completion wins: the canceller's call finds the waiter claimed and does nothing;
// a node in its list is removed before the wait returns (canceller.hpp).
//
// Rejected: the emission sent by the canceller's call-back. That runs under foreign locks, may not throw and
// should be short; executors are user code and allocate. Rejected: a frame on the heap, shared by all. It
// costs an allocation for each operation, and does not keep an emission off a socket that is closed meanwhile
// (I4).
//
// Tests: test/asio/{operation,cancel,abandon}_test.cpp, cancel_stress_test.cpp.
#include <goro/detail/asio_core.hpp>

#include "asio/outside.hpp"
#include "sync/address_lock.hpp"
#include "sync/waiter.hpp"

#include <goro/detail/duration.hpp>

namespace goro {

asio_abandoned::asio_abandoned()
    : std::runtime_error(
          "goro: use_goroutine: the operation was abandoned: its handler was destroyed without having been "
          "called; "
          "keep its io_context until all operations have ended") {}

asio_abandoned::~asio_abandoned() = default;

namespace detail {
namespace {

std::uintptr_t name_of(task who) noexcept {
  return who.as_goroutine() != nullptr ? reinterpret_cast<std::uintptr_t>(who.as_goroutine())
                                       : reinterpret_cast<std::uintptr_t>(who.as_thread());
}

constexpr std::uintptr_t gate_open = 0;
constexpr std::uintptr_t gate_closed = 1;

}  // namespace

void asio_event::finish() noexcept {
  wait_list_lock& lock = lock_of(this);  // I2
  lock.lock();
  done_ = true;
  waiter* const claimed = waiting_ != nullptr && waiting_->claim(woken::event) ? waiting_ : nullptr;
  const task who = claimed != nullptr ? claimed->who : task();
  lock.unlock();
  if (who) ready(who);
}

bool asio_event::wait(canceller* by) noexcept {
  waiter self(task::current());
  wait_list_lock& lock = lock_of(this);  // I2
  lock.lock();
  if (done_) {
    lock.unlock();
    return true;
  }
  waiting_ = &self;
  lock.unlock();
  const waits_outside counted;
  if (park_waiter(self, wait_reason::io_wait, this, never, by) == woken::event) return true;
  lock.lock();
  const bool done = done_;
  waiting_ = nullptr;
  lock.unlock();
  return done;
}

// An acquire-release exchange on both sides orders what the one inside did, or will not do, and the rest of
// whoever closes; who has to wait is ordered by the event.
bool asio_gate::enter() noexcept {
  std::uintptr_t expected = gate_open;
  return __atomic_compare_exchange_n(&word_, &expected, name_of(task::current()), false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE);
}

void asio_gate::leave() noexcept { left_.finish(); }

void asio_gate::close() noexcept {
  std::uintptr_t seen = gate_open;
  if (__atomic_compare_exchange_n(&word_, &seen, gate_closed, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
    return;
  if (seen != name_of(task::current())) left_.wait(nullptr);
}

void throw_asio_abandoned() { throw asio_abandoned(); }

}  // namespace detail
}  // namespace goro
