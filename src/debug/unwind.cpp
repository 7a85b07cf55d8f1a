// SPDX-License-Identifier: MIT
#include "debug/unwind.hpp"

#include "debug/raw_call.hpp"
#include "sched/goroutine.hpp"

#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <ctime>

// What runs on a foreign stack is GORO_BARE: a sanitizer would take the frames for its own thread's.

// Calls f(argument) on the stack that `context` describes, as if the code at context->resume_at had called
// it. goro_detail_visit saves its own stack pointer in a register that f preserves. Its unwinding rules say,
// around the call, that its caller is the parked code: the frame address is the saved stack pointer, the
// return address lies just below it (a dead word: leave_stack is no leaf function, so it has no red zone
// there).
extern "C" void goro_detail_visit(const goro::detail::saved_context* context, void (*f)(void*),
                                  void* argument);

#if defined(__x86_64__)
asm(R"(
  .text
  .p2align 4
  .globl goro_detail_visit
  .hidden goro_detail_visit
  .type goro_detail_visit, @function
goro_detail_visit:
  .cfi_startproc
  endbr64
  pushq %rbp
  .cfi_def_cfa_offset 16
  .cfi_offset rbp, -16
  pushq %rbx
  .cfi_def_cfa_offset 24
  .cfi_offset rbx, -24
  pushq %r12
  .cfi_def_cfa_offset 32
  .cfi_offset r12, -32
  pushq %r13
  .cfi_def_cfa_offset 40
  .cfi_offset r13, -40
  movq %rsp, %r12
  .cfi_def_cfa_register r12
  movq 0(%rdi), %r13
  movq 8(%rdi), %rbp
  movq 16(%rdi), %rbx
  movq 24(%rdi), %rax
  movq %rax, -8(%r13)
  leaq -16(%r13), %rsp
  andq $-16, %rsp
  movq %rdx, %rdi
  .cfi_remember_state
  .cfi_def_cfa r13, 0
  .cfi_offset rip, -8
  .cfi_same_value rbp
  .cfi_same_value rbx
  .cfi_same_value r12
  .cfi_same_value r13
  call *%rsi
  nop
  .cfi_restore_state
  movq %r12, %rsp
  popq %r13
  .cfi_def_cfa rsp, 32
  .cfi_restore r13
  popq %r12
  .cfi_def_cfa_offset 24
  .cfi_restore r12
  popq %rbx
  .cfi_def_cfa_offset 16
  .cfi_restore rbx
  popq %rbp
  .cfi_def_cfa_offset 8
  .cfi_restore rbp
  ret
  .cfi_endproc
  .size goro_detail_visit, .-goro_detail_visit
)");
#elif defined(__aarch64__)
asm(R"(
  .text
  .p2align 4
  .globl goro_detail_visit
  .hidden goro_detail_visit
  .type goro_detail_visit, %function
goro_detail_visit:
  .cfi_startproc
  hint #34
  stp x29, x30, [sp, #-48]!
  .cfi_def_cfa_offset 48
  .cfi_offset x29, -48
  .cfi_offset x30, -40
  stp x19, x20, [sp, #16]
  .cfi_offset x19, -32
  .cfi_offset x20, -24
  stp x21, x22, [sp, #32]
  .cfi_offset x21, -16
  .cfi_offset x22, -8
  mov x20, sp
  .cfi_def_cfa_register x20
  mov x9, x1
  ldp x21, x29, [x0]
  ldp x19, x22, [x0, #16]
  sub x10, x21, #16
  and x10, x10, #-16
  mov sp, x10
  mov x0, x2
  .cfi_remember_state
  .cfi_def_cfa x21, 0
  .cfi_register x30, x22
  .cfi_same_value x29
  .cfi_same_value x19
  .cfi_same_value x20
  .cfi_same_value x21
  .cfi_same_value x22
  blr x9
  nop
  .cfi_restore_state
  mov sp, x20
  .cfi_def_cfa_register sp
  ldp x21, x22, [sp, #32]
  ldp x19, x20, [sp, #16]
  ldp x29, x30, [sp], #48
  .cfi_def_cfa_offset 0
  .cfi_restore x29
  .cfi_restore x30
  .cfi_restore x19
  .cfi_restore x20
  .cfi_restore x21
  .cfi_restore x22
  ret
  .cfi_endproc
  .size goro_detail_visit, .-goro_detail_visit
)");
#endif

namespace goro::detail {

namespace {

struct collection {
  std::uintptr_t* out;
  std::size_t most;
  std::size_t count = 0;
  std::size_t skip = 0;  // frames of our own still to come
};

GORO_BARE _Unwind_Reason_Code collect(_Unwind_Context* context, void* argument) {
  auto* const c = static_cast<collection*>(argument);
  const std::uintptr_t pc = _Unwind_GetIP(context);
  if (pc == 0 || c->count == c->most) return _URC_END_OF_STACK;
  if (c->skip != 0) {
    --c->skip;
    return _URC_NO_REASON;
  }
  c->out[c->count++] = pc;
  return _URC_NO_REASON;
}

// On the parked stack.
GORO_BARE void unwind_from(void* argument) { (void)_Unwind_Backtrace(&collect, argument); }

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t needed_below = 24u * 1024;  // memset and memcpy of the unwinder are theirs
#else
constexpr std::size_t needed_below = 8u * 1024;  // measured: 4.7 KiB
#endif

// ---- running goroutines

struct question {
  std::atomic<std::uint32_t> answered{0};
  std::atomic<int> tid{0};
  const goroutine* about = nullptr;
  std::size_t count = 0;
  std::uintptr_t pcs[64] = {};
};
constinit question asked;

std::uintptr_t stack_pointer(const void* context) noexcept {
  const auto* const c = static_cast<const ucontext_t*>(context);
#if defined(__x86_64__)
  return static_cast<std::uintptr_t>(c->uc_mcontext.gregs[REG_RSP]);
#else
  return c->uc_mcontext.sp;
#endif
}

GORO_BARE void on_question(int, siginfo_t*, void* context) {
  const int saved_errno = errno;
  int expected = static_cast<int>(syscall(SYS_gettid));
  if (asked.tid.compare_exchange_strong(expected, 0, std::memory_order_acq_rel)) {
    collection c{asked.pcs, sizeof asked.pcs / sizeof *asked.pcs};
    c.skip = 2;  // this function, and the kernel's return frame
    const std::uintptr_t sp = stack_pointer(context);
    const stack_region* const region = region_of(sp);
    if (region != nullptr && region->header_at(sp)->owner == asked.about)
      (void)_Unwind_Backtrace(&collect, &c);
    asked.count = c.count;
    asked.answered.store(1, std::memory_order_release);
  }
  errno = saved_errno;
}

}  // namespace

std::size_t unwind_here(std::uintptr_t* out, std::size_t most) noexcept {
  collection c{out, most};
  c.skip = 1;
  (void)_Unwind_Backtrace(&collect, &c);
  return c.count;
}

bool can_unwind_here(const goroutine* g) noexcept {
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  return here - reinterpret_cast<std::uintptr_t>(g->stack->bottom) >= needed_below;
}

std::size_t unwind_held(const goroutine* g, std::uintptr_t* out, std::size_t most) noexcept {
  const saved_context* const at = g->context;
  const auto sp = reinterpret_cast<std::uintptr_t>(at->sp);
  if (sp - reinterpret_cast<std::uintptr_t>(g->stack->bottom) < needed_below) return no_room;
  collection c{out, most};
  c.skip = 2;  // unwind_from and goro_detail_visit
  goro_detail_visit(at, &unwind_from, &c);
  return c.count;
}

std::size_t unwind_running(int tid, const goroutine* g, std::uintptr_t* out, std::size_t most) noexcept {
  struct sigaction ours {};
  ours.sa_sigaction = &on_question;
  ours.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  sigfillset(&ours.sa_mask);
  sigaction(SIGPROF, &ours, nullptr);
  asked.answered.store(0, std::memory_order_relaxed);
  asked.about = g;
  asked.tid.store(tid, std::memory_order_release);
  if (syscall(SYS_tgkill, getpid(), tid, SIGPROF) != 0) return 0;
  for (int ms = 0; asked.answered.load(std::memory_order_acquire) == 0 && ms != 100; ++ms) {
    const timespec pause{0, 1'000'000};
    nanosleep(&pause, nullptr);
  }
  int expected = tid;
  // Taken back, unless it has begun to answer; then it is given as long again, and its buffer is left to it.
  if (!asked.tid.compare_exchange_strong(expected, -1, std::memory_order_acq_rel)) {
    for (int ms = 0; asked.answered.load(std::memory_order_acquire) == 0 && ms != 100; ++ms) {
      const timespec pause{0, 1'000'000};
      nanosleep(&pause, nullptr);
    }
  }
  if (asked.answered.load(std::memory_order_acquire) == 0) return 0;
  std::size_t n = 0;
  for (; n != asked.count && n != most; ++n) out[n] = asked.pcs[n];
  return n;
}

signals_blocked::signals_blocked() noexcept {
  static_assert(sizeof(sigset_t) <= sizeof before_);
  sigset_t all;
  sigfillset(&all);
  for (const int fault_signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS})
    sigdelset(&all, fault_signal);
  pthread_sigmask(SIG_SETMASK, &all, reinterpret_cast<sigset_t*>(before_));
}

signals_blocked::~signals_blocked() {
  pthread_sigmask(SIG_SETMASK, reinterpret_cast<sigset_t*>(before_), nullptr);
}

}  // namespace goro::detail
