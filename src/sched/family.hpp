// SPDX-License-Identifier: MIT
// Families: whose descendant a goroutine is, in 16 bits that go() copies from its creator.
//
// `created_by` gives the chain of creators only while they live; a family outlives them. Each goroutine and
// each thread has one, 0 as a rule. Who opens a family makes it its own; goroutines that it starts inherit it,
// and so do those that these start. Families nest: `parent` is what the opener had before, so a descendant of
// an inner family is one of the outer too.
//
// Threads inherit nothing: a std::thread that a goroutine makes has family 0, and so have its goroutines.
//
// Numbers are given out in turn. When all 65,535 have been, one is given again if nobody has it: it is not
// open, no goroutine lives in it, and it is no ancestor of one that is open or lived in. Looking for that walks
// all blocks; a goroutine that is born in a block already passed, by a creator that is gone before its own is
// reached, could be missed: then two families are taken for one. It takes 65,535 families to come to that.
#pragma once

#include <cstdint>

namespace goro::detail {

using family_id = std::uint16_t;

// The caller's goroutine's, or on a thread's own stack that thread's.
family_id current_family() noexcept;
// Returns the one before.
family_id set_current_family(family_id family) noexcept;

// The thread's, whatever runs on it. Never inline, so that no compiler keeps the address across a switch.
family_id thread_family() noexcept;

// A new one below `parent`, open. 0: there is none to be had.
family_id open_family(family_id parent) noexcept;
// Nobody will open anything below it or start in it any more, but those that descend from it.
void close_family(family_id family) noexcept;

// Is it `ancestor` itself, or one below it?
bool descends_from(family_id family, family_id ancestor) noexcept;

// Starts goroutines for somebody else. No switch may happen meanwhile.
class as_family {
 public:
  explicit as_family(family_id family) noexcept : before_(set_current_family(family)) {}
  ~as_family() { (void)set_current_family(before_); }
  as_family(const as_family&) = delete;
  as_family& operator=(const as_family&) = delete;

 private:
  const family_id before_;
};

}  // namespace goro::detail
