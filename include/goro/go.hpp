// SPDX-License-Identifier: MIT
// Goroutines: functions that run concurrently, thousands or millions of them on a few threads.
//
//   int main() {
//     return goro::run([] {
//       auto answers = goro::make_chan<int>();
//       goro::go([answers] { answers.send(6 * 7); });
//       std::printf("%d\n", *answers.recv());
//     });
//   }
//
// A goroutine has a stack of its own (256 KiB of address space, one page of memory to begin with) and may call
// anything, deeply, and block anywhere: in goro's operations it parks and its thread runs others; in any other
// blocking call its thread blocks, and the runtime gives the thread's right to run (its P) to another one.
//
// Everything here may be called from any goroutine and any thread. There is no init call: the runtime starts
// at first use. What a goroutine does before its end is not ordered with anything by itself: use a channel, a
// wait group, a future or a scope. What the creator did before go() is visible to the goroutine.
//
// A goroutine may go on in another thread after any operation that waits: a plain thread_local may then be
// another thread's. goro::local<T> is one T for each goroutine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <type_traits>
#include <utility>

#include <goro/detail/closure.hpp>
#include <goro/detail/export.hpp>
#include <goro/detail/throw_site.hpp>

namespace goro {

struct go_options {
  const char* name = nullptr;  // shown in dumps, traces and gdb (copied)
  std::size_t stack_size = 0;  // bytes, rounded up to a power of two, at most 1 GiB; 0: the default
  bool daemon = false;         // meant to live as long as the process: leak checks and the deadlock report pass over it
};

// Starts f(args...) in a new goroutine. f and args are decay-copied, as by std::thread.
//
// Throws   std::invalid_argument for an empty std::function; std::system_error
//          (resource_unavailable_try_again) when no more goroutines can be had: the text names the limit;
//          std::bad_alloc; what copying throws. Nothing has then been started, and nothing is lost.
// Waits    never. The goroutine runs when a P is free; the caller goes on.
// Cost     tens of nanoseconds; no allocation if the closure has at most 40 bytes. No stack until it runs.
// Go       go f(args...)
template <class F, class... Args>
  requires std::is_invocable_v<std::decay_t<F>, std::decay_t<Args>...>
[[gnu::always_inline]] inline void go(F&& f, Args&&... args) {
  detail::spawn(nullptr, std::forward<F>(f), std::forward<Args>(args)...);
}

// The same with a name, a stack size, or as a daemon.
template <class F, class... Args>
  requires std::is_invocable_v<std::decay_t<F>, std::decay_t<Args>...>
[[gnu::always_inline]] inline void go(const go_options& options, F&& f, Args&&... args) {
  detail::spawn(&options, std::forward<F>(f), std::forward<Args>(args)...);
}

// Lets other goroutines run; the caller goes behind them in the queue. On a plain thread: sched_yield.
// Go       runtime.Gosched()
GORO_API void yield();

// Ends the calling goroutine: its stack is unwound and its destructors run. `catch (...)` blocks are entered on
// the way; one that ends without rethrowing does not stop it. Unwinding through a noexcept function, a
// destructor included, calls std::terminate, as with an exception.
//
// Throws   std::logic_error on a plain thread.
// Go       runtime.Goexit()
[[noreturn]] GORO_API void goexit();

// The number of goroutines that exist: the caller's and daemons included, the runtime's own threads not.
// A moment's number. Go       runtime.NumGoroutine()
GORO_API std::size_t num_goroutine();

// The caller's number, which no other goroutine ever had or will have. 0: a plain thread.
GORO_API std::uint64_t goroutine_id();

// How many goroutines may run at the same time. Go       runtime.GOMAXPROCS(0)
GORO_API int max_procs();

// Sets it and returns the old value; it then no longer follows the CPU limit. 1 to 1024.
//
// Throws   std::invalid_argument for less than 1 or more than 1024; std::bad_alloc.
// Waits    until no more than n run: a few microseconds, as a rule.
// Go       runtime.GOMAXPROCS(n)
GORO_API int set_max_procs(int n);

// CPUs that this process may use: affinity and the cgroup's CPU quota (v1 and v2, every ancestor; rounded up, at
// least 2 where the machine has 2). The default of max_procs, which follows it while running.
// Go       runtime.NumCPU(), and the default of GOMAXPROCS
GORO_API int num_cpu();

// Sets the cap on the runtime's threads and returns the old one. Default 10,000. Past it blocking work waits its
// turn. Throws std::invalid_argument for less than 1. Go       debug.SetMaxThreads
GORO_API int set_max_threads(int n);

// Binds the calling goroutine to its present thread, and the thread to it, until as many unlocks. For libraries
// that keep state in the thread. A goroutine that ends while bound takes its thread with it. On a plain thread:
// nothing. unlock without lock: nothing, as in Go.
// Go       runtime.LockOSThread, UnlockOSThread
GORO_API void lock_os_thread();
GORO_API void unlock_os_thread();

struct goroutine_info;
// Called for an exception that leaves a goroutine. If it returns, that goroutine has ended and the program goes on.
using uncaught_handler = void (*)(const goroutine_info&, std::exception_ptr);
// Null restores the default: print goroutine, exception and where it was created; std::terminate. Returns the old
// one (null: the default). Include goro/debug.hpp to read a goroutine_info.
GORO_API uncaught_handler set_uncaught_handler(uncaught_handler handler) noexcept;

namespace detail {
// For a failure that ends less than the program, in the calling goroutine: without a handler it is printed, and all
// goes on. `head` stands in front of "goroutine 7"; `site` is where it was thrown.
GORO_API void report_survived(const char* head, std::exception_ptr e, const throw_site& site) noexcept;

struct blocking_section {
  GORO_API blocking_section() noexcept;
  GORO_API ~blocking_section();
  blocking_section(const blocking_section&) = delete;
  blocking_section& operator=(const blocking_section&) = delete;

 private:
  void* site_;
  long long began_ = 0;  // ns; 0: not measured
};
struct main_call {
  void (*call)(main_call&);
  int result = 0;
};
GORO_API int run_main(main_call& call);
}  // namespace detail

// Runs f() here and tells the scheduler that it may block in the kernel: if it does for more than about 20 us, or
// somebody needs a P at once, the P goes to another thread. For system calls and foreign libraries that wait.
// Blocking without it is legal everywhere; the monitor then has to find out, which takes it 50 us to 10 ms.
//
// Returns  what f returns. Throws what f throws.
// Waits    for f, and afterwards, if the P was given away, for a P.
// Cost     two locked instructions if f is quick.
// Any operation of goro may be called inside. Go does this for its own system calls and for cgo.
template <class F>
[[gnu::always_inline]] inline std::invoke_result_t<F> blocking(F&& f) {
  const detail::blocking_section here;
  return std::forward<F>(f)();
}

// Runs f() as the main goroutine and waits for it. While it runs, "all goroutines are asleep - deadlock!" is
// detected, reported with every goroutine on stderr, and ends the process with code 2. Goroutines that are still
// there when f returns go on until the process ends. f may run on any thread. An exception that leaves f goes to
// the uncaught handler.
//
// Returns  f's int; 0 if f returns void.
// Throws   std::logic_error while another run is under way.
// Go       func main()
template <class F>
int run(F&& main_function) {
  using result = std::invoke_result_t<F>;
  static_assert(std::is_void_v<result> || std::is_convertible_v<result, int>, "goro: run: f returns int or void");
  struct typed : detail::main_call {
    std::remove_reference_t<F>* f;
  } call;
  call.f = &main_function;
  call.call = [](detail::main_call& c) {
    auto& self = static_cast<typed&>(c);
    if constexpr (std::is_void_v<result>)
      std::forward<F>(*self.f)();
    else
      self.result = static_cast<int>(std::forward<F>(*self.f)());
  };
  return detail::run_main(call);
}

}  // namespace goro
