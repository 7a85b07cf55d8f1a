// SPDX-License-Identifier: MIT
// The lock for many readers or one writer.
//
//      word_    | readers: 32 bits | … | in_slots | waiting | held | … | ticks: 24 bits |
//      held     a writer has the lock, or whoever is about to hand it over
//      waiting  somebody is in one of the two lists
//      in_slots readers may be counted in reader slots too (reader_slots.hpp); slots_ is the ticket
//      ticks    readers that came this way since a writer had the lock, or a reader queued or looked around.
//               They never reach the flags: whoever makes them pass 4,096 sets them back before it goes on, so
//               at most one for each thread comes on top
//
// The fast paths, all in the header but for slots, are one read-modify-write each:
//      lock_shared    add (reader + tick); what comes out says whether a writer was about
//      unlock_shared  subtract (reader), if there are no slots; what comes out says whether a writer waits
//      lock           swap for held, if nothing but ticks is there
//      unlock         swap for not held, if not waiting
// All other changes of the word are made under "the lock": lock_of(this), which is not part of the object.
//
// A reader that has added itself and finds held or waiting is "in passing": counted, but not in. Under the
// lock it looks again: neither of the two any more, and it is in; else it takes itself off and queues.
//
// Invariants
//   I1  held: no reader is in. Those counted are in passing.
//   I2  Between sections of the lock: waiting exactly if a list is not empty; and if waiting without held, a
//       writer waits ("drain"), the lock is in the list of drains, and in no other case; and the count is not 0
//       (readers that are in, or in passing), or whoever has brought it to 0 is on his way to a section.
//   I3  While waiting, held and waiting change under the lock only. Each section that finds a drain at 0 ends
//       it: sets held and hands over. It does not matter whose section that is.
//   I4  held or waiting: not in_slots, and all cells of this lock's tickets are closed. Who sets waiting, or
//       held by a slow path, closes them first, in the same section. The fast path of lock asks for a word
//       without in_slots.
//   I5  Not in_slots: nobody is counted in slots. The claimer sets in_slots before it publishes the ticket;
//       close takes the bit and adds what was inside in one step, and only then the ticket. So who finds no
//       ticket finds himself counted in the word, unless slots were claimed again meanwhile. (The order of
//       bit and ticket is argued, not tested.)
//   I6  The readers are those in the word and those in slots together. Where one entered and where one
//       leaves need not agree; so with in_slots the word's part may be below 0.
//   I7  A waiter is in by its claim: the one who let it in has won claim(event), and has counted it (is_in) or
//       left held for it; but a reader that is not is_in then is woken to try again, and counted nowhere. One that
//       a timer or canceller has claimed is passed over, and counted nowhere.
//
// Pairs
//   P1  unlock: release -> lock, lock_shared: acquire. Each change of the word is a read-modify-write and so
//       continues the release sequence. Who is let in by another meets him by contract K3 of park.hpp.
//   P2  unlock_shared: release -> lock: acquire; through slots by P1 of reader_slots.hpp.
//   P3  claim: slots_ release -> who reads the ticket: acquire. So a reader with a ticket sees in_slots, or what
//       came after it, and what the claimer saw, who held the lock. (Leaving is ordered by the cells.)
//
// When a wake is skipped. unlock: it swaps only where not waiting; who queues sets waiting under the lock, and
// does so only if it finds held in that very step: so either the unlocker sees waiting, or the other does
// not see held, and has the lock. unlock_shared: a writer queues only if its step finds readers (or held), and
// sets waiting in it; a reader that leaves reads the flags in the step that takes it off. So either the leaver
// sees waiting, and its section comes after the writer's, in which the drain was listed; or the writer sees
// the count without it. A reader queues for held or waiting, and whoever takes the last of these away looks at
// the lists in the same section.
//
// Last touch. An unlock that takes no lock touches nothing after its read-modify-write. With the lock: hand_over
// keeps held until it has emptied the lists, and its last step on the word is the last touch, after which
// somebody may get in and destroy the object. Whoever was let in sleeps until the section is over. The lock
// lies outside, and so do the heads of the lists of drains. For a reader takes itself off first and has its
// section afterwards, and in between the writer may have been let in by another, or given up and come back,
// and have destroyed the object. So settle() does not look at the object but for its address among the
// drains: those live, since somebody waits in each.
//
// Fairness. After a writer all readers that wait enter, after them the first writer. Hand-over is direct, so nobody
// barges in between, with one exception: a writer that leaves readers behind, none of which was refused before,
// and no writer, frees the lock and wakes them to try for themselves. If then a writer that runs is quicker, they
// queue again, at the front and `refused`, and the next event counts them in. So a reader waits for two turns of
// writers at most, and a writer for one of readers. Why the exception: readers that are counted in stand in a
// run queue, and hold the lock there until they have run. The writer that goes on meets them at its next lock,
// parks for them, they run for one section each and queue behind it, and so on for ever: every lock is a
// switch of all ("lock convoy"; eight goroutines, a write in 100: 10 to 15 ns instead of 7 to 11 at P = 2).
//
// Readers apart. Of a lock that is only read, every 4,096th reader looks around, and compares its place with the last
// one's; with 16 points it claims slots. If these count by compare-and-swap they pay for several CPUs only: 8 points
// more for another place, 4 less for the same. (A thread that is moved to another CPU now and then is no reason.) If
// they count without a locked instruction they pay for one CPU too, after many reads: 4 points for another place, 1 for
// the same. A writer closes them again, which costs as much as some thousand reads gain: each time doubles the points
// for the next claim, up to 128.
//
// Misuse. An unlock_shared too many takes one off before it knows, and puts it back; meanwhile the count may be
// one too low. So a reader in passing takes itself off without asking whether it is there.
//
// Rejected: one list for both kinds (readers would enter one by one between writers); unlock_shared as load and
// swap, so that a reader's last touch is its swap (dearer by a fifth); a count of readers in passing apart from
// those in (Go's readerWait: writers that give up, which Go has not, would have to settle the difference);
// spinning before parking: sections under a write lock are not short enough as a rule, Go does not, and of the
// rows with eight goroutines the parks went down to 40 % and the time not at all.
// Tests: test/sync/rw_mutex_{test,stress_test}.cpp.
#include "sync/rw_mutex_inside.hpp"

#include "sync/address_lock.hpp"
#include "sync/reader_slots.hpp"

#include <algorithm>

namespace goro {

using detail::lock_kind;
using detail::lock_of;
using detail::spin_guard;
using detail::waiter;
using detail::woken;

namespace {

bool exchange(std::uint64_t& word, std::uint64_t& expected, std::uint64_t desired) noexcept {  // P1, P2
  return __atomic_compare_exchange_n(&word, &expected, desired, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}
std::uint64_t load(const std::uint64_t& word) noexcept { return __atomic_load_n(&word, __ATOMIC_ACQUIRE); }

void wake(waiter* chain) noexcept {
  if (chain != nullptr && chain->next == nullptr)
    detail::ready(chain->who);
  else
    detail::wake_all(chain);
}

}  // namespace

void rw_mutex::inside::close_slots(rw_mutex& m) noexcept {
  const std::uint64_t ticket = __atomic_load_n(&m.slots_, __ATOMIC_RELAXED);
  if (ticket == 0) return;
  m.sampled_ = std::min(m.sampled_ / closed % (point / closed) + 1, 3u) * closed;
  const auto inside = static_cast<std::int64_t>(detail::close_slots(ticket));
  std::uint64_t before = load(m.word_);
  std::int64_t added = 0;
  do  // who entered by the word may have left by a slot: but no more than are there
    added = std::max(inside, std::min<std::int64_t>(0, -(static_cast<std::int64_t>(before) >> 32)));
  while (!exchange(m.word_, before, before + static_cast<std::uint64_t>(added) * reader - in_slots));
  __atomic_store_n(&m.slots_, 0, __ATOMIC_RELEASE);  // I5: after the word
}

void rw_mutex::inside::look_around(rw_mutex& m) noexcept {
  const std::uint32_t place = (detail::reader_place() & (places >> 1)) + 1;
  const bool cheap = detail::slots_are_cheap();  // asked here, since the first answer takes long
  const spin_guard guard(lock_of(&m));
  const std::uint64_t before = __atomic_fetch_and(&m.word_, ~ticks, __ATOMIC_ACQ_REL);
  if ((before & ticks_full) == 0 || (before & waiting) != 0) return;  // another was here, or a writer is
  const bool lost_slots = m.slots_ != 0;  // readers come here nevertheless: other locks have taken the cells
  const std::uint32_t last_place = m.sampled_ & places;
  const std::uint32_t closings = m.sampled_ / closed % (point / closed);
  const std::uint32_t enough = points_to_claim << closings;
  std::uint32_t points = m.sampled_ / point;
  if (last_place != 0 && last_place != place)
    points += cheap ? enough / 4 : enough / 2;
  else
    points = cheap ? points + 1 : points - std::min(points, enough / 4);
  close_slots(m);
  m.sampled_ = std::min(points, enough) * point + closings * closed + place;
  if (!lost_slots && points < enough) return;
  const std::uint64_t ticket = detail::claim_slots();
  if (ticket == 0) return;
  __atomic_fetch_or(&m.word_, in_slots, __ATOMIC_ACQ_REL);  // I5: before the ticket
  __atomic_store_n(&m.slots_, ticket, __ATOMIC_RELEASE);    // P3
}

// ---- drains

namespace {

// By lock_index, each under its lock: the first drain, as the complement of its address. (Whoever looks for locks
// that nobody can reach any more, leak::prove, must not find them here.)
constexpr std::uintptr_t last_drain = 1;
constinit std::uintptr_t drains[detail::wait_list_lock_count] = {};

std::uintptr_t hidden(const rw_mutex& m) noexcept { return ~reinterpret_cast<std::uintptr_t>(&m); }
rw_mutex& shown(std::uintptr_t drain) noexcept { return *reinterpret_cast<rw_mutex*>(~drain); }

}  // namespace

void rw_mutex::inside::begin_drain(rw_mutex& m) noexcept {
  if (m.next_drain_ != 0) return;
  std::uintptr_t& first = drains[detail::lock_index(&m)];
  m.next_drain_ = first != 0 ? first : last_drain;
  first = hidden(m);
}

void rw_mutex::inside::end_drain(rw_mutex& m) noexcept {
  if (m.next_drain_ == 0) return;
  std::uintptr_t* at = &drains[detail::lock_index(&m)];
  while (*at != hidden(m)) at = &shown(*at).next_drain_;
  *at = m.next_drain_;
  m.next_drain_ = 0;
}

void rw_mutex::inside::settle(const rw_mutex* where) noexcept {
  waiter* chain = nullptr;
  {
    const spin_guard guard(lock_of(where));
    std::uintptr_t drain = drains[detail::lock_index(where)];
    while (drain > last_drain && drain != hidden(*where)) drain = shown(drain).next_drain_;
    if (drain <= last_drain) return;
    rw_mutex& m = shown(drain);
    std::uint64_t before = load(m.word_);
    do {
      if (before >> 32 != 0) return;
    } while (!exchange(m.word_, before, before + held));  // I3
    chain = hand_over(m, lock_kind::exclusive);
  }
  wake(chain);
}

// ---- handing over

// The first writer that can be let in; those that gave up are taken off the list.
waiter* rw_mutex::inside::next_writer(rw_mutex& m) noexcept {
  while (waiter* const w = m.first_writer_) {
    detail::unlink(m.first_writer_, m.last_writer_, *w);
    if (!w->claim(woken::event)) continue;  // I7
    w->next = nullptr;
    return w;
  }
  return nullptr;
}

// All waiting readers; `counted` is their number times `reader`.
waiter* rw_mutex::inside::all_readers(rw_mutex& m, std::uint64_t& counted) noexcept {
  waiter* const chain = detail::take_all(m.first_reader_, m.last_reader_);  // I7
  counted = 0;
  for (waiter* w = chain; w != nullptr; w = w->next) {
    static_cast<party*>(w)->is_in = true;
    counted += reader;
  }
  return chain;
}

// The caller has `held`, and no writer waits: frees the lock. All waiting readers, who are to try for themselves.
waiter* rw_mutex::inside::release_readers(rw_mutex& m) noexcept {
  waiter* const chain = detail::take_all(m.first_reader_, m.last_reader_);
  std::uint64_t before = load(m.word_);
  while (!exchange(m.word_, before, before & ~(held | waiting | ticks))) {
  }
  return chain;  // the word was the last touch
}

// The caller has `held`, and gives it to whoever is next.
waiter* rw_mutex::inside::hand_over(rw_mutex& m, lock_kind first) noexcept {
  std::uint64_t counted = 0;
  end_drain(m);
  if (first == lock_kind::shared && m.first_writer_ == nullptr && m.first_reader_ != nullptr &&
      !static_cast<const party*>(m.first_reader_)->refused)
    return release_readers(m);
  waiter* chain = first == lock_kind::shared ? all_readers(m, counted) : nullptr;
  if (chain == nullptr) {
    if (waiter* const writer = next_writer(m)) {  // held stays
      const bool last = m.first_writer_ == nullptr && m.first_reader_ == nullptr;
      __atomic_fetch_and(&m.word_, ~(last ? ticks | waiting : ticks), __ATOMIC_ACQ_REL);
      return writer;
    }
    if (first == lock_kind::exclusive) chain = all_readers(m, counted);
  }
  const std::uint64_t wait = m.first_writer_ != nullptr ? waiting : 0;
  if (wait != 0) begin_drain(m);
  std::uint64_t before = load(m.word_);
  while (!exchange(m.word_, before, ((before & ~(held | waiting | ticks)) | wait) + counted)) {
  }
  return chain;  // the word was the last touch
}

// One counted reader less. False: there is none, unless the caller knows better.
bool rw_mutex::inside::uncount(rw_mutex& m, waiter*& chain, bool surely) noexcept {
  std::uint64_t before = load(m.word_);
  for (;;) {
    if (before < reader && !surely) return false;
    const bool drained = (before & (held | waiting)) == waiting && before >> 32 == 1;
    if (!exchange(m.word_, before, before - reader + (drained ? held : 0))) continue;  // I3
    if (drained) chain = hand_over(m, lock_kind::exclusive);
    return true;
  }
}

// ---- readers

bool rw_mutex::inside::enter_shared(rw_mutex& m) {
  const std::uint64_t ticket = __atomic_load_n(&m.slots_, __ATOMIC_ACQUIRE);  // P3
  if (ticket != 0 && detail::enter_slot(ticket)) return true;
  std::uint64_t before = load(m.word_);
  do {
    if ((before & (held | waiting)) != 0) return false;
    if (((before + reader) & (readers_full | negative)) == readers_full) throw_full();
  } while (!exchange(m.word_, before, before + reader + tick));
  if (((before + tick) & ticks_full) != 0) look_around(m);
  return true;
}

bool rw_mutex::inside::queue_shared(rw_mutex& m, party& self, bool counted) noexcept {
  waiter* chain = nullptr;
  bool in = false;
  {
    const spin_guard guard(lock_of(&m));
    std::uint64_t before = load(m.word_);
    if (counted) {
      // Free by now: counted is in. A writer would have to see the count at 0, or take the lock to queue.
      if ((before & (held | waiting)) == 0) return true;
      uncount(m, chain, true);
      before = load(m.word_);
    }
    do {
      in = (before & (held | waiting)) == 0;
    } while (!exchange(m.word_, before, in ? before + reader : (before & ~ticks) | waiting));
    if (!in) (self.refused ? detail::link_front : detail::link)(m.first_reader_, m.last_reader_, self);
  }
  wake(chain);
  return in;
}

void rw_mutex::inside::give_up_shared(rw_mutex& m, waiter& self) noexcept {
  const spin_guard guard(lock_of(&m));
  if (!self.linked) return;
  detail::unlink(m.first_reader_, m.last_reader_, self);
  if (m.first_reader_ == nullptr && m.first_writer_ == nullptr)  // I2: so a writer holds it
    __atomic_fetch_and(&m.word_, ~waiting, __ATOMIC_ACQ_REL);
}

bool rw_mutex::inside::leave_shared(rw_mutex& m) noexcept {
  std::uint64_t before = load(m.word_);
  while ((before & waiting) == 0) {
    if ((before & in_slots) != 0) {
      const std::uint64_t ticket = __atomic_load_n(&m.slots_, __ATOMIC_ACQUIRE);  // P3
      if (ticket != 0 && detail::leave_slot(ticket)) return true;
      if (before < reader) break;  // I5, or nobody at all
    } else if (before < reader) {
      return false;
    }
    if (exchange(m.word_, before, before - reader)) return true;
  }
  waiter* chain = nullptr;
  bool left = false;
  {
    const spin_guard guard(lock_of(&m));
    if (load(m.word_) < reader) close_slots(m);  // now the count is exact
    left = uncount(m, chain, false);
  }
  wake(chain);
  return left;
}

// ---- writers

bool rw_mutex::inside::enter_exclusive(rw_mutex& m) noexcept {
  std::uint64_t before = load(m.word_);
  while ((before & ~ticks) == 0)
    if (exchange(m.word_, before, held)) return true;
  if ((before & (held | waiting | in_slots)) != in_slots) return false;
  const std::uint64_t ticket = __atomic_load_n(&m.slots_, __ATOMIC_ACQUIRE);  // P3
  if (ticket != 0 && static_cast<std::uint32_t>((before >> 32) + detail::readers_in_slots(ticket)) != 0) return false;
  const spin_guard guard(lock_of(&m));
  close_slots(m);  // I4
  before = load(m.word_);
  while ((before & ~ticks) == 0)
    if (exchange(m.word_, before, held)) return true;
  return false;
}

bool rw_mutex::inside::queue_exclusive(rw_mutex& m, waiter& self) noexcept {
  const spin_guard guard(lock_of(&m));
  close_slots(m);  // I4
  std::uint64_t before = load(m.word_);
  bool in = false;
  do {
    in = (before & ~ticks) == 0;
  } while (!exchange(m.word_, before, in ? held : before | waiting));
  if (in) return true;
  detail::link(m.first_writer_, m.last_writer_, self);
  if ((before & held) == 0) begin_drain(m);
  return false;
}

void rw_mutex::inside::give_up_exclusive(rw_mutex& m, waiter& self) noexcept {
  waiter* chain = nullptr;
  {
    const spin_guard guard(lock_of(&m));
    if (!self.linked) return;
    detail::unlink(m.first_writer_, m.last_writer_, self);
    if (m.first_writer_ != nullptr) return;
    std::uint64_t before = load(m.word_);
    std::uint64_t counted = 0;
    end_drain(m);
    if ((before & held) == 0) chain = all_readers(m, counted);  // it was this one who stopped them
    const std::uint64_t wait = m.first_reader_ != nullptr ? waiting : 0;
    while (!exchange(m.word_, before, ((before & ~waiting) | wait) + counted)) {
    }
  }
  wake(chain);
}

void rw_mutex::inside::leave_exclusive(rw_mutex& m) noexcept {
  std::uint64_t before = load(m.word_);
  while ((before & waiting) == 0)  // readers in passing have changed the word, or somebody watches
    if (exchange(m.word_, before, before - held)) return;
  waiter* chain = nullptr;
  {
    const spin_guard guard(lock_of(&m));
    chain = hand_over(m, lock_kind::shared);
  }
  wake(chain);
}

}  // namespace goro
