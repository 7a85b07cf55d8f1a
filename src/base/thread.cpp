// SPDX-License-Identifier: MIT
#include "base/thread.hpp"

#include <pthread.h>
#include <atomic>
#include <cerrno>
#include <initializer_list>

namespace goro::detail {

sigset_t signals_left_to_users() noexcept {
  sigset_t all_but_faults;
  sigfillset(&all_but_faults);
  for (const int fault_signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF})
    sigdelset(&all_but_faults, fault_signal);
  return all_but_faults;
}

namespace {
constinit std::atomic<int> threads{0};
}  // namespace

int runtime_threads() noexcept { return threads.load(std::memory_order_relaxed); }
void count_ended_thread() noexcept { threads.fetch_sub(1, std::memory_order_relaxed); }

int start_thread(void* (*main)(void*), void* argument, std::size_t stack_size) noexcept {
  const int saved_errno = errno;
  const sigset_t blocked = signals_left_to_users();
  sigset_t before;
  pthread_sigmask(SIG_SETMASK, &blocked, &before);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  if (stack_size != 0) pthread_attr_setstacksize(&attributes, stack_size);
  pthread_t thread;
  threads.fetch_add(1, std::memory_order_relaxed);
  const int error = pthread_create(&thread, &attributes, main, argument);
  if (error != 0) threads.fetch_sub(1, std::memory_order_relaxed);
  pthread_attr_destroy(&attributes);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = saved_errno;
  return error;
}

}  // namespace goro::detail
