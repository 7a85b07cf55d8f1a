// SPDX-License-Identifier: MIT
// What hooks.dump_all is filled with, before main.
//
// After a stack overflow the process is not to be trusted: the goroutine may have been inside malloc, with
// its lock held. So a forked copy writes the dump, made by _Fork, which takes no lock; the original waits for
// it ten seconds and then goes on dying. In the copy there is only one thread, and every parked stack as it
// was. Elsewhere (all asleep, uncaught exceptions) nothing is broken, and the dump is written in place.
#include "debug/last_words.hpp"
#include "debug/lock_watch.hpp"

#include "sched/hooks.hpp"

#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <ctime>

// Nothing refers to this file, so a linker would leave it out of a program that is linked with the static
// library; cmake/goro_room.cmake makes programs ask for this name.
extern "C" [[gnu::used]] const char goro_detail_last_words = 0;

namespace goro::detail {

namespace {

constexpr dump_limits bounds{100, 20};  // so that the cause is not flooded away

void write_piece(void*, std::string_view piece) {
  for (std::size_t done = 0; done != piece.size();) {
    const ssize_t n = ::write(STDERR_FILENO, piece.data() + done, piece.size() - done);
    if (n > 0)
      done += static_cast<std::size_t>(n);
    else if (n == 0 || errno != EINTR)
      return;
  }
}

void write_from_a_copy() noexcept {
  const pid_t copy = _Fork();
  if (copy == 0) {
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
}

void dump_all(last_words_after cause) noexcept {
  write_piece(nullptr, "\n");
  if (cause == last_words_after::all_asleep) report_what_stands();
  if (cause == last_words_after::stack_overflow)
    write_from_a_copy();
  else
    write_to_stderr(walk_kind::ending, cause != last_words_after::all_asleep, bounds);
}

[[gnu::constructor]] void fill_hook() noexcept { hooks.dump_all = &dump_all; }

}  // namespace

// Nor does anything refer to that file.
[[gnu::used]] const char* const watchers[] = {&lock_watch_is_linked};

void write_to_stderr(walk_kind kind, bool daemons, const dump_limits& limits) noexcept {
  try {
    sightings seen = walk(kind);
    if (!daemons) std::erase_if(seen.all, [](const sighting& s) { return (s.who.flags & flag_daemon) != 0; });
    write_text(std::move(seen), limits, {&write_piece, nullptr});
  } catch (...) {
    write_piece(nullptr, "goro: no memory for the rest of the dump\n");
  }
}

}  // namespace goro::detail
