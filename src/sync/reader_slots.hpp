// SPDX-License-Identifier: MIT
// Reader slots: where the readers of a read-mostly rw_mutex are counted, so that those on different CPUs write
// to different cache lines.
//
// A table with a row for each CPU (CPU % 64) and 128 columns. A lock that is read all the time claims a column; a
// reader then counts itself in that column's cell of its own row. A row is contiguous, so a CPU that reads many
// locks touches few lines, and no two CPUs touch one. The CPU is the one that the kernel writes into the thread's
// rseq area, two loads away; where there is none, the P's number stands for it.
//
//      cell     | word: 64 bits | entered: 32 | left: 32 |
//      word     | generation: 42 bits | closing | stealing | recent | readers: 19 bits |   0: nobody's
//      ticket   | generation: 42 bits | 0 | 0 | by_section | … | rows - 1: 6 | column: 10 |   what the lock keeps
//
// Each claim has a generation of its own, for good. A cell is "open for t" while it has t's generation, and neither
// closing nor stealing; a ticket that is out of date opens nothing. There are two ways to count in an open cell:
//      by swap      a compare-and-swap of the word, which finds it open and changes `readers` by one. (The number
//                   for nobody is 2^18, as there may be more that leave this way than have entered.)
//      by section   entered + 1 or left + 1 by a plain store, in a restartable section that has seen the word open
//                   (goro/detail/reader_section.hpp). On the CPU of the row only, so two never do it at once.
// The cell's readers are entered - left + `readers` - 2^18. The first way is for threads that are not on the row's
// CPU (who leaves elsewhere than he entered), or whose section was aborted, and for all where there are no sections:
// without rseq or membarrier, under ThreadSanitizer, on other processors than x86-64.
//
// Invariants
//   I1  The word changes by compare-and-swap; but who has set closing owns the cell, and ends that with a store. He
//       takes the count with it (close_slots), or has found it 0 (claim).
//   I2  Cells of g are opened inside the claim that made g, and closed cells of g stay so.
//   I3  entered and left change by sections that have seen the word open, and by who has set closing, after P3.
//       A word of 0: both are 0.
//   I4  The readers of ticket t are the sum over its cells. A cell may be below the number of readers that entered
//       there, as readers may leave by another row, but nobody leaves a cell in which he sees nobody. (Two that leave
//       one cell in both ways at the same moment may each have seen the other's reader, and bring it below 0. So the
//       sum may be below 0, too, if one of them had entered by the lock's word: the two together are right, and only
//       one that leaves too many may be noticed later.)
//
// Pairs
//   P1  leave: release (a store, on x86-64) -> close: acquire. The closer has met all readers that left, even those
//       of a cell that belongs to another generation now: who took it has met them, and by I1 all changes of a word
//       continue one release sequence. For the same reason close loads with acquire what it does not swap.
//   P2  claim: release -> enter: acquire. A reader sees what the claimer saw, who held the lock. In a section it is
//       the load of the ticket, with acquire, that does this (P3 of rw_mutex.cpp).
//   P3  section against closing and stealing. These change the word, then call section_fence, then load entered and
//       left. The fence is a full one on each CPU that runs a thread of the process, and aborts the section there; a
//       thread that does not run has passed both when it was put off its CPU. So a section has either ended before
//       the fence, and then its store is seen; or it began after it, and sees the word changed. What a reader does
//       in its hold comes after the end of its section, so after it has been counted, and not at all if it was
//       aborted; and before the store by which it leaves (P1).
//
// A lock has no destructor, so its column stays behind when it goes; and nobody may look at its memory then.
// So a column is taken from its owner without asking: claim may take cells whose count is 0. It marks the words
// `stealing`, which keeps readers out, calls the fence, looks at the counts, and gives the cells back if there is
// somebody. An owner that closes meanwhile does not wait: it sets closing over it, and whoever steals finds that his
// swap fails. The owner, if it lives, notices nothing: its readers find the cell closed and count themselves in the
// lock again. To spare the columns that are in use, readers set `recent` in the same compare-and-swap, or have
// changed entered since a claim looked last, and a claim passes over such a column once ("second chance"). No locks,
// and nothing here ever waits for a thread.
//
// Rejected: an entry that names its lock, counted in by fetch_add and checked afterwards: the check needs a full
// fence between store and load, and undoing meets the closer. A section that leaves in its own row whatever the
// count there: an unlock too many could not be told as soon as a reader has changed its CPU. Rows by thread instead
// of CPU, checked after a plain store (an asymmetric fence): who finds the slots closed then does not know whether
// he was counted. Sections out of line: two calls cost 3 ns of the 4 to 5 that two locked instructions take; inline
// all of it is 3.1. A section that is tried again after an abort: nothing gained, and a debugger that steps through
// it would never end. A row for each P: a goroutine that has computed for 10 ms loses its P and runs on, so two
// CPUs write to one row. Guessing what the cell holds instead of loading it: not quicker.
// Tests: test/sync/reader_slots_{test,stress_test}.cpp, rw_mutex_slots_test.cpp, rw_mutex_stress_test.cpp.
#pragma once

#include <goro/rw_mutex.hpp>

#include <cstddef>
#include <cstdint>

namespace goro::detail {

using slot_ticket = std::uint64_t;

inline constexpr std::uint32_t most_slot_readers = (1u << 18) - 1;  // in a cell by compare-and-swap

// 0: none to be had now.
slot_ticket claim_slots() noexcept;
// One step of it, apart for the tests: takes the column, in use or not, as t's kind of ticket. 0: somebody is in.
slot_ticket claim_column(slot_ticket t, std::size_t column) noexcept;

// enter_section, leave_section, and by compare-and-swap enter_slot and leave_slot are in
// goro/detail/reader_section.hpp, as the inline code of rw_mutex calls them.

// Closes all cells. Returns how many readers were inside: they are the caller's to count from now on. It may be a
// negative number (I4). 1 to 14 us if the ticket has by_section.
std::uint64_t close_slots(slot_ticket t) noexcept;

// A moment's picture, cell by cell. It may be a negative number, too.
std::uint64_t readers_in_slots(slot_ticket t) noexcept;

// Whether readers are counted by sections, so that slots pay for a single CPU too.
bool slots_are_cheap() noexcept;

// Where the caller runs, a hint: its CPU; or, where the kernel does not tell, the number of its P, or of a plain
// thread something above 2^30.
std::uint32_t reader_place() noexcept;

}  // namespace goro::detail
