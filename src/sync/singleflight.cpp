// SPDX-License-Identifier: MIT
// The flights of a singleflight: who is in the air for which key, and who waits for a landing.
//
//      made --find(fresh)--> listed --land----------------> landed
//                              '-----forget--> unlisted --land--^
//
// The table knows hashes only. Keys are compared by the caller between two calls of it, so that no user code
// runs under its lock, which is a spin lock. What makes up for the gap is the serial number that each flight
// gets at its take-off: a caller asks for the oldest flight of its hash above the last one that it has
// compared, and takes off in the same section in which there is none left.
//
// Invariants
//   I1  Of the listed flights no two have equal keys. A caller takes off only in a section in which no listed
//       flight of its hash has a serial above all that it has looked at; those below had other keys, or
//       were not listed any more when it tried to board, and do not come back. Flights with equal keys have
//       equal hashes.
//   I2  `callers` grows while the flight is listed only. land and forget unlist, so each caller, looking after
//       the landing, sees the same number, and `shared` is the same for all.
//   I3  Whoever links itself has seen `landed` false under the lock; land sets it and empties the list in one
//       section. So it is seen, or it sees.
//   I4  A flight lives while it has holders: the one who flies it, who waits for it, who compares its key. The
//       table has no hold: who flies keeps one until it has landed, and thereby unlisted, it.
//   I5  land is the last touch of the table by the one who flies.
//
// Pairs
//   P1  land: `landed` release -> wait: acquire. Value, error and callers are visible to who waited without
//       parking. Those who park meet land by contract K3 of park.hpp.
//   P2  a hold's end: fetch_sub acq_rel, each with those before it. Who destroys has met all who read.
//
// The listed ones form a tree that decides by the next bit of the spread hash at each step, with a flight at
// each node. Nothing is allocated and nothing is rehashed under the lock; a path is no longer than 64 and the
// number of flights with the very same hash. Taking one out puts any leaf below it in its place: the leaf's
// bits begin with those of the place.
//
// Rejected: std::unordered_map under goro's own mutex: equality would run under it, and an equality that asks
// the same singleflight would wait for itself.
// Tests: test/sync/singleflight_{test,stress_test}.cpp.
#include <goro/singleflight.hpp>

#include "sched/throw_site.hpp"
#include "sync/address_lock.hpp"
#include "sync/waiter.hpp"

#include <cstdint>
#include <stdexcept>

namespace goro::detail {
namespace {

// A step down takes the highest bit, and after 64 steps begins again.
struct path {
  explicit path(std::uint64_t hash) noexcept : bits(hash * 0x9e37'79b9'7f4a'7c15) {}
  unsigned next() noexcept {
    bits = bits << 1 | bits >> 63;
    return bits & 1;
  }
  std::uint64_t bits;
};

bool has_landed(const flight& f) noexcept { return __atomic_load_n(&f.landed, __ATOMIC_ACQUIRE); }  // P1

}  // namespace

flight* flight_table::find(std::uint64_t hash, std::uint64_t after, flight* fresh) noexcept {
  const spin_guard guard(lock_of(this));
  flight* found = nullptr;
  flight** at = &root_;
  for (path way(hash); *at != nullptr; at = &(*at)->child[way.next()]) {
    flight* const f = *at;
    if (f->hash == hash && f->serial > after && (found == nullptr || f->serial < found->serial)) found = f;
  }
  if (found != nullptr) {
    __atomic_add_fetch(&found->holders, 1u, __ATOMIC_RELAXED);  // I4: listed, so it has one already
  } else if (fresh != nullptr) {
    fresh->serial = ++serials_;
    fresh->listed = true;
    *at = fresh;
  }
  return found;
}

bool flight_table::board(flight& f) noexcept {
  const spin_guard guard(lock_of(this));
  if (f.listed) ++f.callers;  // I2
  return f.listed;
}

// Under the lock.
void flight_table::strike(flight& f) noexcept {
  if (!f.listed) return;
  f.listed = false;
  flight** place = &root_;
  for (path way(f.hash); *place != &f;) place = &(*place)->child[way.next()];
  flight** end = place;
  while ((*end)->child[0] != nullptr || (*end)->child[1] != nullptr)
    end = &(*end)->child[(*end)->child[0] == nullptr];
  flight* const heir = *end;
  *end = nullptr;
  if (heir == &f) return;
  heir->child[0] = f.child[0];
  heir->child[1] = f.child[1];
  *place = heir;
}

void flight_table::forget(flight& f) noexcept {
  const spin_guard guard(lock_of(this));
  strike(f);
}

void flight_table::land(flight& f, std::exception_ptr error) noexcept {
  f.error = std::move(error);
  waiter* claimed = nullptr;
  {
    const spin_guard guard(lock_of(this));
    strike(f);
    __atomic_store_n(&f.landed, true, __ATOMIC_RELEASE);  // P1, I3
    claimed = take_all(f.first, f.last);
  }
  wake_all(claimed);
}

void flight_table::wait(flight& f) {
  if (has_landed(f)) return;
  waiter self(task::current());
  {
    const spin_guard guard(lock_of(this));
    if (has_landed(f)) return;
    link(f.first, f.last, self);
  }
  park_waiter(self, wait_reason::singleflight, this, never, nullptr);
}

void keep_flight_site(flight& f) noexcept { f.thrown = keep_throw_site(take_throw_site()); }

void throw_flight_error(const flight& f) { rethrow_from(f.thrown, f.error); }

std::exception_ptr flight_ended_by_goexit() noexcept {
  try {
    return std::make_exception_ptr(
        std::logic_error("goro: singleflight: the function that ran for this key ended its goroutine by "
                         "goexit; return or throw "
                         "from it"));
  } catch (...) {
    return std::current_exception();  // no memory for the text
  }
}

}  // namespace goro::detail
