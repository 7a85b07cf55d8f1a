// SPDX-License-Identifier: MIT
// A fixed number of goroutines that work off a queue of bounded length.
//
//   goro::worker_pool pool(4, 64);                      // 4 workers, 64 tasks may wait
//   for (const path& p : files) pool.submit([&p] { compress(p); });   // waits while 64 wait: backpressure
//   goro::future<int> lines = pool.async([] { return count_lines(); });
//   pool.close();                                       // no more tasks
//   pool.wait();                                        // all have run
//
// Go has no such type; there it is a channel of jobs and n goroutines in a `for range` over it.
//
// A task is any callable without arguments, also one that can only be moved. Workers start one by one, when a
// task comes and no worker is free, so a pool that is not used costs nothing; from then on they stay until
// close(). With a queue of capacity 0 a task is taken only by a worker that is free (a rendezvous).
// An exception that leaves a task given to submit() reaches the uncaught handler, and its worker goes on. A
// task that calls goexit() ends its worker, and another one takes its place.
//
// All calls may be made from any goroutine and any thread at the same time. A task may use its own pool, but
// submit() in a task waits for a place that only a worker can make: if all workers wait like this, nobody is
// left to work, as in Go. Inside tasks use try_submit(), and do the work at once if it says no. A task that
// waits for its own pool (wait(), or destroying it) waits for itself.
// Order: what happened before submit() is visible to the task; what the task did is visible after wait().
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <system_error>
#include <type_traits>
#include <utility>

#include <goro/detail/canceller.hpp>
#include <goro/detail/closure.hpp>
#include <goro/detail/duration.hpp>
#include <goro/detail/export.hpp>
#include <goro/future.hpp>
#include <goro/wait_group.hpp>

namespace goro {

class context;

namespace detail {

// A task on its way: made by the typed shell, run once by a worker.
struct pool_job {
  void (*run)(pool_job*);  // calls and destroys it, also when the call ends by an exception or by goexit
  pool_job* next = nullptr;
};

template <class F>
struct typed_pool_job : pool_job {
  template <class... From>
  explicit typed_pool_job(From&&... from) : pool_job{&call}, f{std::forward<From>(from)...} {}

  static void call(pool_job* job) {
    struct end {
      typed_pool_job* job;
      ~end() { delete job; }
    } const guard{static_cast<typed_pool_job*>(job)};
    std::move(guard.job->f)();
  }

  F f;
};

// What async() gives to the pool. If it goes without a result (goexit), the promise breaks.
template <class R, class F>
struct pool_async {
  promise<R> ours;
  F f;

  void operator()() {
    std::exception_ptr failure;
    try {
      const auto run = [](F own) -> R { return std::move(own)(); };
      if constexpr (std::is_void_v<R>) {
        run(std::move(f));
        ours.set_value();
      } else {
        ours.set_value(run(std::move(f)));
      }
    } catch (...) {
      failure = escaped_exception();
    }
    // Only now that the handler has let go of it: whoever gets the exception is then its only owner.
    if (failure) ours.set_exception(std::move(failure));
  }
};

struct idle_worker;
struct pool_submitter;
class job_queue;

// The right, and the duty, to give the pool one job, or to say that none will come. Got before the job is made,
// so that the callable is moved from only if the pool takes it.
class pool_place {
 public:
  pool_place() noexcept = default;
  pool_place(const pool_place&) = delete;
  pool_place& operator=(const pool_place&) = delete;
  ~pool_place() {
    if (kind_ != kind::none) fill(nullptr);
  }

  GORO_API void fill(pool_job* job) noexcept;  // null: no job; the place is free again

 private:
  friend class job_queue;
  enum class kind : unsigned char {
    none,
    queued,  // a place in the queue
    idle,    // a worker that waits for this job
    fresh,   // a worker that starts with this job
  };

  kind kind_ = kind::none;
  job_queue* queue_ = nullptr;
  idle_worker* worker_ = nullptr;  // idle
  spawn_place start_{};            // fresh
};

// The pool without types. The protocol is argued in src/context/worker_pool.cpp.
class job_queue {
 public:
  enum class entered { yes, full, timed_out, canceled };

  GORO_API job_queue(std::size_t workers, std::size_t capacity);
  job_queue(const job_queue&) = delete;
  job_queue& operator=(const job_queue&) = delete;

  // All throw std::logic_error, which names the call, once the pool is closed.
  GORO_API void enter(pool_place& place, const char* call);
  GORO_API bool try_enter(pool_place& place);
  GORO_API bool enter_for(pool_place& place, std::int64_t ns);
  GORO_API std::error_code enter(pool_place& place, canceller* cancel);

  GORO_API void close() noexcept;
  GORO_API void wait();

 private:
  friend class pool_place;
  struct worker_end;

  entered enter(pool_place& place, const char* call, bool may_wait, std::int64_t deadline, canceller* cancel);
  entered wait_for_place(pool_place& place, pool_submitter& self, const char* call, std::int64_t deadline,
                         canceller* cancel);
  void put(pool_job* job) noexcept;
  pool_submitter* claim_submitter() noexcept;
  waiter* admit() noexcept;
  pool_job* next() noexcept;
  void work(pool_job* job);
  bool leave_if_closed() noexcept;
  void replace_worker() noexcept;
  spawn_place reserve_worker();
  void start_worker(spawn_place place, pool_job* job) noexcept;

  const std::size_t workers_;
  const std::size_t capacity_;
  countdown live_;           // workers, and one until close()
  bool closed_ = false;      // this and what follows under the lock
  std::size_t running_ = 0;  // workers that there are or will be at once
  std::size_t queued_ = 0;   // places taken: jobs that wait, and places granted
  std::size_t granted_ = 0;  // places whose job has not come yet
  pool_job* first_job_ = nullptr;
  pool_job* last_job_ = nullptr;
  waiter* first_idle_ = nullptr;  // workers
  waiter* last_idle_ = nullptr;
  waiter* first_waiting_ = nullptr;  // submitters
  waiter* last_waiting_ = nullptr;
};

}  // namespace detail

class worker_pool {
 public:
  // At most `workers` tasks run at a time, and `queue_capacity` more may wait.
  //
  // Throws   std::invalid_argument: no workers.
  // Cost     nothing; workers start with the tasks that need them.
  worker_pool(std::size_t workers, std::size_t queue_capacity) : queue_(workers, queue_capacity) {}
  worker_pool(const worker_pool&) = delete;
  worker_pool& operator=(const worker_pool&) = delete;

  // close() and wait(): tasks that the pool has taken are run.
  ~worker_pool() {
    queue_.close();
    queue_.wait();
  }

  // Gives f to the pool; waits while all workers are busy and the queue is full. f is moved from only if the
  // pool takes it, here and in the calls below.
  //
  // Throws   std::logic_error after close(), also if close() comes while it waits; std::invalid_argument for an
  //          empty std::function; std::system_error, std::bad_alloc when a worker cannot be started; what
  //          copying f throws. The pool has then not taken f.
  // Waits    without limit; shown as "worker_pool" in a dump.
  // Cost     one allocation; two short locks.
  // Go       jobs <- f
  template <class F>
  requires std::invocable<std::decay_t<F>>
  void submit(F&& f) {
    detail::check_not_empty(f, "worker_pool::submit");
    detail::pool_place place;
    queue_.enter(place, "submit");
    place.fill(new detail::typed_pool_job<std::decay_t<F>>(std::forward<F>(f)));
  }

  // The same, if that takes no waiting. False: it would have to wait.
  //
  // Go       select { case jobs <- f: ... default: ... }
  template <class F>
  requires std::invocable<std::decay_t<F>>
  [[nodiscard]] bool try_submit(F&& f) {
    detail::check_not_empty(f, "worker_pool::try_submit");
    detail::pool_place place;
    if (!queue_.try_enter(place)) return false;
    place.fill(new detail::typed_pool_job<std::decay_t<F>>(std::forward<F>(f)));
    return true;
  }

  // The same, waiting for at most so long. False: time was up.
  template <class Rep, class Period, class F>
  requires std::invocable<std::decay_t<F>>
  [[nodiscard]] bool submit_for(const std::chrono::duration<Rep, Period>& limit, F&& f) {
    detail::check_not_empty(f, "worker_pool::submit_for");
    detail::pool_place place;
    if (!queue_.enter_for(place, detail::to_ns(limit))) return false;
    place.fill(new detail::typed_pool_job<std::decay_t<F>>(std::forward<F>(f)));
    return true;
  }

  // The same, waiting until `ctx` is done at most. Returns no error, or why it gave up; if ctx is done already
  // it gives up at once, whatever the queue. What becomes of a task that the pool has taken is the task's own
  // business: it should look at the context itself.
  //
  // Go       select { case jobs <- f: ... case <-ctx.Done(): ... }
  template <class F>
  requires std::invocable<std::decay_t<F>>
  [[nodiscard]] std::error_code submit(const context& ctx, F&& f) {
    detail::check_not_empty(f, "worker_pool::submit");
    detail::pool_place place;
    const std::error_code gave_up = queue_.enter(place, detail::canceller_of(ctx));
    if (!gave_up) place.fill(new detail::typed_pool_job<std::decay_t<F>>(std::forward<F>(f)));
    return gave_up;
  }

  // As submit(), with the result, or what f throws, in a future. If f calls goexit(), the future gets
  // broken_promise. f is destroyed before the result is there.
  //
  // Cost     two allocations: the task and the result.
  template <class F>
  requires std::invocable<std::decay_t<F>>
  auto async(F&& f) -> future<std::invoke_result_t<std::decay_t<F>>> {
    using result = std::invoke_result_t<std::decay_t<F>>;
    detail::check_not_empty(f, "worker_pool::async");
    detail::pool_place place;
    queue_.enter(place, "async");
    promise<result> ours;
    future<result> theirs = ours.get_future();
    place.fill(new detail::typed_pool_job<detail::pool_async<result, std::decay_t<F>>>(std::move(ours),
                                                                                       std::forward<F>(f)));
    return theirs;
  }

  // Says that no more tasks will come. Those that wait in submit() throw; tasks that the pool has taken are
  // run, and then the workers end. Again: nothing.
  //
  // Waits    never.
  // Go       close(jobs)
  void close() noexcept { queue_.close(); }

  // Waits until the pool is closed, all its tasks have run and its workers have gone. It does not close the
  // pool itself.
  //
  // Waits    without limit; shown as "worker_pool" in a dump.
  void wait() { queue_.wait(); }

 private:
  detail::job_queue queue_;
};

}  // namespace goro
