// SPDX-License-Identifier: MIT
#include "sched/goexit.hpp"

#include <goro/go.hpp>

#include "base/exception_state.hpp"
#include "base/fatal.hpp"
#include "sched/machine.hpp"

#include <new>
#include <stdexcept>
#include <unwind.h>

namespace goro::detail {

namespace {

// One for each goroutine that goexits; freed when the bottom is reached. Its address in the goroutine's
// extra would do as well, but this is the unwinder's to pass around.
struct exit_exception {
  _Unwind_Exception header;
  bool arrived;
};

constexpr _Unwind_Exception_Class exit_class = 0x474f524f45584954;  // "GOROEXIT"

_Unwind_Reason_Code go_on(int, _Unwind_Action actions, _Unwind_Exception_Class, _Unwind_Exception*, _Unwind_Context*,
                          void*) {
  if ((actions & _UA_END_OF_STACK) != 0)
    fatal("goexit", "the stack ended before the goroutine's entry was found", "report this as a bug of goro");
  return _URC_NO_REASON;
}

[[noreturn]] void unwind(exit_exception* e) {
  sanitizer::about_to_unwind();
  _Unwind_ForcedUnwind(&e->header, &go_on, nullptr);
  fatal("goexit", "the unwinder gave up", "build everything with -fexceptions or -funwind-tables");
}

// Called by __cxa_end_catch: by ours at the bottom, or by that of a handler that wanted to keep it.
void cleanup(_Unwind_Reason_Code, _Unwind_Exception* header) {
  auto* const e = reinterpret_cast<exit_exception*>(header);
  if (e->arrived) {
    delete e;
    return;
  }
  unwind(e);
}

}  // namespace

void goexit_arrived() noexcept {
  goroutine* const g = current_goroutine();
  static_cast<exit_exception*>(g->extra->exiting)->arrived = true;
  g->extra->exiting = nullptr;
}

bool unwinding_by_goexit() noexcept {
  const goroutine* const g = current_goroutine();
  return g != nullptr && g->extra != nullptr && g->extra->exiting != nullptr;
}

}  // namespace goro::detail

namespace goro {

void goexit() {
  using namespace detail;
  goroutine* const g = current_goroutine();
  if (g == nullptr)
    throw std::logic_error("goro: goexit: called on a plain thread; only a goroutine can end itself, return instead");
  auto* const e = new exit_exception{};
  e->header.exception_class = exit_class;
  e->header.exception_cleanup = &cleanup;
  g->more().exiting = e;
  unwind(e);
}

}  // namespace goro
