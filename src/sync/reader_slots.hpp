// SPDX-License-Identifier: MIT
// Reader slots: where the readers of a read-mostly rw_mutex are counted, so that those on different CPUs write
// to different cache lines.
//
// A table with a row for each CPU (CPU % 16) and 128 columns. A lock that sees readers on several CPUs claims a
// column; a reader then counts itself in that column's cell of its own row. A row is contiguous, so a CPU that
// reads many locks touches few lines, and no two CPUs touch one. The CPU is the one that the kernel writes into
// the thread's rseq area, two loads away; where there is none, the P's number stands for it. It is a hint: who
// is moved to another CPU meanwhile leaves by another row.
//
//      cell     | generation: 44 bits | recent: 1 | readers: 19 bits |      0: closed, or never used
//      ticket   | generation: 44 bits | rows - 1: 10 | column: 10 |              what the lock keeps
//
// Each claim has a generation of its own, for good. A cell is "open for g" while it holds g; to enter or to
// leave is one compare-and-swap that finds g there, and to close it is one that takes the count away. So the
// hand-over from the cell to whoever closes it has no gap, and a ticket that is out of date opens nothing.
//
// Invariants
//   I1  Cells change by compare-and-swap only. Whoever changes the generation takes the whole count with it
//       (close) or has found it 0 (claim).
//   I2  Cells of g are opened inside the claim that made g, and closed cells of g stay so.
//   I3  The readers of ticket t are the sum over its cells that are open for it. A cell may be below the
//       number of readers that entered there, as readers may leave by another row, but never below 0.
//
// Pairs
//   P1  leave: release -> close: acquire. The closer has met all readers that left, even those of a cell that
//       belongs to another generation now: by I1 the chain of changes is one release sequence. For the same
//       reason close loads with acquire what it does not swap.
//   P2  claim: release -> enter: acquire. A reader sees what the claimer saw, who held the lock.
//
// A lock has no destructor, so its column stays behind when it goes; and nobody may look at its memory then.
// So a column is taken from its owner without asking: claim may take cells whose count is 0. The owner, if it
// lives, notices nothing: its readers find the cell closed and count themselves in the lock again. To spare
// the columns that are in use, each reader sets `recent` in the same compare-and-swap, and a claim passes over
// such a column and clears the mark ("second chance"). No locks, and nothing here ever waits.
//
// Rejected: an entry that names its lock, counted in by fetch_add and checked afterwards: the check needs a
// full fence between store and load, and undoing meets the closer; a count that may go negative: an unlock too
// many could not be told. A row for each P: a goroutine that has computed for 10 ms loses its P and runs on, so
// two CPUs write to one row (7 to 15 ns a read and release at P = 2 instead of 4 to 6), and the way to the P's
// number is four loads, none of which begins before the locked instruction ahead of it has ended. Guessing what
// the cell holds instead of loading it: not quicker. Per-P slots without a locked instruction (an asymmetric
// fence): goroutines change their P, so a leave in another row would still need one, and each write by a lock's
// writer some 40 us.
// Tests: test/sync/reader_slots_test.cpp, rw_mutex_stress_test.cpp.
#pragma once

#include <goro/rw_mutex.hpp>

#include <cstdint>

namespace goro::detail {

using slot_ticket = std::uint64_t;

inline constexpr std::uint32_t most_slot_readers = (1u << 19) - 1;  // in a cell

// 0: none to be had now.
slot_ticket claim_slots() noexcept;

// enter_slot counts the caller in. False: it is not, because the cell is closed or full. leave_slot takes one
// reader off. False: none was found; they may be moving, and close_slots knows for sure. Both are declared in
// goro/rw_mutex.hpp, whose inline code calls them.

// Closes all cells. Returns how many readers were inside: they are the caller's to count from now on.
std::uint64_t close_slots(slot_ticket t) noexcept;

// A moment's picture, cell by cell.
std::uint64_t readers_in_slots(slot_ticket t) noexcept;

// Where the caller runs, a hint: its CPU; or, where the kernel does not tell, the number of its P, or of a plain
// thread something above 2^30.
std::uint32_t reader_place() noexcept;

}  // namespace goro::detail
