// SPDX-License-Identifier: MIT
// Contexts that signals end.
//
//      signal --> on_signal: writes it into a pipe --> helper thread: ends the contexts that named it
//
// A handler can do next to nothing, hence the pipe and the thread. The thread lives while there are listeners.
// It counts as a user of goro (task::current), so that goroutines that wait for a signal only are not taken for
// deadlocked; that is why the first listener waits until it runs.
//
// Everything is under `state.mutex`, which is held for a few system calls and never while a context ends. A
// listener leaves when its cancel function is called or when it is freed; who frees it takes the mutex first, so
// the helper may try to count what it finds in the list (as I2 of core.hpp).
#include <goro/signal.hpp>

#include "base/intrusive_list.hpp"
#include "context/core.hpp"
#include "sched/task.hpp"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <mutex>
#include <semaphore>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace goro {

namespace detail {
namespace {

constexpr int signals_end = 65;  // 1 to 64

// What goes through the pipe. `serial` says which listeners were there when the signal came: those that came
// later must not hear it.
struct event {
  int signal;  // 0: all listeners have left
  unsigned serial;
};

std::uint64_t bit(int signal) noexcept { return std::uint64_t{1} << (signal - 1); }

class signal_core final : public cancel_core {
 public:
  signal_core(context_node* parent, std::uint64_t signals) noexcept
      : cancel_core(parent, context_kind::signal, 2), mask(signals) {}
  ~signal_core() override { leave(); }

  void listen();

  const std::uint64_t mask;
  list_link<signal_core> link;  // under the mutex, as the next
  unsigned serial = 0;

 private:
  void cancel_called() noexcept override { leave(); }
  void leave() noexcept;
};

using listener_list = list<signal_core, &signal_core::link>;

struct shared_state {
  std::mutex mutex;
  listener_list listeners;
  int counts[signals_end] = {};
  struct sigaction before[signals_end] = {};
  int read_end = -1;
  std::atomic<int> write_end{-1};
  std::atomic<pid_t> process{0};
  std::atomic<unsigned> serial{0};  // of the last listener
  bool helper_runs = false;
};
constinit shared_state state;

// A child of fork has the handler and the pipe, but not the helper: the signal is its own.
void on_signal(int signal) {
  const int saved = errno;
  if (::getpid() != state.process.load(std::memory_order_relaxed)) {
    ::signal(signal, SIG_DFL);
    ::raise(signal);  // once this handler has returned
  } else {
    const event e{signal, state.serial.load(std::memory_order_relaxed)};
    [[maybe_unused]] const ssize_t n = ::write(state.write_end.load(std::memory_order_relaxed), &e, sizeof e);
  }
  errno = saved;
}

// Ends all contexts that named it.
void deliver(event e) {
  std::vector<context> ended;
  {
    const std::lock_guard guard(state.mutex);
    for (signal_core* core = state.listeners.front(); core != nullptr; core = state.listeners.next(core))
      if ((core->mask & bit(e.signal)) != 0 && core->serial <= e.serial && try_share(core))
        ended.push_back(as_context(core));
  }
  if (ended.empty()) return;
  const std::exception_ptr cause = std::make_exception_ptr(signal_error(e.signal));
  for (const context& ctx : ended) raw(ctx)->breaker->cancel(errc::canceled, cause);
}

void help(std::binary_semaphore& started) {
  static_cast<void>(task::current());
  started.release();
  for (;;) {
    event e;
    if (::read(state.read_end, &e, sizeof e) != sizeof e) continue;  // EINTR: a debugger
    if (e.signal != 0) {
      deliver(e);
      continue;
    }
    const std::lock_guard guard(state.mutex);
    if (!state.listeners.empty()) continue;
    state.helper_runs = false;
    return;
  }
}

// Under the mutex.
void start_helper() {
  if (state.helper_runs) return;
  if (state.read_end == -1) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
      throw std::system_error(errno, std::generic_category(), "goro: notify_context: pipe");
    // A full pipe has signals enough in it; the handler must not wait.
    ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
    state.read_end = ends[0];
    state.write_end.store(ends[1], std::memory_order_relaxed);
  }
  std::binary_semaphore started(0);
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    std::thread(help, std::ref(started)).detach();
  } catch (...) {
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  started.acquire();
  state.helper_runs = true;
}

// Under the mutex: one listener less, for each of `mask`.
void give_back(std::uint64_t mask) noexcept {
  for (int signal = 1; signal != signals_end; ++signal)
    if ((mask & bit(signal)) != 0 && --state.counts[signal] == 0)
      ::sigaction(signal, &state.before[signal], nullptr);
}

void signal_core::listen() {
  const std::lock_guard guard(state.mutex);
  start_helper();
  state.process.store(::getpid(), std::memory_order_relaxed);
  serial = state.serial.load(std::memory_order_relaxed) + 1;
  state.serial.store(serial, std::memory_order_relaxed);
  struct sigaction action = {};
  action.sa_handler = &on_signal;
  action.sa_flags = SA_RESTART | SA_ONSTACK;
  ::sigfillset(&action.sa_mask);
  for (int signal = 1; signal != signals_end; ++signal)
    if ((mask & bit(signal)) != 0 && state.counts[signal]++ == 0)
      ::sigaction(signal, &action, &state.before[signal]);  // `mask_of` has seen that it can be had
  state.listeners.push_back(this);
}

void signal_core::leave() noexcept {
  const std::lock_guard guard(state.mutex);
  if (!listener_list::linked(this)) return;
  state.listeners.erase(this);
  give_back(mask);
  if (!state.listeners.empty()) return;
  const event all_left{0, 0};
  while (::write(state.write_end.load(std::memory_order_relaxed), &all_left, sizeof all_left) < 0) {
    if (errno != EINTR) break;  // full: the helper stays until the next time
  }
}

std::uint64_t mask_of(std::initializer_list<int> signals) {
  std::uint64_t mask = 0;
  for (const int signal : signals) {
    struct sigaction now = {};
    const bool possible = signal > 0 && signal < signals_end && signal != SIGKILL && signal != SIGSTOP &&
                          ::sigaction(signal, nullptr, &now) == 0;
    const bool fault = signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE || signal == SIGILL;
    if (!possible || fault)
      throw std::invalid_argument("goro: notify_context: signal " + std::to_string(signal) +
                                  (fault ? " says that the program is at fault; it cannot go on after it"
                                         : " cannot be caught; name others, such as SIGINT and SIGTERM"));
    mask |= bit(signal);
  }
  if (mask == 0)
    throw std::invalid_argument("goro: notify_context: no signal; name some, such as SIGINT and SIGTERM");
  return mask;
}

std::string text_of(int signal) {
  const char* const words = ::sigdescr_np(signal);
  return std::string("goro: signal: ") + (words != nullptr ? words : std::to_string(signal).c_str());
}

}  // namespace
}  // namespace detail

signal_error::signal_error(int signal) : std::runtime_error(detail::text_of(signal)), signal_(signal) {}

std::pair<context, cancel_func> notify_context(const context& parent, std::initializer_list<int> signals) {
  detail::context_node* const above = detail::parent_of(parent, "notify_context");
  auto* const core = new detail::signal_core(above, detail::mask_of(signals));
  std::pair<context, cancel_func> made(detail::as_context(core), detail::as_context(core));
  core->listen();
  core->attach();
  return made;
}

}  // namespace goro
