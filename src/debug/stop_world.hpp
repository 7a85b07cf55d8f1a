// SPDX-License-Identifier: MIT
// All threads of the process but the caller's stand still, and their registers are known.
//
// Signals would do for stopping, but they end waits of other people's code with EINTR, run handlers on stacks of
// unknown size, and do not reach threads that block them, as the runtime's do. So it is done by ptrace, as
// LeakSanitizer does: a thread cannot trace its own process, so a helper process that shares our memory is made
// for the while. A thread that is stopped in this way goes on in its system call as if nothing had been, but for
// the few calls that signal(7) lists as ending with EINTR after SIGCONT too (epoll_wait, semop, sigtimedwait).
//
// From `stop` to `resume` the caller must not take a lock or allocate: whoever has the lock may stand still. It
// has its signals blocked, and holds no lock that a thread needs to get out of the kernel.
//
// Refused by the kernel when somebody traces us already (gdb, strace), by seccomp, by Yama's scope 2 and 3, and
// when the process is not dumpable: then `why` says so.
#pragma once

#include "debug/scratch.hpp"

#include <sys/types.h>
#include <cstddef>
#include <cstdint>

namespace goro::detail {

struct stopped_thread {
  int tid;
  int signal;  // was on its way to it, and goes on when it does
  std::uintptr_t sp;
  const std::uint64_t* registers;  // all of them, vector registers too
  std::size_t register_words;
};

class stopped_world {
 public:
  explicit stopped_world(scratch& memory) noexcept : memory_(memory) {}
  stopped_world(const stopped_world&) = delete;
  stopped_world& operator=(const stopped_world&) = delete;
  ~stopped_world() { (void)resume(); }

  // False: nothing is stopped, and why() says what was in the way. `limit`: nanoseconds for all to stop.
  bool stop(std::int64_t limit) noexcept;
  // Lets all go on. True: they have all stood still until now.
  bool resume() noexcept;

  const stopped_thread* begin() const noexcept { return threads_; }
  const stopped_thread* end() const noexcept { return threads_ + count_; }
  std::size_t count() const noexcept { return count_; }
  const char* why() const noexcept { return why_; }
  int error() const noexcept { return error_; }  // errno that goes with it; 0: none

 private:
  enum class phase : std::uint32_t { starting, begun, stopped, failed, ended };

  static int helper_main(void* self) noexcept;
  void trace() noexcept;
  bool attach_new(int task_directory, bool& any) noexcept;
  bool attach(int task_directory, int tid, bool& any) noexcept;
  bool await_stops(std::size_t from, std::int64_t until) noexcept;
  bool read_registers(stopped_thread& t) noexcept;
  bool detach_all() noexcept;
  bool fail(const char* why, int error) noexcept;
  void set_phase(phase p) noexcept;
  phase await_phase(phase beyond) noexcept;

  scratch& memory_;
  stopped_thread* threads_ = nullptr;
  std::size_t count_ = 0;
  const char* why_ = nullptr;
  int error_ = 0;
  std::uint32_t phase_ = 0;    // the helper's steps; a futex
  std::uint32_t command_ = 0;  // the caller's: 0 wait, 1 begin, 2 let go; a futex
  bool all_stood_still_ = false;
  pid_t helper_ = 0;
  pid_t caller_ = 0;
  int tasks_ = -1;  // /proc/self/task
  std::int64_t limit_ = 0;
};

}  // namespace goro::detail
