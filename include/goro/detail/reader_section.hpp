// SPDX-License-Identifier: MIT
// How a reader of an rw_mutex is counted in its own CPU's cell without a locked instruction: by a restartable
// sequence (rseq). The protocol is argued in src/sync/reader_slots.hpp.
//
// A section is the code between two labels, known to the kernel by a descriptor. Whoever is in it when he is
// preempted, moved to another CPU, gets a signal, or somebody calls section_fence (base/fence.hpp) goes on at the
// abort's label. Only the last instruction of a section can be seen from outside, so either it has all happened on
// one CPU without a gap, or it has not happened. An aborted section is not tried again: the caller counts itself by
// compare-and-swap. So nothing here loops, not even under a debugger that goes step by step.
//
// Inline, because two calls cost as much as the locked instructions that are spared. Hence the code may be part of a
// library that is unloaded, and each section takes its descriptor back; the kernel may look at it at any time.
// x86-64 only. Elsewhere, and under ThreadSanitizer, which sees no assembly, there are no such tickets.
#pragma once

#include <cstddef>
#include <cstdint>

#include <goro/detail/export.hpp>

#if defined(__SANITIZE_THREAD__)
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#elif defined(__x86_64__)
#define GORO_READER_SECTIONS 1
#endif
#elif defined(__x86_64__)
#define GORO_READER_SECTIONS 1
#endif

namespace goro::detail {

// In a ticket: its cells may be counted in by sections. No ticket has it where the kernel or the C library has
// no restartable sequences.
inline constexpr std::uint64_t by_section = 1 << 19;

struct reader_cells;
extern GORO_API reader_cells slot_cells;   // a row for each CPU
extern GORO_API std::ptrdiff_t rseq_area;  // of each thread, from its thread pointer on; known to who has such a ticket

#ifdef GORO_READER_SECTIONS

inline constexpr std::uint32_t slot_rows = 64;
inline constexpr std::uint32_t slot_row_shift = 11;       // 128 cells of 16 bytes
inline constexpr std::uint64_t slot_columns_mask = 0x7f;  // in a ticket
inline constexpr std::uint32_t slot_full = 1 << 19;       // entered less left
inline constexpr std::uint32_t slot_none = 1 << 18;       // the lowest 19 bits of a cell's word, if it counts nobody

// What both sections begin with: %rax is the address of this CPU's cell, which is open for the ticket. The `?` puts
// the descriptor into the function's group, if it has one, so that they are dropped together.
#define GORO_READER_SECTION_BEGIN                         \
  ".pushsection __rseq_cs,\"aw?\"\n"                      \
  ".balign 32\n"                                          \
  "770: .long 0, 0\n"                                     \
  ".quad 771f, 772f - 771f, 774f\n"                       \
  ".popsection\n"                                         \
  "leaq 770b(%%rip), %%rax\n"                             \
  "movq %%rax, %%fs:8(%[area])\n" /* rseq_cs */           \
  "771: movl %%fs:4(%[area]), %%eax\n" /* cpu_id */       \
  "cmpl %[rows], %%eax\n"                                 \
  "jae %l[not_here]\n"                                    \
  "shlq %[shift], %%rax\n"                                \
  "addq %[column], %%rax\n"                               \
  "movq (%%rax), %%rcx\n" /* word */                      \
  "xorq %[ticket], %%rcx\n"                               \
  "shrq $20, %%rcx\n" /* the generation, nobody busy */   \
  "jnz %l[not_here]\n"
// The bytes before the abort's label are the signature that the kernel asks for, RSEQ_SIG.
#define GORO_READER_SECTION_END       \
  "772: movq $0, %%fs:8(%[area])\n"   \
  ".subsection 1\n"                   \
  ".byte 0x0f, 0xb9, 0x3d\n"          \
  ".long 0x53053053\n"                \
  "774: jmp %l[not_here]\n"           \
  ".previous\n"

// Counts the caller in, or takes one reader off. False: that has not happened, since the cell is not open, or full,
// or without a reader, or the section was aborted.
[[gnu::always_inline]] inline bool enter_section(std::uint64_t ticket) noexcept {
  if ((ticket & by_section) == 0)
    return false;
  asm goto volatile(GORO_READER_SECTION_BEGIN
                    "movl 8(%%rax), %%ecx\n"  // entered
                    "subl 12(%%rax), %%ecx\n"
                    "cmpl %[full], %%ecx\n"
                    "jae %l[not_here]\n"
                    "incl 8(%%rax)\n" GORO_READER_SECTION_END
                    :
                    : [area] "r"(rseq_area), [ticket] "r"(ticket),
                      [column] "r"(reinterpret_cast<const char*>(&slot_cells) + (ticket & slot_columns_mask) * 16),
                      [rows] "i"(slot_rows), [shift] "i"(slot_row_shift), [full] "i"(slot_full)
                    : "rax", "rcx", "memory", "cc"
                    : not_here);
  return true;
not_here:
  return false;
}

[[gnu::always_inline]] inline bool leave_section(std::uint64_t ticket) noexcept {
  if ((ticket & by_section) == 0)
    return false;
  asm goto volatile(GORO_READER_SECTION_BEGIN
                    "movl (%%rax), %%ecx\n"
                    "andl %[mask], %%ecx\n"
                    "addl 8(%%rax), %%ecx\n"
                    "subl 12(%%rax), %%ecx\n"  // left
                    "cmpl %[none], %%ecx\n"
                    "jle %l[not_here]\n"
                    "incl 12(%%rax)\n" GORO_READER_SECTION_END
                    :
                    : [area] "r"(rseq_area), [ticket] "r"(ticket),
                      [column] "r"(reinterpret_cast<const char*>(&slot_cells) + (ticket & slot_columns_mask) * 16),
                      [rows] "i"(slot_rows), [shift] "i"(slot_row_shift), [none] "i"(slot_none),
                      [mask] "i"(2 * slot_none - 1)
                    : "rax", "rcx", "memory", "cc"
                    : not_here);
  return true;
not_here:
  return false;
}

#undef GORO_READER_SECTION_BEGIN
#undef GORO_READER_SECTION_END

#else

constexpr bool enter_section(std::uint64_t) noexcept { return false; }
constexpr bool leave_section(std::uint64_t) noexcept { return false; }

#endif

// The same by compare-and-swap, in this CPU's cell, and in whichever has a reader. leave_slot, if false: none was
// found; they may be moving, and close_slots knows for sure.
GORO_API bool enter_slot(std::uint64_t ticket) noexcept;
GORO_API bool leave_slot(std::uint64_t ticket) noexcept;

}  // namespace goro::detail
