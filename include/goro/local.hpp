// SPDX-License-Identifier: MIT
// Goroutine-local storage: what thread_local cannot be, since a goroutine moves between threads.
//
//   goro::local<int> depth;                             // each goroutine has its own, 0 at first
//   goro::local<std::string> who([] { return std::string("nobody"); });
//   ++*depth;
//   who->append("!");
//
// One T a goroutine, and one a plain thread. It is made at the goroutine's first look, value-initialised or
// by the function given, and destroyed when the goroutine ends, when reset() is called, or when the local
// itself is destroyed, whichever comes first. A goroutine does not inherit its creator's values. Go has no
// counterpart and passes a context instead; prefer that where you can.
//
// Any number of goroutines may use one local at a time. Destroying it while others still use it is misuse, as
// with any object. A destructor of a T may use other locals, and even this one, which then starts afresh.
#pragma once

#include <concepts>
#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

#include <goro/detail/export.hpp>

namespace goro {
namespace detail {

struct local_core;  // what all values of one local have in common

// A value with room for the runtime's notes before it. The functions know the type that the core does not.
struct local_type {
  std::size_t size;
  std::size_t align;
  void (*make)(const void* maker, void* at);
  void (*destroy)(void* value) noexcept;
};

GORO_API local_core* make_local_core();
GORO_API void end_local_core(local_core* core) noexcept;
GORO_API void* find_local(const local_core* core) noexcept;  // the caller's value, or null
GORO_API void* make_local(local_core* core, const local_type& type, const void* maker);
GORO_API void reset_local(local_core* core) noexcept;

}  // namespace detail

template <class T>
class local {
 public:
  local() : local(nullptr, nullptr, &value_initialise) {
    static_assert(std::is_default_constructible_v<T>,
                  "goro: local: T has no default constructor; give the local a function that makes one");
  }

  // `make` is called, as const, by each goroutine that needs a value; several may call it at one time.
  template <class F>
  requires(!std::same_as<std::remove_cvref_t<F>, local> &&
           std::is_invocable_r_v<T, const F&>) explicit local(F make)
      : local(new F(std::move(make)), &drop_maker<F>, &call_maker<F>) {}

  local(const local&) = delete;
  local& operator=(const local&) = delete;
  ~local() {
    detail::end_local_core(core_);
    if (drop_ != nullptr) drop_(maker_);
  }

  // The caller's own T, made if it has none yet.
  //
  // Throws   what making it throws; std::bad_alloc. Then there is none, and the next look tries again.
  // Cost     found: a few nanoseconds; made: an allocation or two.
  T& operator*() {
    void* value = detail::find_local(core_);
    if (value == nullptr) [[unlikely]]
      value = detail::make_local(core_, type_, maker_);
    return *static_cast<T*>(value);
  }
  T* operator->() { return &**this; }

  // Destroys the caller's T, if there is one. The next look makes a new one.
  void reset() { detail::reset_local(core_); }

 private:
  using make_function = void (*)(const void*, void*);

  local(const void* maker, void (*drop)(const void*) noexcept, make_function make)
      : type_{sizeof(T), alignof(T), make, &destroy_value}, maker_(maker), drop_(drop) {
    if (drop == nullptr) {
      core_ = detail::make_local_core();
      return;
    }
    try {
      core_ = detail::make_local_core();
    } catch (...) {
      drop(maker);
      throw;
    }
  }

  static void value_initialise([[maybe_unused]] const void* maker, [[maybe_unused]] void* at) {
    if constexpr (std::is_default_constructible_v<T>) ::new (at) T();
  }
  template <class F>
  static void call_maker(const void* maker, void* at) {
    ::new (at) T((*static_cast<const F*>(maker))());
  }
  template <class F>
  static void drop_maker(const void* maker) noexcept {
    delete static_cast<const F*>(maker);
  }
  static void destroy_value(void* value) noexcept { static_cast<T*>(value)->~T(); }

  detail::local_core* core_ = nullptr;
  const detail::local_type type_;
  const void* const maker_;
  void (*const drop_)(const void*) noexcept;
};

}  // namespace goro
