// SPDX-License-Identifier: MIT
// Where the blocks are that `new` has given out: so that leak::prove need not take the whole heap for in use. What
// the operators call (operators.cpp), and what a proof reads.
//
// What is kept is the length of each living block, in a word that its address leads to. No lock, no probing, no
// growing: a store when a block is made, a store when it goes.
//
//   the_records ──► record_table   32 MiB of address space, a pointer for each 64 MiB that the program may have
//                   ┌──┬──┬──┬──┐
//                   │  │ ●│  │  │  chunks[address >> 26]
//                   └──┴─┼┴──┴──┘
//                        ▼
//                   record_chunk   16 MiB of address space, made when the first block in those 64 MiB is recorded
//                   ┌───────────────────────────────┐
//                   │ touched[4096]                 │  which pages of `bytes` have ever had a record
//                   │ bytes[address >> 4 & 4194303] │  32 bits for each 16 of memory: 0: no block begins here;
//                   └───────────────────────────────┘  else one does, and is so long
//
// Invariants
//   I1  bytes[i] is n > 0 only while the n bytes at its address belong to a block that `new` has got from malloc
//       and that `delete` has not given back. It is set when malloc has returned, and zeroed before free is called.
//   I2  So no two recorded blocks overlap, and a recorded block is nobody else's memory. It needs no help from the
//       order in which threads see each other's stores: who gets a block from malloc that another has freed comes
//       after that one, by malloc's own means.
//   I3  Each step is one store of one aligned word: bytes[i], a pointer to a chunk whose words are all zero, the
//       pointer to the table. What is not stored yet is a block that is not recorded, and that is memory of which
//       nothing is known. It counts as in use, as the heap did before there were records.
//
// Threads that stand still. By I3 the reader finds, wherever each thread was stopped, a set of blocks that is true
// by I1, though it may lack some. Take `new`: before its store the block is not recorded. After it, and until the caller has
// the address, it is in a register or on the stack of that thread, which are read; and nothing has been written to
// the block. Take `delete`: before the store its block is recorded and may be reachable or not; its owner has ended
// the object, and nobody may read what is left. After it the block is unknown until free has it, and then too.
//
// Stale words. What is freed keeps its contents, and as memory of which nothing is known it is read: a list that was
// freed would keep alive what its nodes point to. So `delete` clears a recorded block. That changes nothing for a
// program that reads no freed memory. What is large gives its pages back to the kernel instead, which is zeros too, and touches none.
//
// Not recorded, so in use as before: blocks of malloc, calloc, of the C library and of others' operators; of 4 GiB or
// more (32 bits); of no byte; not on a 16-byte boundary (another malloc may do that; then two could share a word);
// above 2^48; those for whose records the kernel gives no memory.
//
// When. The first call of any operator, which may come before main and before every constructor, looks into the
// environment: from then on it is on or off. Off is a null pointer, and costs a relaxed load and a branch. On
// costs two dependent loads and a store more in `new`, the same and the clearing in `delete`, and memory: a
// quarter of the heap's. Nothing is ever given back, and there is nothing to end: it works in exit's destructors
// as well, and in threads that goro knows nothing of. There is no thread_local in it.
//
// fork. The child has a copy of a state that is right at each step, and no lock that somebody else has held.
//
// Rejected
//   headers before the blocks   who frees a block of another's `new` (or of before the records) would have to be
//                               told; to list the blocks takes links, so locks; and stale headers look like blocks
//   a hash table, in shards     locks: the child of a fork finds some held by nobody, and with handlers that take
//                               them all another library's handler that allocates hangs. It also must grow
//   malloc replaced as well     more would be proven, but blocks of malloc are where references may be hidden
//                               (docs/design/proof.md); and it is for others, of whom there can be only one
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace goro::detail {

// A record_table. Null: nothing is recorded. Until the first call asks, something that is neither.
extern constinit std::atomic<void*> the_records;

inline bool may_record() noexcept { return the_records.load(std::memory_order_relaxed) != nullptr; }

// malloc has given these n bytes to `new`.
void record(void* block, std::size_t n) noexcept;
// `delete` is about to give back a block, which is recorded or not: clears it, if it is.
void forget(void* block) noexcept;

}  // namespace goro::detail
