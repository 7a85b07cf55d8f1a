// SPDX-License-Identifier: MIT
// The C library's locks, for the whole program: each function here calls the next one of its name, which is the C
// library's or that of another who stands in front of it, and tells goro what came of it (goro/detail/held_locks.hpp).
//
// Off is a flag: nothing is told, and the call is passed on by a jump. It is off unless GORO_DEBUG=deadlock, until this
// library's constructor has run, and in programs under ThreadSanitizer, which stands there itself, and of whose
// functions a program has either all or none: there this file has no functions.
//
// What is asked for here and what is not:
//   mutex      lock, trylock, timedlock, clocklock, unlock
//   rwlock     the same for readers and writers
//   condition  wait, timedwait, clockwait: the lock is given back meanwhile, and by the C library itself, past us. No
//              goroutine parks in there, but another may lock and unlock it and would be taken for one who gives back
//              what this one holds
//   C11's mtx_lock calls the C library's inside, so is not seen; so are locks of the C library's own.
#include <goro/detail/held_locks.hpp>

#include "base/sanitizer.hpp"

#include <dlfcn.h>
#include <pthread.h>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <ctime>

namespace {

constinit bool told = false;  // set before main, by the constructor

constexpr const char* why_not() noexcept {
  return goro::detail::sanitizer::tsan ? "ThreadSanitizer has pthread_mutex_lock of its own" : nullptr;
}

[[gnu::constructor]] void begin() noexcept { told = goro::detail::watch_held_locks(why_not()); }

}  // namespace

// Naming it brings this file into a program (cmake/goro_libraries.cmake).
extern "C" __attribute__((visibility("default"))) constinit const void* const goro_detail_c_locks = &told;

#if !defined(GORO_TSAN)

namespace {

using goro::detail::held_kind;
using goro::detail::note_given_back;
using goro::detail::note_lent;
using goro::detail::note_taken;
using goro::detail::note_taking;
using goro::detail::taking;

using mutex_t = pthread_mutex_t;
using rwlock_t = pthread_rwlock_t;
using cond_t = pthread_cond_t;

// The next function of a name. Looked up at the first call, which may come before any constructor; two threads find
// the same.
template <class... Args>
class next {
 public:
  constexpr explicit next(const char* name) noexcept : name_(name) {}

  int operator()(Args... args) {
    const function known = at_.load(std::memory_order_relaxed);
    return (known != nullptr ? known : look_up())(args...);
  }

 private:
  using function = int (*)(Args...);

  [[gnu::noinline, gnu::cold]] function look_up() noexcept {
    const int error = errno;
    void* const found = dlsym(RTLD_NEXT, name_);
    errno = error;
    if (found == nullptr) std::abort();  // this very program was linked with it
    const auto known = reinterpret_cast<function>(found);
    at_.store(known, std::memory_order_relaxed);
    return known;
  }

  const char* name_;
  std::atomic<function> at_{nullptr};
};

// Where the lock is taken is noted before it is asked for: not with the lock in hand, which may be one that the unwinder
// takes.
template <class Lock, class... Args>
[[gnu::noinline]] int take_watched(next<Lock*, Args...>& real, held_kind how, const void* caller, Lock* lock,
                                   Args... args) {
  taking at;
  note_taking(at, lock, caller);
  const int error = real(lock, args...);
  if (error == 0 || error == EOWNERDEAD) note_taken(at, lock, how);
  return error;
}

template <class Lock, class... Args>
[[gnu::always_inline]] inline int take(next<Lock*, Args...>& real, held_kind how, const void* caller, Lock* lock,
                                       Args... args) {
  return told ? take_watched(real, how, caller, lock, args...) : real(lock, args...);
}

template <class Lock>
[[gnu::always_inline]] inline int give_back(next<Lock*>& real, Lock* lock) {
  if (told) [[unlikely]]
    note_given_back(lock);
  return real(lock);
}

// Also if it ends by the thread's cancellation, it ends with the mutex.
template <class... Args>
[[gnu::noinline]] int wait_watched(next<cond_t*, mutex_t*, Args...>& real, cond_t* cond, mutex_t* mutex, Args... args) {
  struct lent {
    mutex_t* mutex;
    taking at;
    explicit lent(mutex_t* m) noexcept : mutex(m) { note_lent(at, m); }
    ~lent() { note_taken(at, mutex, held_kind::mutex); }
  } const until_here(mutex);
  return real(cond, mutex, args...);
}

template <class... Args>
[[gnu::always_inline]] inline int wait(next<cond_t*, mutex_t*, Args...>& real, cond_t* cond, mutex_t* mutex,
                                       Args... args) {
  return told ? wait_watched(real, cond, mutex, args...) : real(cond, mutex, args...);
}

}  // namespace

#define GORO_IN_FRONT extern "C" __attribute__((visibility("default")))
#define GORO_CALLER __builtin_return_address(0)

GORO_IN_FRONT int pthread_mutex_lock(mutex_t* lock) noexcept {
  static constinit next<mutex_t*> real("pthread_mutex_lock");
  return take(real, held_kind::mutex, GORO_CALLER, lock);
}
GORO_IN_FRONT int pthread_mutex_trylock(mutex_t* lock) noexcept {
  static constinit next<mutex_t*> real("pthread_mutex_trylock");
  return take(real, held_kind::mutex, GORO_CALLER, lock);
}
GORO_IN_FRONT int pthread_mutex_timedlock(mutex_t* lock, const timespec* until) noexcept {
  static constinit next<mutex_t*, const timespec*> real("pthread_mutex_timedlock");
  return take(real, held_kind::mutex, GORO_CALLER, lock, until);
}
GORO_IN_FRONT int pthread_mutex_clocklock(mutex_t* lock, clockid_t clock, const timespec* until) noexcept {
  static constinit next<mutex_t*, clockid_t, const timespec*> real("pthread_mutex_clocklock");
  return take(real, held_kind::mutex, GORO_CALLER, lock, clock, until);
}
GORO_IN_FRONT int pthread_mutex_unlock(mutex_t* lock) noexcept {
  static constinit next<mutex_t*> real("pthread_mutex_unlock");
  return give_back(real, lock);
}

GORO_IN_FRONT int pthread_rwlock_rdlock(rwlock_t* lock) noexcept {
  static constinit next<rwlock_t*> real("pthread_rwlock_rdlock");
  return take(real, held_kind::reader, GORO_CALLER, lock);
}
GORO_IN_FRONT int pthread_rwlock_tryrdlock(rwlock_t* lock) noexcept {
  static constinit next<rwlock_t*> real("pthread_rwlock_tryrdlock");
  return take(real, held_kind::reader, GORO_CALLER, lock);
}
GORO_IN_FRONT int pthread_rwlock_timedrdlock(rwlock_t* lock, const timespec* until) noexcept {
  static constinit next<rwlock_t*, const timespec*> real("pthread_rwlock_timedrdlock");
  return take(real, held_kind::reader, GORO_CALLER, lock, until);
}
GORO_IN_FRONT int pthread_rwlock_clockrdlock(rwlock_t* lock, clockid_t clock, const timespec* until) noexcept {
  static constinit next<rwlock_t*, clockid_t, const timespec*> real("pthread_rwlock_clockrdlock");
  return take(real, held_kind::reader, GORO_CALLER, lock, clock, until);
}
GORO_IN_FRONT int pthread_rwlock_wrlock(rwlock_t* lock) noexcept {
  static constinit next<rwlock_t*> real("pthread_rwlock_wrlock");
  return take(real, held_kind::writer, GORO_CALLER, lock);
}
GORO_IN_FRONT int pthread_rwlock_trywrlock(rwlock_t* lock) noexcept {
  static constinit next<rwlock_t*> real("pthread_rwlock_trywrlock");
  return take(real, held_kind::writer, GORO_CALLER, lock);
}
GORO_IN_FRONT int pthread_rwlock_timedwrlock(rwlock_t* lock, const timespec* until) noexcept {
  static constinit next<rwlock_t*, const timespec*> real("pthread_rwlock_timedwrlock");
  return take(real, held_kind::writer, GORO_CALLER, lock, until);
}
GORO_IN_FRONT int pthread_rwlock_clockwrlock(rwlock_t* lock, clockid_t clock, const timespec* until) noexcept {
  static constinit next<rwlock_t*, clockid_t, const timespec*> real("pthread_rwlock_clockwrlock");
  return take(real, held_kind::writer, GORO_CALLER, lock, clock, until);
}
GORO_IN_FRONT int pthread_rwlock_unlock(rwlock_t* lock) noexcept {
  static constinit next<rwlock_t*> real("pthread_rwlock_unlock");
  return give_back(real, lock);
}

GORO_IN_FRONT int pthread_cond_wait(cond_t* cond, mutex_t* mutex) {
  static constinit next<cond_t*, mutex_t*> real("pthread_cond_wait");
  return wait(real, cond, mutex);
}
GORO_IN_FRONT int pthread_cond_timedwait(cond_t* cond, mutex_t* mutex, const timespec* until) {
  static constinit next<cond_t*, mutex_t*, const timespec*> real("pthread_cond_timedwait");
  return wait(real, cond, mutex, until);
}
GORO_IN_FRONT int pthread_cond_clockwait(cond_t* cond, mutex_t* mutex, clockid_t clock, const timespec* until) {
  static constinit next<cond_t*, mutex_t*, clockid_t, const timespec*> real("pthread_cond_clockwait");
  return wait(real, cond, mutex, clock, until);
}

#endif
