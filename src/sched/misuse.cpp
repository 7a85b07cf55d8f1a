// SPDX-License-Identifier: MIT
#include "sched/misuse.hpp"

#include "base/fatal.hpp"
#include "sched/blame.hpp"
#include "sched/goroutine.hpp"
#include "sched/hooks.hpp"
#include "sched/throw_site.hpp"

#include <unistd.h>

#include <atomic>
#include <cstdlib>

namespace goro::detail {

namespace {

// An object that is gone may be found by many at once. The first one reports; the others must not end the process
// before it has, and wait here for that.
void be_the_first() noexcept {
  static std::atomic_flag reporting = ATOMIC_FLAG_INIT;
  static thread_local constinit bool by_this_thread = false;
  if (by_this_thread) std::abort();  // in the midst of its own report
  if (!reporting.test_and_set()) {
    by_this_thread = true;
    return;
  }
  for (;;) ::pause();
}

}  // namespace

void end_for_misuse(const void* object, const char* what, const char* is, const char* call) noexcept {
  be_the_first();
  const goroutine* const g = current_goroutine();
  fatal_text text;
  text << "goro: " << what << ' ' << hex(object) << ' ' << is << " (" << call << "), by ";
  append_name(text, g);
  text << '\n';
  text.write();
  write_creation(g);
  throw_site here;
  append_stack_here(here);
  write_frames("  called by ", here.pcs, here.depth);
  if (hooks.dump_all != nullptr) hooks.dump_all(last_words_after::uncaught);
  std::abort();
}

void not_a_lock(const void* object, const char* what, const char* call) noexcept {
  end_for_misuse(object, what, "is no lock any more: destroyed, overwritten or copied", call);
}

}  // namespace goro::detail
