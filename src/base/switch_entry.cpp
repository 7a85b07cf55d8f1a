// SPDX-License-Identifier: MIT
// The bottom frame of every goroutine stack, in assembly so that its CFI can say "nobody called me": the
// return address is undefined there, which ends backtrace(), C++ unwinding and gdb's bt cleanly, and the
// frame pointer is zero, which ends walks by frame pointer.
#include "base/switch.hpp"

#if defined(__x86_64__)
asm(R"(
  .text
  .p2align 4
  .globl goro_detail_entry
  .type goro_detail_entry, @function
goro_detail_entry:
  .cfi_startproc
  .cfi_undefined rip
  endbr64
  movq (%rsp), %rax
  movq 8(%rsp), %rdi
  xorl %ebp, %ebp
  call *%rax
  ud2
  .cfi_endproc
  .size goro_detail_entry, .-goro_detail_entry
)");
#elif defined(__aarch64__)
asm(R"(
  .text
  .p2align 4
  .globl goro_detail_entry
  .type goro_detail_entry, %function
goro_detail_entry:
  .cfi_startproc
  .cfi_undefined x30
  hint #36
  ldp x9, x0, [sp]
  mov x29, xzr
  mov x30, xzr
  blr x9
  brk #1
  .cfi_endproc
  .size goro_detail_entry, .-goro_detail_entry
)");
#endif
