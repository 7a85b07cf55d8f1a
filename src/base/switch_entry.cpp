// SPDX-License-Identifier: MIT
// The bottom frame of every goroutine stack, in assembly so that its CFI can say "nobody called me": the
// return address is undefined there, which ends backtrace(), C++ unwinding and gdb's bt cleanly, and the
// frame pointer is zero, which ends walks by frame pointer. So are the other registers that functions save: what
// whoever ran before left in them would stay on this stack as long as the goroutine lives, and a scan for
// references (debug/proof.cpp) takes it for one.
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
  xorl %r12d, %r12d
  xorl %r13d, %r13d
  xorl %r14d, %r14d
  xorl %r15d, %r15d
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
  mov x20, xzr
  mov x21, xzr
  mov x22, xzr
  mov x23, xzr
  mov x24, xzr
  mov x25, xzr
  mov x26, xzr
  mov x27, xzr
  mov x28, xzr
  blr x9
  brk #1
  .cfi_endproc
  .size goro_detail_entry, .-goro_detail_entry
)");
#endif
