// SPDX-License-Identifier: MIT
// What hooks.dump_all is filled with, before main.
//
// After a stack overflow the process is not to be trusted: the goroutine may have been inside malloc, with
// its lock held. So a forked copy writes the dump, made by _Fork, which takes no lock; the original waits for
// it ten seconds and then goes on dying. In the copy there is only one thread, and every parked stack as it
// was. Elsewhere (all asleep, uncaught exceptions) nothing is broken, and the dump is written in place.
#include "debug/last_words.hpp"
#include "debug/lock_watch.hpp"

#include <goro/debug.hpp>

#include "debug/held_locks.hpp"
#include "debug/pins.hpp"
#include "debug/symbolise.hpp"
#include "debug/unwind.hpp"
#include "sched/hooks.hpp"

#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <span>
#include <string>
#include <vector>

// Nothing refers to this file, so a linker would leave it out of a program that is linked with the static
// library; cmake/goro_room.cmake makes programs ask for this name.
extern "C" [[gnu::used]] const char goro_detail_last_words = 0;

namespace goro::detail {

namespace {

constexpr dump_limits bounds{100, 20};  // so that the cause is not flooded away
constexpr std::size_t most_frames = 40;  // of the stack that overflowed

void write_piece(void*, std::string_view piece) {
  for (std::size_t done = 0; done != piece.size();) {
    const ssize_t n = ::write(STDERR_FILENO, piece.data() + done, piece.size() - done);
    if (n > 0)
      done += static_cast<std::size_t>(n);
    else if (n == 0 || errno != EINTR)
      return;
  }
}

// Of the goroutine that is to blame, on whose account we are in a signal handler.
void write_stack_here() noexcept {
  try {
    std::uintptr_t pcs[most_frames];
    const std::span<const std::uintptr_t> stack(pcs, unwind_here(pcs, most_frames));
    symbolise(stack);
    std::string text = "its stack, innermost first:\n";
    for (const stack_frame& f : frames_of(stack)) {
      text.append(f.function.empty() ? "?" : f.function).append("\n\t");
      text.append(where(f)).append("\n");
    }
    if (stack.size() == most_frames) text += "\t... and what called these\n";
    write_piece(nullptr, text += '\n');
  } catch (...) {
    write_piece(nullptr, "goro: no memory for its stack\n");
  }
}

void write_from_a_copy() noexcept {
  const pid_t copy = _Fork();
  if (copy == 0) {
    write_stack_here();
    write_to_stderr(walk_kind::alone, true, bounds);
    _exit(0);
  }
  if (copy < 0) return;
  for (int ms = 0; ms < 10'000; ms += 5) {
    int status = 0;
    const pid_t r = waitpid(copy, &status, WNOHANG);
    if (r == copy || (r < 0 && errno != EINTR)) return;
    const timespec pause{0, 5'000'000};
    nanosleep(&pause, nullptr);
  }
  kill(copy, SIGKILL);
  (void)waitpid(copy, nullptr, 0);
  write_piece(nullptr, "goro: the rest could not be written within 10 s: the goroutine was inside malloc, perhaps\n");
}

void dump_all(last_words_after cause) noexcept {
  write_piece(nullptr, "\n");
  if (cause == last_words_after::all_asleep) report_what_stands();
  if (cause == last_words_after::stack_overflow)
    write_from_a_copy();
  else
    write_to_stderr(walk_kind::ending, cause != last_words_after::all_asleep, bounds);
}

bool is_throwing(const stack_frame& f) noexcept {
  for (const char* const name : {"__cxa_throw", "__cxa_rethrow", "rethrow_exception", "_Unwind_RaiseException",
                                 "_Unwind_Resume_or_Rethrow"})
    if (f.function.find(name) != std::string::npos) return true;
  return false;
}

void stack_of_throw(const std::uintptr_t* pcs, std::size_t n, std::vector<stack_frame>& out) {
  for (const std::uintptr_t* const end = pcs + n; pcs != end;) {
    const std::uintptr_t* const next = std::find(pcs, end, std::uintptr_t{0});
    const std::span<const std::uintptr_t> stack(pcs, next);
    symbolise(stack);
    const std::vector<stack_frame> frames = frames_of(stack);
    std::size_t machinery = 0;  // that of an inner throw, in a destructor, is caught farther in
    for (std::size_t i = 0; i != std::min<std::size_t>(frames.size(), 8); ++i)
      if (is_throwing(frames[i])) machinery = i + 1;
    out.insert(out.end(), frames.begin() + static_cast<std::ptrdiff_t>(machinery), frames.end());
    pcs = next == end ? end : next + 1;
  }
}

stack_frame creation_of(std::uintptr_t created_at) {
  symbolise({&created_at, 1});
  return creation_frame(created_at);
}

[[gnu::constructor]] void fill_hook() noexcept {
  hooks.creation_frame = &creation_of;
  hooks.dump_all = &dump_all;
  hooks.stack_of_throw = &stack_of_throw;
}

}  // namespace

// Nor does anything refer to that file.
[[gnu::used]] const char* const watchers[] = {&lock_watch_is_linked, &pins_are_linked, &held_locks_are_linked};
[[gnu::used]] const layout_entry* const for_gdb = gdb_layout;

void write_to_stderr(walk_kind kind, bool daemons, const dump_limits& limits) noexcept {
  try {
    sightings seen = walk(kind);
    if (!daemons) std::erase_if(seen.all, [](const sighting& s) { return (s.who.flags & flag_daemon) != 0; });
    write_text(std::move(seen), limits, {&write_piece, nullptr});
  } catch (...) {
    write_piece(nullptr, "goro: no memory for the rest of the dump\n");
  }
}

void write_pins_to_stderr() noexcept {
  try {
    write_pins({&write_piece, nullptr});
  } catch (...) {
    write_piece(nullptr, "goro: no memory for the rest of the dump\n");
  }
}

}  // namespace goro::detail
