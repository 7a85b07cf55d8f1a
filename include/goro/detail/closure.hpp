// SPDX-License-Identifier: MIT
// A goroutine's callable on its way into the runtime: built in place in the goroutine's block when it is
// small, else on the heap. The library sees only a pointer and one function that calls and destroys it.
#pragma once

#include <cstddef>
#include <new>
#include <tuple>
#include <type_traits>
#include <utility>

#include <goro/detail/export.hpp>

namespace goro {
struct go_options;
}

namespace goro::detail {

struct goroutine;

struct spawn_place {
  goroutine* g;
  void* storage;  // for the closure: inside the block, or allocated
};

inline constexpr std::size_t spawn_inline_size = 40;

// Makes a goroutine that does not run yet, with room for a closure. Throws std::bad_alloc, or
// std::system_error when no more goroutines can be had.
GORO_API spawn_place spawn_begin(std::size_t size, std::size_t align, const go_options* options);
// It may run from now on. Its creation site is the caller's return address.
GORO_API void spawn_commit(goroutine* g, void (*run)(void*)) noexcept;
// The closure could not be built, and its storage, if allocated, has been freed.
GORO_API void spawn_abort(goroutine* g) noexcept;
[[noreturn]] GORO_API void throw_empty_function(const char* call);
GORO_API void free_closure(void* storage, std::size_t align) noexcept;

// A class object that can be empty, like std::function; not a lambda, even if it converts to a pointer.
template <class F>
concept can_be_empty =
    (std::is_class_v<F> && requires(const F& f) { static_cast<bool>(f == nullptr); } && !requires(const F& f) { +f; }) ||
    std::is_pointer_v<F> || std::is_member_pointer_v<F>;

template <class F>
void check_not_empty(const F& f, const char* call) {
  if constexpr (can_be_empty<F>) {
    if (f == nullptr) throw_empty_function(call);
  }
}

template <class F, class... Args>
struct closure {
  F f;
  std::tuple<Args...> args;

  void operator()() { std::apply(std::move(f), std::move(args)); }
};
template <class F>
struct closure<F> {
  F f;

  void operator()() { std::apply(std::move(f), std::tuple<>()); }
};

template <class C>
inline constexpr bool closure_fits = sizeof(C) <= spawn_inline_size && alignof(C) <= 8;

// Calls and destroys, also when the call ends by an exception or by goexit.
template <class C>
void run_closure(void* storage) {
  C* c;
  if constexpr (closure_fits<C>)
    c = static_cast<C*>(storage);
  else
    c = *static_cast<C**>(storage);
  struct end {
    C* c;
    ~end() {
      c->~C();
      if constexpr (!closure_fits<C>) free_closure(c, alignof(C));
    }
  } const guard{c};
  (*c)();
}

template <class F, class... Args>
[[gnu::always_inline]] inline void spawn(const go_options* options, F&& f, Args&&... args) {
  using C = closure<std::decay_t<F>, std::decay_t<Args>...>;
  check_not_empty(f, "go");
  const spawn_place place = spawn_begin(sizeof(C), alignof(C), options);
  if constexpr (std::is_nothrow_constructible_v<std::decay_t<F>, F> &&
                (std::is_nothrow_constructible_v<std::decay_t<Args>, Args> && ...)) {
    if constexpr (sizeof...(Args) == 0)
      ::new (place.storage) C{std::forward<F>(f)};
    else
      ::new (place.storage) C{std::forward<F>(f), std::tuple<std::decay_t<Args>...>(std::forward<Args>(args)...)};
  } else {
    try {
      if constexpr (sizeof...(Args) == 0)
        ::new (place.storage) C{std::forward<F>(f)};
      else
        ::new (place.storage) C{std::forward<F>(f), std::tuple<std::decay_t<Args>...>(std::forward<Args>(args)...)};
    } catch (...) {
      if constexpr (!closure_fits<C>) free_closure(place.storage, alignof(C));
      spawn_abort(place.g);
      throw;
    }
  }
  spawn_commit(place.g, &run_closure<C>);
}

}  // namespace goro::detail
