// SPDX-License-Identifier: MIT
// The stack switch for x86-64 (System V). See base/switch.hpp for what a switch promises.
//
// Four words are saved in a saved_context on the stack that is left: sp, rbp, rbx and the address to go on
// at. All other registers are listed as clobbered, so the compiler saves what it needs, and only that. The
// stack pointer does not move before the label, so the CFI of the enclosing function holds at the label: a
// parked goroutine can be unwound from its saved_context. The jump is indirect, never a `ret`: a return to
// an address that the return predictor does not expect costs about 40 ns here.
//
// x87 control word and MXCSR are not saved: they belong to the thread, as in every M-N runtime. Shadow
// stacks (CET): the library does not enable them; endbr64 at the label keeps IBT possible.
#pragma once

namespace goro::detail {

struct saved_context {
  void* sp;
  void* fp;
  void* base_register;
  void* resume_at;
};

// Saves the caller in *from (on its own stack) and goes on in *to.
[[gnu::always_inline]] inline void switch_stacks(saved_context* from, saved_context* to) noexcept {
  asm volatile(
      "movq %%rsp, 0(%[from])\n\t"
      "movq %%rbp, 8(%[from])\n\t"
      "movq %%rbx, 16(%[from])\n\t"
      "leaq 1f(%%rip), %%rax\n\t"
      "movq %%rax, 24(%[from])\n\t"
      "movq 0(%[to]), %%rsp\n\t"
      "movq 8(%[to]), %%rbp\n\t"
      "movq 16(%[to]), %%rbx\n\t"
      "jmpq *24(%[to])\n"
      "1:\n\t"
      "endbr64\n\t"
      : [from] "+D"(from), [to] "+S"(to)
      :
      : "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc", "xmm0", "xmm1",
        "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",
        "xmm14", "xmm15");
}

// For who has come back from a switch: what the other one left in the registers that functions save is not to be
// kept on this stack. (It would be taken for references: see debug/proof.cpp.)
[[gnu::always_inline]] inline void forget_registers() noexcept {
  asm volatile(
      "xorl %%r12d, %%r12d\n\t"
      "xorl %%r13d, %%r13d\n\t"
      "xorl %%r14d, %%r14d\n\t"
      "xorl %%r15d, %%r15d\n\t" ::
          : "r12", "r13", "r14", "r15", "cc");
}

// Leaves the current stack for ever and goes on in *to.
[[noreturn, gnu::always_inline]] inline void jump_to(saved_context* to) noexcept {
  asm volatile(
      "movq 0(%[to]), %%rsp\n\t"
      "movq 8(%[to]), %%rbp\n\t"
      "movq 16(%[to]), %%rbx\n\t"
      "jmpq *24(%[to])\n\t"
      :
      : [to] "S"(to)
      : "memory");
  __builtin_unreachable();
}

// The bottom frame of every goroutine stack (switch_entry.cpp): calls r12(r13) and does not come back.
extern "C" void goro_detail_entry() noexcept;

// Fills *ctx so that a switch to it calls entry(argument) on the stack that ends at `top` (16-byte aligned).
inline void prepare_context(saved_context* ctx, void* top, void (*entry)(void*), void* argument) noexcept {
  // goro_detail_entry finds both words at its stack pointer.
  auto** words = static_cast<void**>(top) - 2;
  words[0] = reinterpret_cast<void*>(entry);
  words[1] = argument;
  ctx->sp = words;
  ctx->fp = nullptr;
  ctx->base_register = nullptr;
  ctx->resume_at = reinterpret_cast<void*>(&goro_detail_entry);
}

}  // namespace goro::detail
