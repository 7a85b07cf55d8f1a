// SPDX-License-Identifier: MIT
// The stack switch for AArch64 (AAPCS64). See base/switch.hpp for what a switch promises, and
// switch_x86_64.hpp for the reasons: the same four words, here sp, x29, x19 and the address to go on at.
// x18 is the platform's and untouched; FPCR belongs to the thread. Run so far under qemu-user only, not on hardware.
#pragma once

namespace goro::detail {

struct saved_context {
  void* sp;
  void* fp;
  void* base_register;
  void* resume_at;
};

[[gnu::always_inline]] inline void switch_stacks(saved_context* from, saved_context* to) noexcept {
  register saved_context* from_register asm("x0") = from;
  register saved_context* to_register asm("x1") = to;
  asm volatile(
      "mov x9, sp\n\t"
      "adr x10, 1f\n\t"
      "stp x9, x29, [x0]\n\t"
      "stp x19, x10, [x0, #16]\n\t"
      "ldp x9, x29, [x1]\n\t"
      "ldp x19, x16, [x1, #16]\n\t"
      "mov sp, x9\n\t"
      "br x16\n"
      "1:\n\t"
      "hint #36\n\t"  // bti j
      : "+r"(from_register), "+r"(to_register)
      :
      : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17",
        "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x30", "memory", "cc", "v0", "v1", "v2",
        "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18",
        "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31");
}

[[gnu::always_inline]] inline void forget_registers() noexcept {
  asm volatile(
      "mov x20, xzr\n\tmov x21, xzr\n\tmov x22, xzr\n\tmov x23, xzr\n\tmov x24, xzr\n\t"
      "mov x25, xzr\n\tmov x26, xzr\n\tmov x27, xzr\n\tmov x28, xzr\n\t" ::
          : "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28");
}

[[noreturn, gnu::always_inline]] inline void jump_to(saved_context* to) noexcept {
  register saved_context* to_register asm("x1") = to;
  asm volatile(
      "ldp x9, x29, [x1]\n\t"
      "ldp x19, x16, [x1, #16]\n\t"
      "mov sp, x9\n\t"
      "br x16\n\t"
      :
      : "r"(to_register)
      : "memory");
  __builtin_unreachable();
}

extern "C" void goro_detail_entry() noexcept;

inline void prepare_context(saved_context* ctx, void* top, void (*entry)(void*), void* argument) noexcept {
  auto** words = static_cast<void**>(top) - 2;
  words[0] = reinterpret_cast<void*>(entry);
  words[1] = argument;
  ctx->sp = words;
  ctx->fp = nullptr;
  ctx->base_register = nullptr;
  ctx->resume_at = reinterpret_cast<void*>(&goro_detail_entry);
}

}  // namespace goro::detail
