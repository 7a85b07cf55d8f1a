// SPDX-License-Identifier: MIT
#include "sched/throw_site.hpp"

#include "base/spin_lock.hpp"
#include "sched/goroutine.hpp"

#include <unwind.h>
#include <algorithm>
#include <new>
#include <utility>

#if defined(__x86_64__)
asm(R"(
  .text
  .p2align 4
  .globl goro_detail_watched_call
  .hidden goro_detail_watched_call
  .hidden goro_detail_leaves
  .type goro_detail_watched_call, @function
goro_detail_watched_call:
  .cfi_startproc
  .cfi_personality 0x1b, goro_detail_leaves
  endbr64
  pushq %rbp
  .cfi_def_cfa_offset 16
  .cfi_offset rbp, -16
  movq %rsp, %rbp
  .cfi_def_cfa_register rbp
  movq %rdi, %rax
  movq %rsi, %rdi
  call *%rax
  popq %rbp
  .cfi_def_cfa rsp, 8
  ret
  .cfi_endproc
  .size goro_detail_watched_call, .-goro_detail_watched_call
)");
#elif defined(__aarch64__)
asm(R"(
  .text
  .p2align 4
  .globl goro_detail_watched_call
  .hidden goro_detail_watched_call
  .hidden goro_detail_leaves
  .type goro_detail_watched_call, %function
goro_detail_watched_call:
  .cfi_startproc
  .cfi_personality 0x1b, goro_detail_leaves
  hint #34
  stp x29, x30, [sp, #-16]!
  .cfi_def_cfa_offset 16
  .cfi_offset x29, -16
  .cfi_offset x30, -8
  mov x29, sp
  mov x9, x0
  mov x0, x1
  blr x9
  ldp x29, x30, [sp], #16
  .cfi_def_cfa_offset 0
  .cfi_restore x29
  .cfi_restore x30
  ret
  .cfi_endproc
  .size goro_detail_watched_call, .-goro_detail_watched_call
)");
#endif

namespace goro::detail {

namespace {

struct site {
  std::uint64_t goroutine = 0;  // 0: free
  throw_site stack;
};

constinit spin_lock lock;
constinit site sites[8] = {};  // under lock
constinit std::size_t oldest = 0;

// Set from before an exception is thrown again until the frame that does so is unwound: for the first pass, which runs
// no code of others, so it stays in its thread.
thread_local constinit const throw_site* rethrown_from = nullptr;
constexpr std::size_t most_of_origin = throw_site::most_frames / 2;

_Unwind_Reason_Code add(_Unwind_Context* frame, void* to) noexcept {
  throw_site& s = *static_cast<throw_site*>(to);
  if (s.depth == throw_site::most_frames) return _URC_END_OF_STACK;
  if (const std::uintptr_t pc = _Unwind_GetIP(frame); pc != 0) s.pcs[s.depth++] = pc;
  return _URC_NO_REASON;
}

void note(std::uint64_t goroutine) noexcept {
  site now;
  now.goroutine = goroutine;
  if (rethrown_from != nullptr) {
    now.stack.depth = std::min(rethrown_from->depth, most_of_origin);
    std::copy_n(rethrown_from->pcs, now.stack.depth, now.stack.pcs);
    now.stack.pcs[now.stack.depth++] = 0;
  }
  append_stack_here(now.stack);  // before the lock: it may wait for the loader
  const spin_guard hold(lock);
  site* to = std::find_if(std::begin(sites), std::end(sites),
                          [&](const site& s) { return s.goroutine == goroutine; });
  if (to == std::end(sites))
    to = std::find_if(std::begin(sites), std::end(sites), [](const site& s) { return s.goroutine == 0; });
  if (to == std::end(sites)) to = &sites[oldest++ % std::size(sites)];
  *to = now;
}

}  // namespace

void append_stack_here(throw_site& to) noexcept { (void)_Unwind_Backtrace(&add, &to); }

throw_site take_throw_site(std::uint64_t id) noexcept {
  throw_site taken;
  const spin_guard hold(lock);
  for (site& s : sites) {
    if (s.goroutine != id) continue;
    s.goroutine = 0;
    taken.depth = s.stack.depth;
    std::copy_n(s.stack.pcs, s.stack.depth, taken.pcs);
    break;
  }
  return taken;
}

throw_site take_throw_site() noexcept {
  const goroutine* const g = current_goroutine();
  return g == nullptr ? throw_site() : take_throw_site(g->id);
}

throw_site* keep_throw_site(const throw_site& site) noexcept {
  if (site.depth == 0) return nullptr;
  try {
    return new throw_site(site);
  } catch (const std::bad_alloc&) {  // then without; the form of new that throws is the one that programs replace
    return nullptr;
  }
}

void rethrow_from(const throw_site* origin, std::exception_ptr error) {
  struct until_unwound {
    ~until_unwound() { rethrown_from = nullptr; }
  } const named;
  rethrown_from = origin;
  std::rethrow_exception(std::move(error));
}

void call_noting_throw(void (*run)(void*), void* closure) { goro_detail_watched_call(run, closure); }

}  // namespace goro::detail

// The personality of goro_detail_watched_call: it has no handler and nothing to clean up. goexit's unwinding is forced,
// and makes no first pass.
extern "C" [[gnu::used]] _Unwind_Reason_Code goro_detail_leaves(int, _Unwind_Action pass,
                                                                _Unwind_Exception_Class, _Unwind_Exception*,
                                                                _Unwind_Context*) noexcept {
  if ((pass & _UA_SEARCH_PHASE) != 0)
    if (const auto* const g = goro::detail::current_goroutine()) goro::detail::note(g->id);
  return _URC_CONTINUE_UNWIND;
}
