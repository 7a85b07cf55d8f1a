// SPDX-License-Identifier: MIT
// The tokens of a semaphore, and the queue of those who wait for them.
//
//      word_   | somebody waits: 1 bit | how many tokens are in use: 63 bits |
//
// While nobody waits, take and give are one compare-and-swap of the whole word each, without a lock. While
// somebody waits, both stay away: everything happens under the lock, and tokens go from who gives them back
// straight to who is at the front. They are never free in between, so nobody can overtake.
//
// Invariants
//   I1  The flag changes under the lock only, and whenever the lock is free it is set exactly if the list is not
//       empty.
//   I2  While the flag is set the word changes under the lock only: the compare-and-swaps in the header expect
//       a word without it.
//   I3  Whenever the lock is free, the one at the front does not fit into what is free. Each of those who could
//       change that, giving tokens back or leaving the front, calls grant before it lets go of the lock. One
//       who asks for more than the whole size is never on the list: the front would never move again.
//   I4  A waiter's claim says who has it: `event`, then the tokens are counted as in use and are its own;
//       timer or canceller, then it has none, whatever happens afterwards. grant counts after its claim.
//
// No lost wake-up. Who finds no room sets the flag by a compare-and-swap of the word in which it saw none, and
// links itself in the same section. A give comes either before, then the compare-and-swap fails and the
// acquirer looks again at a word with more room; or it comes after and fails in its turn, because the flag is
// in the word, and takes the lock, behind which it finds the waiter. Who sees the flag set by somebody else
// links itself under the lock, where by I1 there is somebody on the list still, and by I3 and FIFO nothing to
// be had. When the last waiter goes, grant clears the flag under the lock and nobody is left to be forgotten.
//
// Pairs
//   P1  give: release, grant: release store -> take: acquire, enter, give_slow, leave: acquire. Who takes tokens
//       has met all who gave some back: each compare-and-swap continues the release sequence, and a grant,
//       which stores, has met those before it by its own acquire. Who waited meets the one who granted by
//       contract K3 of park.hpp.
//
// The last touch. A give that succeeds touches nothing after its compare-and-swap. A give_slow touches the
// object last when grant stores the word, or by its compare-and-swap; the lock is not part of the object, and
// the nodes of those who are woken afterwards last until they are. So whoever gets the tokens, by waiting or
// by a take that sees the word, may end the semaphore at once. Until then the tokens of a give_slow on its way
// to the lock are in use.
//
// Rejected: a count of free tokens instead of those in use: release could not tell that it gives back more
// than was taken. Waking without handing over: whoever passes by would take the tokens of one who waits for
// many.
// Tests: test/sync/semaphore_{test,stress_test}.cpp.
#include <goro/semaphore.hpp>

#include "sync/address_lock.hpp"
#include "sync/waiter.hpp"

#include <goro/errc.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>

namespace goro {

namespace detail {
namespace {

struct token_waiter : waiter {
  token_waiter(task t, std::int64_t n) noexcept : waiter(t), wants(n) {}
  const std::int64_t wants;
};

}  // namespace

void throw_negative_tokens(const char* call) {
  throw std::invalid_argument(std::string("goro: ") + call +
                              ": a negative number of tokens; give zero or more");
}

// Under the lock, with the flag set: hands tokens to those at the front for whom there are enough, when so
// many are in use otherwise. Returns the chain of those to be woken. Its store is the last touch.
waiter* tokens::grant(std::uint64_t in_use) noexcept {
  waiter* claimed = nullptr;
  waiter** end = &claimed;
  while (first_ != nullptr) {
    token_waiter& w = static_cast<token_waiter&>(*first_);
    const std::uint64_t wants = static_cast<std::uint64_t>(w.wants);
    if (wants > size_ - in_use) break;
    unlink(first_, last_, w);
    if (!w.claim(woken::event)) continue;  // I4: it has given up, and will find itself unlinked
    in_use += wants;
    w.next = nullptr;
    *end = &w;
    end = &w.next;
  }
  __atomic_store_n(&word_, in_use | (first_ != nullptr ? waiting : 0), __ATOMIC_RELEASE);  // P1, I1
  return claimed;
}

bool tokens::give_slow(std::int64_t n) noexcept {
  const std::uint64_t given = static_cast<std::uint64_t>(n);
  wait_list_lock& lock = lock_of(this);
  lock.lock();
  std::uint64_t word = __atomic_load_n(&word_, __ATOMIC_ACQUIRE);  // P1
  while ((word & ~waiting) >= given) {
    if ((word & waiting) != 0) {
      waiter* const claimed = grant((word & ~waiting) - given);
      lock.unlock();
      wake_all(claimed);
      return true;
    }
    if (exchange(word, word - given, __ATOMIC_RELEASE)) {  // P1; those who waited have gone
      lock.unlock();
      return true;
    }
  }
  lock.unlock();
  return false;
}

// False: the tokens were free by now, and have been taken. True: it is on the list.
bool tokens::enter(waiter& w) noexcept {
  const std::int64_t n = static_cast<token_waiter&>(w).wants;
  const spin_guard guard(lock_of(this));
  std::uint64_t word = __atomic_load_n(&word_, __ATOMIC_RELAXED);
  while ((word & waiting) == 0) {
    const bool free = fits(n, word);
    const std::uint64_t desired = free ? word + static_cast<std::uint64_t>(n) : word | waiting;
    if (!exchange(word, desired, __ATOMIC_ACQUIRE)) continue;  // P1
    if (free) return false;
    break;
  }
  link(first_, last_, w);
  return true;
}

// For one that a timer or a canceller has claimed: it goes, and those behind it may fit now.
void tokens::leave(waiter& w) noexcept {
  wait_list_lock& lock = lock_of(this);
  waiter* claimed = nullptr;
  lock.lock();
  if (w.linked) {
    unlink(first_, last_, w);
    claimed = grant(__atomic_load_n(&word_, __ATOMIC_ACQUIRE) & ~waiting);  // I3; P1
  }
  lock.unlock();
  wake_all(claimed);
}

tokens::ended tokens::wait(std::int64_t n, std::int64_t deadline, canceller* cancel) {
  token_waiter self(task::current(), n);
  const bool possible = static_cast<std::uint64_t>(n) <= size_;
  if (possible && !enter(self)) return ended::acquired;

  woken by = woken::nobody;
  try {
    by = park_waiter(self, wait_reason::semaphore, this, deadline, cancel);
  } catch (...) {
    leave(self);
    throw;
  }
  if (by == woken::event) return ended::acquired;
  leave(self);
  return by == woken::timer ? ended::timed_out : ended::canceled;
}

}  // namespace detail

namespace {

void check(std::int64_t n, const char* call) {
  if (n < 0) detail::throw_negative_tokens(call);
}

}  // namespace

void semaphore::acquire_slow(std::int64_t n) {
  check(n, "semaphore::acquire");
  tokens_.wait(n, detail::never, nullptr);
}

bool semaphore::acquire_ns(std::int64_t d, std::int64_t n) {
  check(n, "semaphore::acquire_for");
  if (d <= 0) return false;
  const std::int64_t deadline = detail::deadline_after(std::chrono::nanoseconds(d));
  return tokens_.wait(n, deadline, nullptr) == detail::tokens::ended::acquired;
}

bool semaphore::acquire_at(std::int64_t deadline, std::int64_t n) {
  check(n, "semaphore::acquire_until");
  if (deadline <= clock::now().time_since_epoch().count()) return false;
  return tokens_.wait(n, deadline, nullptr) == detail::tokens::ended::acquired;
}

std::error_code semaphore::acquire_until_done(detail::canceller* by, std::int64_t n) {
  check(n, "semaphore::acquire");
  if (by != nullptr && by->is_cancelled()) return make_error_code(by->reason());
  if (tokens_.take(n) || tokens_.wait(n, detail::never, by) == detail::tokens::ended::acquired) return {};
  return make_error_code(by->reason());
}

void semaphore::release_slow(std::int64_t n) {
  check(n, "semaphore::release");
  if (!tokens_.give_slow(n))
    throw std::logic_error(
        "goro: semaphore::release: released more than held; release what was acquired, once");
}

}  // namespace goro
