// SPDX-License-Identifier: MIT
#include "sync/mutex_seekers.hpp"

#include <goro/mutex.hpp>

#include "sync/address_lock.hpp"

#include <cstdint>

namespace goro::detail {

constinit std::uint32_t mutex_seekers[mutex_seekers_count];

namespace {

constinit hidden_address lists[wait_list_lock_count];  // each under the lock of the same number

std::uint32_t& entry_of(const void* where) noexcept { return mutex_seekers[mutex_seekers_entry(where)]; }

seeker* seeker_in(hidden_address link) noexcept { return static_cast<seeker*>(const_cast<void*>(link.get())); }

// What leads to the seeker there, or to the end.
hidden_address& link_to(const void* where) noexcept {
  hidden_address* link = &lists[lock_index(where)];
  while (seeker* const s = seeker_in(*link)) {
    if (s->at == where) break;
    link = &s->next;
  }
  return *link;
}

}  // namespace

void begin_seeking(const void* where, seeker& s) noexcept {
  hidden_address& first = lists[lock_index(where)];
  s = {where, first};
  first = &s;
  __atomic_fetch_add(&entry_of(where), 1, __ATOMIC_RELAXED);  // a heavy fence follows
}

void end_seeking(const void* where) noexcept {
  hidden_address& link = link_to(where);
  seeker* const s = seeker_in(link);
  if (s == nullptr) return;
  link = s->next;
  s->at = nullptr;
  __atomic_fetch_sub(&entry_of(where), 1, __ATOMIC_RELAXED);
}

// The count stays as it is, at any moment.
void hand_on_seeking(seeker& from, seeker& to) noexcept {
  hidden_address& link = link_to(from.at);
  to = from;
  from.at = nullptr;
  link = &to;
}

bool has_seeker(const void* where) noexcept { return link_to(where) != nullptr; }

}  // namespace goro::detail
