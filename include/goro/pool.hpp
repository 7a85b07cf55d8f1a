// SPDX-License-Identifier: MIT
// A pool of objects that are costly to make and may be used again: buffers, parsers, connections' scratch.
//
//   goro::pool<std::string> buffers([] { return std::string(); });
//   {
//     auto text = buffers.get();                        // a used one, or a new one when there is none
//     text->assign("ready for whatever comes");
//   }                                                   // goes back here
//
// Go's sync.Pool with handles that give back by themselves. What comes out is as its last user left it: clear
// it first. Objects wait in caches, one for each P, so that goroutines on different Ps do not meet. A pool is
// a cache and no store: objects that wait unused through two trims are destroyed, see trim_pools().
//
// All calls may be made from any goroutine and any thread at the same time; a handle is used by one at a time.
// Order: what happened before an object was given back is visible to whoever gets it next.
// Lifetime: a handle may outlive its pool; its object is then destroyed with the handle.
#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>

#include <goro/detail/closure.hpp>
#include <goro/detail/export.hpp>

namespace goro {
namespace detail {

struct pool_core;  // the caches; src/sync/pool.cpp

// Before each object. Linked while the object waits; of one taken out, the handle's.
struct pool_cell {
  pool_cell* next = nullptr;
  pool_core* core = nullptr;
};

GORO_API pool_core* make_pool_core(void (*destroy)(pool_cell*) noexcept);
GORO_API void close_pool(pool_core* core) noexcept;                   // the pool's end lets go
GORO_API void adopt_cell(pool_core* core, pool_cell* cell) noexcept;  // a new one, in the caller's hands
GORO_API pool_cell* take_cell(pool_core* core) noexcept;              // null: none waits
GORO_API void give_cell(pool_cell* cell) noexcept;
GORO_API void destroy_cell(pool_cell* cell) noexcept;  // instead of giving it back

template <class T>
struct pool_object : pool_cell {
  pool_object(T (*make)(void*), void* object) : value(make(object)) {}
  explicit pool_object(T&& from) : value(std::move(from)) {}

  T value;
};

template <class T>
void destroy_pool_object(pool_cell* cell) noexcept {
  delete static_cast<pool_object<T>*>(cell);
}

// A function of the pool's own, called by anybody at the same time: what std::function would be, without it.
// Where there is none, what makes nothing stands in its place. (Not a test at the call: a compiler that sees one
// warns of the null there, in programs whose pools never give it.)
template <class T>
class pool_maker {
 public:
  pool_maker() noexcept : call_([](void*, pool_core*) -> pool_object<T>* { return nullptr; }) {}
  template <class F>
  explicit pool_maker(std::in_place_type_t<F>, F&& f)
      : object_(new F(std::move(f))),
        call_([](void* object, pool_core* core) {
          auto* const made = new pool_object<T>([](void* g) -> T { return (*static_cast<F*>(g))(); }, object);
          adopt_cell(core, made);
          return made;
        }),
        end_([](void* object) noexcept { delete static_cast<F*>(object); }) {}
  ~pool_maker() {
    if (end_ != nullptr) end_(object_);
  }
  pool_maker(const pool_maker&) = delete;
  pool_maker& operator=(const pool_maker&) = delete;

  pool_object<T>* operator()(pool_core* core) const { return call_(object_, core); }

 private:
  void* object_ = nullptr;
  pool_object<T>* (*call_)(void* object, pool_core* core);
  void (*end_)(void*) noexcept = nullptr;
};

}  // namespace detail

// Gives every pool of the process a trim: what has waited unused since the trim before is destroyed, and what
// has been given back since then is what the next one will destroy. So an object survives one trim and not a
// second. The runtime trims by itself when the process has been idle for about 100 ms, and once more after
// that; call it where memory is short.
//
// Waits    as the objects' destructors do. They run here, without any lock.
// Go       what each garbage collection does to a sync.Pool.
GORO_API void trim_pools() noexcept;

template <class T>
class pool {
  static_assert(std::is_object_v<T> && !std::is_array_v<T> && !std::is_const_v<T>,
                "a pool holds objects that can be used again: no references, arrays, const types or void");

 public:
  // An object on loan. Move-only; gives back when it is destroyed. Empty: default-made, moved from, or from
  // a pool that had nothing to give; then * and -> must not be used.
  class handle {
   public:
    handle() noexcept = default;
    handle(handle&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    handle& operator=(handle&& other) noexcept {
      handle(std::move(other)).swap(*this);
      return *this;
    }
    ~handle() { reset(); }

    explicit operator bool() const noexcept { return object_ != nullptr; }
    T& operator*() const noexcept { return object_->value; }
    T* operator->() const noexcept { return &object_->value; }

    // Gives the object back now. The handle is empty then.
    void reset() noexcept {
      if (object_ != nullptr) detail::give_cell(std::exchange(object_, nullptr));
    }
    // Destroys the object instead, for one that is broken. The handle is empty then.
    void discard() noexcept {
      if (object_ != nullptr) detail::destroy_cell(std::exchange(object_, nullptr));
    }
    void swap(handle& other) noexcept { std::swap(object_, other.object_); }

   private:
    friend class pool;
    explicit handle(detail::pool_object<T>* object) noexcept : object_(object) {}

    detail::pool_object<T>* object_ = nullptr;
  };

  // A pool that makes nothing: it gives out what has been put in.
  pool() : core_(detail::make_pool_core(&detail::destroy_pool_object<T>)) {}

  // A pool that calls make() when nothing waits. `make` may be called by many at the same time. An empty
  // std::function is as none.
  template <class F>
  requires(!std::same_as<std::remove_cvref_t<F>, pool> &&
           std::is_invocable_r_v<T, std::decay_t<F>&>) explicit pool(F&& make)
      : make_(maker_of(std::forward<F>(make))),
        core_(detail::make_pool_core(&detail::destroy_pool_object<T>)) {}

  // Destroys what waits. Objects that are out go with their handles.
  ~pool() { detail::close_pool(core_); }
  pool(const pool&) = delete;
  pool& operator=(const pool&) = delete;

  // An object that waits, of this P's cache if it has any, else of another's; else a new one.
  //
  // Returns  an empty handle only if nothing waits and the pool has no function to make one.
  // Throws   what make() throws, std::bad_alloc. Nothing is lost then.
  // Waits    never, unless make() does.
  // Cost     one locked instruction, and one to give it back, while the cache of this P has one.
  // Go       Pool.Get
  handle get() {
    detail::pool_cell* cell = detail::take_cell(core_);
    if (cell == nullptr) cell = make_(core_);
    return of(cell);
  }

  // An object that waits, and no new one: an empty handle if there is none.
  handle try_get() noexcept { return of(detail::take_cell(core_)); }

  // Puts in an object that did not come from here.
  // Go       Pool.Put
  void put(T object) {
    auto* const cell = new detail::pool_object<T>(std::move(object));
    detail::adopt_cell(core_, cell);
    detail::give_cell(cell);
  }

 private:
  static handle of(detail::pool_cell* cell) noexcept {
    return handle(static_cast<detail::pool_object<T>*>(cell));
  }
  template <class F>
  static detail::pool_maker<T> maker_of(F&& make) {
    using function = std::decay_t<F>;
    if constexpr (detail::can_be_empty<function>) {
      if (make == nullptr) return {};
    }
    return detail::pool_maker<T>(std::in_place_type<function>, function(std::forward<F>(make)));
  }

  const detail::pool_maker<T> make_;
  detail::pool_core* const core_;
};

template <class F>
pool(F) -> pool<std::remove_cvref_t<std::invoke_result_t<F&>>>;

}  // namespace goro
