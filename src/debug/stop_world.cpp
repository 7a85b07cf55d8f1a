// SPDX-License-Identifier: MIT
// The helper is made by clone() with our memory and descriptors, and a thread group of its own. It runs on a stack
// of ours but with the thread pointer of the thread that made it: so it calls nothing that could touch a
// thread_local, errno least of all, and makes its system calls as bare instructions.
//
//   caller                                  helper
//   clone                                   waits for `command` 1: by then the kernel lets it trace us
//   PR_SET_PTRACER;  command = 1       ->   seizes and interrupts each thread, until a look at the list of
//                                           threads finds no new one: none of those that stand still makes any
//   … looks at memory …                <-   phase = stopped, or failed with a reason
//   command = 2                        ->   detaches from all; says whether all were still there; ends
//   waits for it
//
// If the helper dies (the kernel is out of memory and chooses it), the kernel lets the threads go on: the caller
// sees that when it resumes, and what it has seen of memory counts for nothing. If the process is killed, the
// helper dies with its parent.
#include "debug/stop_world.hpp"

#include "debug/raw_call.hpp"

#include <elf.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>

#if defined(__x86_64__)
#include <sys/user.h>
#elif defined(__aarch64__)
#include <asm/ptrace.h>
#endif

namespace goro::detail {

namespace {

constexpr std::size_t most_threads = std::size_t{1} << 17;
constexpr std::size_t helper_stack_size = std::size_t{256} << 10;  // registers are read into it
constexpr std::size_t most_register_bytes = std::size_t{32} << 10;
constexpr long clone_all = static_cast<long>(__WALL);

GORO_BARE std::int64_t now_raw() noexcept {
  timespec t{};
  (void)raw_call(SYS_clock_gettime, CLOCK_MONOTONIC, as_argument(&t));
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

GORO_BARE void pause_raw(std::int64_t ns) noexcept {
  timespec t{0, ns};
  (void)raw_call(SYS_nanosleep, as_argument(&t), 0);
}

GORO_BARE void wait_while(const std::uint32_t* word, std::uint32_t value, std::int64_t ns) noexcept {
  timespec t{0, ns};
  (void)raw_call(SYS_futex, as_argument(word), FUTEX_WAIT, value, as_argument(&t));
}

GORO_BARE void store_and_wake(std::uint32_t* word, std::uint32_t value) noexcept {
  __atomic_store_n(word, value, __ATOMIC_RELEASE);
  (void)raw_call(SYS_futex, as_argument(word), FUTEX_WAKE, 1);
}

// The state letter in /proc/…/task/<tid>/stat; 0: the thread is gone.
GORO_BARE char state_of(int tasks, int tid) noexcept {
  char path[32];
  int n = 0;
  for (int rest = tid; rest != 0; rest /= 10) ++n;
  int at = n;
  for (int rest = tid; rest != 0; rest /= 10) path[--at] = static_cast<char>('0' + rest % 10);
  for (const char* tail = "/stat"; *tail != '\0'; ++tail) path[n++] = *tail;
  path[n] = '\0';
  const long fd = raw_call(SYS_openat, tasks, as_argument(path), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  char text[256];
  const long got = raw_call(SYS_read, fd, as_argument(text), sizeof text);
  (void)raw_call(SYS_close, fd);
  for (long i = got - 3; i > 0; --i)  // behind the name, which may hold parentheses of its own
    if (text[i] == ')') return text[i + 2];
  return 0;
}

struct directory_entry {
  std::uint64_t inode;
  std::int64_t next;
  std::uint16_t length;
  std::uint8_t type;
  char name[1];
};

GORO_BARE int number_of(const char* name) noexcept {
  int n = 0;
  for (; *name >= '0' && *name <= '9'; ++name) n = n * 10 + (*name - '0');
  return *name == '\0' ? n : 0;
}

}  // namespace

GORO_BARE bool stopped_world::fail(const char* why, int error) noexcept {
  why_ = why;
  error_ = error;
  return false;
}

GORO_BARE void stopped_world::set_phase(phase p) noexcept {
  store_and_wake(&phase_, static_cast<std::uint32_t>(p));
}

// ---- the helper

GORO_BARE bool stopped_world::attach(int tasks, int tid, bool& any) noexcept {
  for (const stopped_thread* t = begin(); t != end(); ++t)
    if (t->tid == tid) return true;
  if (count_ == most_threads) return fail("there are too many threads", 0);
  if (const long e = raw_call(SYS_ptrace, PTRACE_SEIZE, tid, 0, 0); e < 0) {
    if (e == -ESRCH) return true;  // it has ended
    if (const char state = state_of(tasks, tid); state == 'Z' || state == 'X' || state == 0) return true;
    return fail(
        "the kernel does not let goro look at its own threads (ptrace): is a debugger or strace at work?",
        static_cast<int>(-e));
  }
  threads_[count_++] = {tid, 0, 0, nullptr, 0};
  any = true;
  (void)raw_call(SYS_ptrace, PTRACE_INTERRUPT, tid, 0, 0);
  return true;
}

GORO_BARE bool stopped_world::attach_new(int tasks, bool& any) noexcept {
  alignas(8) char buffer[4096];
  (void)raw_call(SYS_lseek, tasks, 0, SEEK_SET);
  for (;;) {
    const long got = raw_call(SYS_getdents64, tasks, as_argument(buffer), sizeof buffer);
    if (got < 0) return fail("the list of threads cannot be read", static_cast<int>(-got));
    if (got == 0) return true;
    for (long at = 0; at < got;) {
      const auto* const entry = reinterpret_cast<const directory_entry*>(buffer + at);
      at += entry->length;
      const int tid = number_of(entry->name);
      if (tid != 0 && tid != caller_ && !attach(tasks, tid, any)) return false;
    }
  }
}

GORO_BARE bool stopped_world::read_registers(stopped_thread& t) noexcept {
  alignas(64) unsigned char buffer[most_register_bytes];
#if defined(__x86_64__)
  constexpr long sets[] = {NT_PRSTATUS, NT_X86_XSTATE};
  constexpr long second_choice = NT_PRFPREG;
#else
  constexpr long sets[] = {NT_PRSTATUS, NT_ARM_SVE};
  constexpr long second_choice = NT_PRFPREG;
#endif
  std::size_t used = 0;
  for (const long set : sets) {
    iovec part{buffer + used, sizeof buffer - used};
    long e = raw_call(SYS_ptrace, PTRACE_GETREGSET, t.tid, set, as_argument(&part));
    if (e < 0 && used != 0)
      e = raw_call(SYS_ptrace, PTRACE_GETREGSET, t.tid, second_choice, as_argument(&part));
    if (e < 0) return fail("a thread's registers cannot be read", static_cast<int>(-e));
    if (used == 0) {
#if defined(__x86_64__)
      t.sp = reinterpret_cast<const user_regs_struct*>(buffer)->rsp;
#else
      t.sp = reinterpret_cast<const user_pt_regs*>(buffer)->sp;
#endif
    }
    used += (part.iov_len + 63) / 64 * 64;
    if (used + 4096 > sizeof buffer) return fail("a thread has more registers than expected", 0);
  }
  auto* const copy = memory_.take_array<std::uint64_t>(used / 8);
  if (copy == nullptr) return fail("there is no memory for the threads' registers", ENOMEM);
  const auto* const from = reinterpret_cast<const volatile std::uint64_t*>(buffer);
  for (std::size_t i = 0; i != used / 8; ++i) copy[i] = from[i];
  t.registers = copy;
  t.register_words = used / 8;
  return true;
}

// Those from number `from` on. One that ends meanwhile is taken off.
GORO_BARE bool stopped_world::await_stops(std::size_t from, std::int64_t until) noexcept {
  for (std::size_t i = from; i < count_;) {
    int status = 0;
    const long got = raw_call(SYS_wait4, threads_[i].tid, as_argument(&status), WNOHANG | clone_all, 0);
    if (got == 0 || got == -EINTR) {
      if (now_raw() > until)
        return fail("a thread did not stop in time; it may be in an uninterruptible system call", 0);
      pause_raw(20'000);
      continue;
    }
    if (got < 0 || !WIFSTOPPED(status)) {
      threads_[i] = threads_[--count_];
      continue;
    }
    // An interrupt or a group stop is an event; else a signal was about to be delivered.
    threads_[i].signal = (status >> 16) != 0 ? 0 : WSTOPSIG(status);
    ++i;
  }
  for (std::size_t i = from; i < count_; ++i)
    if (!read_registers(threads_[i])) return false;
  return true;
}

GORO_BARE bool stopped_world::detach_all() noexcept {
  bool all = true;
  for (std::size_t i = 0; i != count_; ++i) {
    stopped_thread& t = threads_[i];
    if (raw_call(SYS_ptrace, PTRACE_DETACH, t.tid, 0, t.signal) >= 0) continue;
    all = false;
    // Not stopped yet: it must be, to be let go.
    for (int tries = 0; tries != 1000; ++tries) {
      int status = 0;
      const long got = raw_call(SYS_wait4, t.tid, as_argument(&status), WNOHANG | clone_all, 0);
      if (got < 0) break;
      if (got == t.tid) {
        const int signal = WIFSTOPPED(status) && (status >> 16) == 0 ? WSTOPSIG(status) : 0;
        (void)raw_call(SYS_ptrace, PTRACE_DETACH, t.tid, 0, signal);
        break;
      }
      pause_raw(1'000'000);
    }
  }
  return all;
}

GORO_BARE void stopped_world::trace() noexcept {
  (void)raw_call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
  while (__atomic_load_n(&command_, __ATOMIC_ACQUIRE) == 0) wait_while(&command_, 0, 100'000'000);
  const std::int64_t until = now_raw() + limit_;
  bool good = true;
  for (bool any = true; good && any;) {
    any = false;
    const std::size_t known = count_;
    good = attach_new(tasks_, any) && await_stops(known, until);
  }
  if (good) {
    set_phase(phase::stopped);
    while (__atomic_load_n(&command_, __ATOMIC_ACQUIRE) != 2) wait_while(&command_, 1, 100'000'000);
  }
  all_stood_still_ = detach_all() && good;
  set_phase(good ? phase::ended : phase::failed);
}

GORO_BARE int stopped_world::helper_main(void* self) noexcept {
  static_cast<stopped_world*>(self)->trace();
  return 0;
}

// ---- the caller

// Waits until the helper has come further than `beyond`, or is no more.
stopped_world::phase stopped_world::await_phase(phase beyond) noexcept {
  for (;;) {
    const std::uint32_t now = __atomic_load_n(&phase_, __ATOMIC_ACQUIRE);
    if (now != static_cast<std::uint32_t>(beyond)) return static_cast<phase>(now);
    wait_while(&phase_, now, 100'000'000);
    if (__atomic_load_n(&phase_, __ATOMIC_ACQUIRE) != now) continue;
    if (raw_call(SYS_wait4, helper_, 0, WNOHANG | clone_all, 0) == helper_) {
      helper_ = 0;
      return phase::failed;
    }
  }
}

bool stopped_world::stop(std::int64_t limit) noexcept {
  limit_ = limit;
  caller_ = static_cast<pid_t>(raw_call(SYS_gettid));
  threads_ = memory_.take_array<stopped_thread>(most_threads);
  char* const stack = static_cast<char*>(memory_.take(helper_stack_size));
  if (threads_ == nullptr || stack == nullptr) return fail("there is no address space for it", ENOMEM);
  tasks_ = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (tasks_ < 0) return fail("/proc/self/task cannot be opened", errno);
  char scope = '0';
  if (const int yama = open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC); yama >= 0) {
    (void)!read(yama, &scope, 1);
    close(yama);
  }
  // No signal at its end: whoever waits for children of his own does not see it.
  helper_ = clone(&helper_main, stack + helper_stack_size, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_UNTRACED,
                  this);
  if (helper_ < 0) {
    const int error = errno;
    helper_ = 0;
    close(tasks_);
    return fail("no helper process can be made", error);
  }
  if (scope == '1') (void)prctl(PR_SET_PTRACER, helper_, 0, 0, 0);
  store_and_wake(&command_, 1);
  const phase reached = await_phase(phase::starting);
  if (reached == phase::stopped) return true;
  if (why_ == nullptr) (void)fail("the helper process died", 0);
  (void)resume();
  return false;
}

bool stopped_world::resume() noexcept {
  if (tasks_ < 0) return false;
  const bool was_stopped =
      __atomic_load_n(&phase_, __ATOMIC_ACQUIRE) == static_cast<std::uint32_t>(phase::stopped);
  if (was_stopped) {
    store_and_wake(&command_, 2);
    (void)await_phase(phase::stopped);
  }
  while (helper_ != 0) {
    const long got = raw_call(SYS_wait4, helper_, 0, clone_all, 0);
    if (got == helper_ || got == -ECHILD) helper_ = 0;
  }
  close(tasks_);
  tasks_ = -1;
  return was_stopped && all_stood_still_;
}

}  // namespace goro::detail
