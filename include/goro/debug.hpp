// SPDX-License-Identifier: MIT
// Seeing what every goroutine does: as records, as text, as JSON, and by SIGQUIT (Ctrl-\).
//
//   goro::install_sigquit_dump();
//   goro::go({.name = "watcher"}, [] { goro::dump_goroutines(std::cerr); });
//   for (const goro::goroutine_info& g : goro::goroutines())
//     if (g.waiting > std::chrono::minutes(1)) std::cerr << g.id << ' ' << g.state << '\n';
//
// Go's counterparts are runtime.Stack, /debug/pprof/goroutine and the dump that SIGQUIT brings.
//
// All of these may be called from any goroutine and any thread. The program goes on meanwhile: nothing is
// stopped but, for some microseconds, a parked goroutine whose stack is being read. So each record is true in
// itself, and the records are not of one moment. The set is that of num_goroutine(): the caller's goroutine
// and daemons included. Behind them stands a record for each failure that an errgroup keeps until somebody
// collects it, in state "failed: <what>", of a goroutine that has ended; waits_on is the group. So while there
// are such failures, goroutines() has more records than num_goroutine() counts.
//
// Stacks are taken of parked goroutines and of the caller's own. One that runs elsewhere has none here, since
// it would have to be interrupted by a signal; a dump that ends the process does that. One that has not begun
// has none either, nor one that has been made ready and waits for its turn.
//
// File and line come from addr2line, a child process of a moment (once for new addresses; binutils); without
// it there are functions, modules and offsets. Costs some 4 us a goroutine and, for addresses that were not
// asked for before, what addr2line needs to read the program's debug information.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <vector>

#include <goro/detail/export.hpp>
#include <goro/detail/goroutine_info.hpp>

namespace goro {

// Every goroutine that lives, by rising id; then the failures that nobody has collected, oldest first.
//
// Throws   std::bad_alloc.
// Threads  any; it does not park, and may block while addr2line runs.
GORO_API std::vector<goroutine_info> goroutines();

// The same as text, in Go's manner; goroutines with equal state and stack stand together, the most numerous
// groups first.
//
//   goroutine 17 "worker" [chan receive, 3 s] on channel 0x55d0c0 (len 0, cap 4; 10 wait to receive):
//   work(int)
//           /src/main.cpp:23
//   created by goroutine 1 at /src/main.cpp:40 in start()
GORO_API void dump_goroutines(std::ostream& out);

// The same as one JSON object: {"goroutines":[{"id":17,"name":"worker","state":"chan receive", …}, …]}.
GORO_API void dump_goroutines_json(std::ostream& out);

enum class sigquit { end, go_on };

// From now on SIGQUIT writes the dump to standard error, and then ends the process with exit code 2, as Go
// does, or goes on (`go_on`). With `end`, a second SIGQUIT ends it without waiting for the rest of the dump.
// It is written by a thread of its own, which sleeps until then: the handler only wakes it. Calling it again
// changes the choice. A forked child that has not exec'ed yet dies by SIGQUIT as if there were no handler.
//
// Throws   std::system_error if there is no thread or descriptor to be had.
GORO_API void install_sigquit_dump(sigquit then = sigquit::end);

struct pin {
  std::vector<stack_frame> stack;  // of the goroutine, at its first operation of goro after the call
  std::size_t count = 0;
  duration total{};
  duration longest{};
};

// Calls that blocked their thread in the kernel, not announced by goro::blocking, while others waited to run, and so
// long that the monitor had to take the processor away: where, how often and for how long, the costliest first.
// Inside goro::blocking they would have cost nobody anything. The stack is not that of the call itself but of what
// the goroutine did next: the function that called is on it, or has just returned. One entry without a stack is the
// sum of those that found no room. SIGQUIT's dump ends with them.
//
// Throws   std::bad_alloc.
// Cost     none until a processor is lost; then 3 us for that goroutine.
GORO_API std::vector<pin> pins();

namespace detail {

// What gdb reads of a process or a core file, by name: an address, or a number. Ends with a null name.
struct layout_entry {
  const char* name;
  const void* address;  // null: it is a number
  std::uint64_t number;
};
extern GORO_API const layout_entry gdb_layout[];

}  // namespace detail

}  // namespace goro
