// SPDX-License-Identifier: MIT
// SIGQUIT. The handler may do next to nothing, so it rings an eventfd, and a thread that sleeps on it does the
// rest: no thread wakes up meanwhile, and none is there unless it was asked for. The thread is no goroutine and
// waits for none, so it is no reason to leave a deadlock unreported.
#include <goro/debug.hpp>

#include "base/fatal.hpp"
#include "base/thread.hpp"
#include "debug/last_words.hpp"
#include "sched/deadlock.hpp"

#include <sys/eventfd.h>
#include <unistd.h>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <mutex>
#include <string>
#include <system_error>

namespace goro {

namespace {

constinit std::mutex installing;
constinit std::atomic<sigquit> choice{sigquit::end};
constinit std::atomic<int> bell{-1};
constinit std::atomic<pid_t> owner{0};
constinit std::atomic<int> rung{0};  // not looked at yet, or being written

void on_sigquit(int) {
  const int saved_errno = errno;
  if (getpid() != owner.load(std::memory_order_relaxed)) {  // a forked child: the bell is the parent's
    signal(SIGQUIT, SIG_DFL);
    raise(SIGQUIT);
    return;
  }
  if (rung.fetch_add(1, std::memory_order_relaxed) != 0 &&
      choice.load(std::memory_order_relaxed) == sigquit::end)
    _exit(2);
  const std::uint64_t one = 1;
  (void)!write(bell.load(std::memory_order_relaxed), &one, sizeof one);
  errno = saved_errno;
}

void thread_main(void*) noexcept {
  for (;;) {
    std::uint64_t times = 0;
    const ssize_t n = read(bell.load(std::memory_order_relaxed), &times, sizeof times);
    if (n < 0 && errno == EINTR) continue;
    if (n != static_cast<ssize_t>(sizeof times)) return;
    const bool ends = choice.load(std::memory_order_relaxed) == sigquit::end;
    detail::fatal_text title;
    title << "SIGQUIT: dump of all goroutines\n";
    detail::say_why_not_asleep(title);
    title.write();
    detail::write_to_stderr(ends ? detail::walk_kind::ending : detail::walk_kind::alive, true, {});
    if (ends) _exit(2);
    rung.store(0, std::memory_order_relaxed);
  }
}

constexpr detail::runtime_thread sigquit_thread{.name = "goro-sigquit", .stack_size = 0, .body = &thread_main};

[[noreturn]] void throw_no(const char* what, int error) {
  throw std::system_error(
      error, std::generic_category(),
      std::string("goro: install_sigquit_dump: there is no ") + what + "; raise the limit");
}

}  // namespace

void install_sigquit_dump(sigquit then) {
  const std::lock_guard<std::mutex> hold(installing);
  choice.store(then, std::memory_order_relaxed);
  if (owner.load(std::memory_order_relaxed) != getpid()) {  // the first time in this process
    const int fd = eventfd(0, EFD_CLOEXEC);
    if (fd < 0) throw_no("file descriptor (ulimit -n)", errno);
    bell.store(fd, std::memory_order_relaxed);
    if (const int error = detail::start_thread<sigquit_thread>(); error != 0) {
      close(fd);
      throw_no("thread (ulimit -u)", error);
    }
    rung.store(0, std::memory_order_relaxed);
  }
  owner.store(getpid(), std::memory_order_relaxed);
  struct sigaction ours {};
  ours.sa_handler = &on_sigquit;
  ours.sa_flags = SA_RESTART | SA_ONSTACK;
  sigemptyset(&ours.sa_mask);
  sigaction(SIGQUIT, &ours, nullptr);
}

}  // namespace goro
