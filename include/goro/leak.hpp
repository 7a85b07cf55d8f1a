// SPDX-License-Identifier: MIT
// Finding goroutines that were forgotten: in tests, those that are still there; in a running program, those
// that have waited for long, and the lines that keep starting more.
//
//   goro::leak::family mine;                      // what is started from here on belongs to it
//   start_the_server_and_stop_it();
//   mine.verify_none();                           // throws goro::leak::error, whose text is a report
//
//   for (const auto& site : goro::leak::growth())  // now and then
//     std::cerr << site.created_at.file << ':' << site.created_at.line << " +" << site.grown << '\n';
//
// goro/gtest.hpp and goro/catch2.hpp do this for each test of a program. In Go: go.uber.org/goleak, except for
// families, by which tests that run at the same time do not blame each other.
//
// All of these may be called from any goroutine and any thread. Except by prove(), nothing is stopped but, for some
// microseconds, a parked goroutine whose stack is being read. Daemons (go_options) are never leaks, nor is the caller.
// A goroutine that has ended but for its last instructions is given the time to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <goro/clock.hpp>
#include <goro/detail/export.hpp>
#include <goro/detail/goroutine_info.hpp>

namespace goro::leak {

struct options {
  duration timeout = std::chrono::milliseconds(500);  // to come to an end; zero or less: one look
  std::vector<std::string> ignore_functions = {};     // parts of a function's name: see ignore_function
  std::vector<std::uint64_t> ignore_ids = {};

  // Goroutines that have `substring` in the name of a function of their stack, as a dump shows it, or of the
  // one that started them. Costs a walk with stacks at each look. Returns *this.
  GORO_API options& ignore_function(std::string substring);
  // Those that live now, the caller included. Returns *this.
  GORO_API options& ignore_current();
};

class GORO_API error : public std::runtime_error {
 public:
  error(std::string report, std::vector<goroutine_info> leaked);
  error(const error&);
  ~error() override;

  // Those that the report shows.
  const std::vector<goroutine_info>& leaked() const noexcept { return leaked_; }

 private:
  std::vector<goroutine_info> leaked_;
};

// All goroutines but the caller's, daemons and the ignored, by rising id. While there are any, looks again,
// at first after microseconds, then ever less often, until options::timeout has passed.
//
// Returns  empty as soon as there are none; else those of the last look.
// Throws   std::bad_alloc.
// Waits    for the timeout at most; a goroutine parks, a plain thread sleeps.
// Cost     of a look: a few nanoseconds a goroutine; stacks are taken only of those that are returned, or if
//          functions are ignored.
[[nodiscard]] GORO_API std::vector<goroutine_info> find(const options& how = {});

// The same, for who expects none.
//
// Throws   leak::error. Its text shows each one as a dump does: id, name, state, for how long, on what,
//          created by whom and where, and the stack; equal ones together with their number.
// Go       goleak.VerifyNone
GORO_API void verify_none(const options& how = {});

// A family is all goroutines that descend from whoever made it: those that this goroutine or thread starts from
// then on, and those that these start, whether their creators still live or not; those of time's after_func()
// too. Threads inherit nothing: what a new std::thread starts is in no family.
//
// Made and destroyed by the same goroutine or thread, the later one first. One that is made while another is
// there is inside it: a member of the inner one is a member of the outer one. Different goroutines may have
// different ones at the same time, so each of many tests can look for its own leaks alone.
class family {
 public:
  // Throws   std::system_error when 65,535 families are there, or have members.
  // Cost     tens of nanoseconds.
  GORO_API family();
  GORO_API ~family();
  family(const family&) = delete;
  family& operator=(const family&) = delete;

  // As find() and verify_none(), of its members, except whoever made it. Any thread.
  [[nodiscard]] GORO_API std::vector<goroutine_info> find(const options& how = {}) const;
  GORO_API void verify_none(const options& how = {}) const;

 private:
  std::uint16_t id_;
  std::uint16_t before_;
  std::uint64_t maker_;  // goroutine's id; 0: a plain thread
};

// Goroutines that have been parked in one place for at_least or longer, the longest first; daemons left out.
// Not proved to be stuck, but worth a look: in a service, most of what waits for hours waits for ever. The time
// is known to 10 ms.
//
// Throws   std::bad_alloc.
[[nodiscard]] GORO_API std::vector<goroutine_info> old(duration at_least);

struct proof_options {
  duration stop_limit = std::chrono::seconds(1);  // for all threads to stop
};

struct proof {
  std::vector<goroutine_info> leaked;  // by rising id
  std::string unavailable;             // why there is no proof, in words; empty: there is one
  std::size_t parked = 0;              // goroutines that were looked at
  std::size_t waits = 0;               // … and places in queues where they were found
  std::size_t words = 0;               // of memory that were read
  std::size_t blocks = 0;              // of the heap whose bounds were known: see prove()
  std::size_t threads = 0;             // that stood still
  duration stopped{};                  // for so long
};

// Goroutines that nothing can ever wake again, though the program runs on: each is parked on something (a channel,
// a lock, …) that no thread, no timer and no other goroutine can get at any more, except for those that are stuck
// in the same way. It compares memory, not ages: a goroutine may be proven a moment after it has parked. What was
// proven stays so, and a later proof finds it again. Daemons are left out; run()'s main goroutine never counts.
//
// There are no false alarms, as long as no reference to a channel or lock is hidden from a scan of memory:
// encrypted, compressed, in a file, in another process. What it misses: whatever a global, a live stack or the heap
// still has a reference to, be it left over from earlier; waits with a limit or a context; bounded worker_pools and
// errgroups. docs/design/proof.md has the argument.
//
// The heap counts as a whole, unless somebody knows which of its blocks can still be reached. So link goro::leak (in
// CMake; else -lgoro-leak), which replaces operator new and delete, and run the program with GORO_DEBUG=leak: then
// blocks from `new` count only while something refers to them. That takes a quarter more memory. Objects that are
// referred to by compressed or tagged pointers alone must come from malloc then.
//
// Throws   std::bad_alloc.
// Waits    while all other threads of the process stand still, stopped by ptrace from a helper process that lives
//          for as long. Some milliseconds, and for each GB of memory in use 0.1 s or so. A few system calls of
//          those threads may end with EINTR, as after SIGSTOP and SIGCONT (signal(7)).
// Threads  any, one at a time.
//          `unavailable` where the kernel refuses ptrace (a debugger is at work, seccomp, Yama), with io_uring, aio
//          or userfaultfd in the process, and under ThreadSanitizer.
// Go       the goroutineleak profile of 1.26 and later
[[nodiscard]] GORO_API proof prove(const proof_options& how = {});

// The same, for who wants the goroutines alone: empty also if there is no proof.
[[nodiscard]] GORO_API std::vector<goroutine_info> proven();

struct site {
  stack_frame created_at;  // the line that called go
  std::size_t count = 0;   // goroutines now, daemons and the caller left out
  std::size_t grown = 0;   // more than at the last call
};

// The lines whose goroutines have become more since the last call, wherever in the process that was, the most
// grown first. The first call compares with nothing. It finds leaks that old() does not: those whose goroutines
// wake up now and then, by a ticker for instance.
//
// Throws   std::bad_alloc.
// Cost     a few nanoseconds a goroutine; no stacks are taken.
[[nodiscard]] GORO_API std::vector<site> growth();

}  // namespace goro::leak
