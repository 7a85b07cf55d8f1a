// SPDX-License-Identifier: MIT
// x86-64: what a stack switch costs, the way it is taken, and a goroutine that is only that.
#if defined(__x86_64__)

#include "floor.hpp"

#include <sys/mman.h>
#include <x86intrin.h>
#include <cstddef>

namespace floor_costs {
namespace {

constexpr std::size_t stack_size = 16384;

struct context {
  void* sp;
  void* ip;
};

// The cheapest switch: frame pointer, rbx, stack and instruction pointer are kept, the rest is declared lost,
// and the end is a jump. The red zone is stepped over, so that no compiler flag is needed.
[[gnu::always_inline]] inline void switch_to(context* from, context* to) {
  asm volatile(
      "leaq -128(%%rsp), %%rsp\n\tpushq %%rbp\n\tpushq %%rbx\n\tleaq 1f(%%rip), %%rax\n\t"
      "movq %%rax, 8(%0)\n\tmovq %%rsp, (%0)\n\tmovq (%1), %%rsp\n\tjmpq *8(%1)\n"
      "1:\n\tendbr64\n\tpopq %%rbx\n\tpopq %%rbp\n\tleaq 128(%%rsp), %%rsp"
      : "+D"(from), "+S"(to)
      :
      : "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc", "xmm0",
        "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
        "xmm13", "xmm14", "xmm15");
}

std::vector<context> contexts;

// Each context switches to the next one. Its number stands at the low end of its stack.
void ring_member() {
  const auto frame = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  const auto me = static_cast<std::size_t>(*reinterpret_cast<const u64*>(frame & ~(stack_size - 1)));
  const std::size_t next = me + 1 == contexts.size() ? 0 : me + 1;
  for (;;) switch_to(&contexts[me], &contexts[next]);
}

char* map_stacks(std::size_t count) {
  void* memory = mmap(nullptr, (count + 1) * stack_size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  const auto address = reinterpret_cast<std::uintptr_t>(memory);
  return reinterpret_cast<char*>((address + stack_size - 1) & ~(stack_size - 1));
}

// A stack that begins `main`. Tops are spread over cache sets, as a runtime would spread them.
context fresh(char* stack, std::size_t number, void (*main)()) {
  return {stack + stack_size - 8 - 64 * (number % 32), reinterpret_cast<void*>(main)};
}

void ring(std::size_t count, const char* name) {
  contexts.assign(count, {});
  char* const stacks = map_stacks(count);
  for (std::size_t i = 1; i < count; ++i) {
    *reinterpret_cast<u64*>(stacks + i * stack_size) = i;
    contexts[i] = fresh(stacks + i * stack_size, i, ring_member);
  }
  const u64 rounds = scaled(40'000'000) / count + 1;
  out(name, best_of(rounds * count, [&] {
        const u64 start = now();
        for (u64 i = 0; i < rounds; ++i) switch_to(&contexts[0], &contexts[1]);
        return now() - start;
      }));
  munmap(stacks, count * stack_size);
}

// The classic switch: a function that pushes six registers and ends in `ret`, whose return address the CPU
// then predicts wrongly each time.
extern "C" void goro_floor_switch_ret(void** from, void* to);
asm(R"(
.text
.globl goro_floor_switch_ret
.type goro_floor_switch_ret, @function
goro_floor_switch_ret:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size goro_floor_switch_ret, . - goro_floor_switch_ret
)");

void* here = nullptr;
void* there = nullptr;

void returner() {
  for (;;) goro_floor_switch_ret(&there, here);
}

void classic() {
  char* const stack = map_stacks(1);
  auto** top = reinterpret_cast<void**>(stack + stack_size - 64);
  top[6] = reinterpret_cast<void*>(returner);
  there = top;
  loop(
      "switch_classic_ret", 10'000'000, [](u64) { goro_floor_switch_ret(&here, there); }, 2);
  munmap(stack, stack_size);
}

// What `go` cannot undercut: a stack from the reservation, a switch in, a switch back out. Fresh: each
// stack's first touch is a page fault. Warm: the same stack again and again.
context spawner;
context spawned;

void leave_at_once() {
  for (;;) switch_to(&spawned, &spawner);
}

void spawn_floor() {
  const std::size_t count = scaled(20'000);
  char* const stacks = map_stacks(count);
  const u64 start = now();
  for (std::size_t i = 0; i < count; ++i) {
    spawned = fresh(stacks + i * stack_size, i, leave_at_once);
    switch_to(&spawner, &spawned);
  }
  out("spawn_floor_fresh", per(now() - start, count));
  loop("spawn_floor_warm", 20'000'000, [&](u64) {
    spawned = fresh(stacks, 0, leave_at_once);
    switch_to(&spawner, &spawned);
  });
  munmap(stacks, count * stack_size);
}

}  // namespace

void relax() { _mm_pause(); }

void cpu_costs_of_architecture() {
  ring(2, "switch_2_contexts");
  ring(16, "switch_16_contexts");
  ring(1000, "switch_1000_contexts");
  ring(20'000, "switch_20000_contexts");
  classic();
  spawn_floor();
  loop("mfence", 50'000'000, [](u64) { _mm_mfence(); });
  loop("rdtsc", 50'000'000, [](u64) { keep(__rdtsc()); });
  loop("pause", 20'000'000, [](u64) { _mm_pause(); });
  loop("stack_mask_lookup", 200'000'000, [](u64) {
    std::uintptr_t sp = 0;
    asm volatile("movq %%rsp, %0" : "=r"(sp));
    keep(*reinterpret_cast<const u64*>(sp & ~std::uintptr_t{4095}));
  });
}

}  // namespace floor_costs

#endif
