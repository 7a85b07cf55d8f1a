// SPDX-License-Identifier: MIT
#include "sched/stack_overflow.hpp"

#include "base/fatal.hpp"
#include "sched/goroutine.hpp"
#include "sched/hooks.hpp"
#include "sched/place.hpp"

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

namespace goro::detail {

namespace {

constexpr std::size_t signal_stack_size = 128u * 1024;  // the unwinder and the symboliser run on it

struct sigaction before_ours[2];

std::uintptr_t stack_pointer(const void* context) noexcept {
  const auto* const c = static_cast<const ucontext_t*>(context);
#if defined(__x86_64__)
  return static_cast<std::uintptr_t>(c->uc_mcontext.gregs[REG_RSP]);
#else
  return c->uc_mcontext.sp;
#endif
}

struct frames {
  std::uintptr_t pc[24];
  int count = 0;
  int skipped = 0;
};

_Unwind_Reason_Code collect(_Unwind_Context* context, void* argument) {
  auto* const f = static_cast<frames*>(argument);
  const std::uintptr_t pc = _Unwind_GetIP(context);
  if (pc == 0) return _URC_END_OF_STACK;
  if (f->count == static_cast<int>(sizeof f->pc / sizeof *f->pc)) return _URC_END_OF_STACK;
  f->pc[f->count++] = pc;
  return _URC_NO_REASON;
}

[[noreturn]] void report(const goroutine* g, std::uintptr_t address, std::uintptr_t sp, const stack_header* h) noexcept {
  signal(SIGSEGV, SIG_DFL);  // a fault in here is the end
  signal(SIGBUS, SIG_DFL);
  fatal_text text;
  text << "goro: stack overflow in goroutine " << static_cast<unsigned long>(g->id);
  if (g->extra != nullptr && g->extra->name != nullptr) text << " \"" << g->extra->name << '"';
  const auto top = reinterpret_cast<std::uintptr_t>(h);
  text << ": access to " << hex(address) << ", stack pointer " << hex(sp) << ", stack " << hex(h->bottom) << " to "
       << hex(top) << " (" << static_cast<unsigned long>(h->size / 1024)
       << " KiB); use less stack, or raise go_options::stack_size or GORO_STACK_SIZE\n";
  text.write();
  // Where there is a dump, a copy of the process writes it, and says there what takes memory to find out: this one may
  // have been inside malloc.
  const bool alone = hooks.dump_all == nullptr;
  if (alone) {
    write_place("  created", g->created_at, g->created_by);
  } else {
    text << "  created at";
    text.write();
    write_frame(g->created_at, false);
  }
  frames f;
  _Unwind_Backtrace(&collect, &f);
  for (int i = 2; i < f.count; ++i) write_frame(f.pc[i], alone);
  if (hooks.dump_all != nullptr) hooks.dump_all(last_words_after::stack_overflow);
  std::abort();
}

void pass_on(int number, siginfo_t* info, void* context) noexcept {
  const struct sigaction& old = before_ours[number == SIGBUS];
  if ((old.sa_flags & SA_SIGINFO) != 0 && old.sa_sigaction != nullptr) {
    old.sa_sigaction(number, info, context);
    return;
  }
  if (old.sa_handler == SIG_IGN && info->si_code <= 0) return;
  if (old.sa_handler != SIG_DFL && old.sa_handler != SIG_IGN) {
    old.sa_handler(number);
    return;
  }
  signal(number, SIG_DFL);  // the fault comes again when we return, and ends the process as it would have
  if (info->si_code <= 0) raise(number);
}

void on_fault(int number, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  const std::uintptr_t sp = stack_pointer(context);
  // Ours: somebody touched a guard. It is the guard of the goroutine above it; its stack pointer may be far
  // below by then, in a neighbour's slot, if it has a big frame.
  if (stack_region* const region = region_of(address); region != nullptr && info->si_code > 0) {
    if (address < region->slot_start(address) + stack_guard_size) {
      const stack_header* const h = region->header_at(address);
      if (h->owner != nullptr) report(h->owner, address, sp, h);
    }
  }
  errno = saved_errno;
  pass_on(number, info, context);
}

}  // namespace

void install_overflow_handler() noexcept {
  struct sigaction ours {};
  ours.sa_sigaction = &on_fault;
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&ours.sa_mask);
  sigaction(SIGSEGV, &ours, &before_ours[0]);
  sigaction(SIGBUS, &ours, &before_ours[1]);
}

void* install_signal_stack() noexcept {
  void* const p = mmap(nullptr, signal_stack_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (p == MAP_FAILED) return nullptr;
  stack_t s{};
  s.ss_sp = p;
  s.ss_size = signal_stack_size;
  if (sigaltstack(&s, nullptr) != 0) {
    munmap(p, signal_stack_size);
    return nullptr;
  }
  return p;
}

void remove_signal_stack(void* stack) noexcept {
  if (stack == nullptr) return;
  stack_t s{};
  s.ss_flags = SS_DISABLE;
  sigaltstack(&s, nullptr);
  munmap(stack, signal_stack_size);
}

}  // namespace goro::detail
