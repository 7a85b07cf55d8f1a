// SPDX-License-Identifier: MIT
// Calls of one function for one key at the same time are made once: the others wait and share the result.
//
//   goro::singleflight<std::string, page> flights;
//   const auto [value, shared] = flights.do_call(url, [&] { return fetch(url); });
//   goro::future<goro::singleflight<std::string, page>::result> later =
//       flights.do_async(url, [url] { return fetch(url); });
//   use(value, later.get().value);
//
// Go's golang.org/x/sync/singleflight. The result is not kept: the first call after a flight has landed makes
// a new one. A singleflight may be a constant-initialised global.
// Order: what happened in the function is visible to all who get its result.
// Threads: all calls may be made from any goroutine and any thread at the same time. The function, hash and
// equality of the key, copies of key and value run in the callers, several at once, under no lock: they may
// park, throw and use the same singleflight, though a function that calls for its own key waits for itself.
// Lifetime: it must outlive its do_calls, and do_asyncs until their futures are ready.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <system_error>  // the lightest header with std::hash that is needed anyway
#include <type_traits>
#include <utility>

#include <goro/detail/closure.hpp>
#include <goro/detail/export.hpp>
#include <goro/detail/throw_site.hpp>
#include <goro/future.hpp>

namespace goro {

namespace detail {

struct waiter;

// One execution for one key, without its types; the protocol is in src/sync/singleflight.cpp.
struct flight {
  flight(std::uint64_t key_hash, void (*end)(flight*) noexcept) noexcept : hash(key_hash), destroy(end) {}
  flight(const flight&) = delete;
  flight& operator=(const flight&) = delete;
  ~flight() { delete thrown; }

  const std::uint64_t hash;
  void (*const destroy)(flight*) noexcept;
  std::uint64_t serial = 0;  // counts take-offs; set before it is in the table
  std::uint32_t holders = 1;
  std::uint32_t callers = 1;           // under the table's lock; constant once landed
  bool listed = false;                 // under the table's lock: calls for its key find it
  bool landed = false;                 // atomic
  flight* child[2] = {};               // under the table's lock
  waiter* first = nullptr;             // under the table's lock
  waiter* last = nullptr;              // under the table's lock
  std::exception_ptr error = nullptr;  // written before it lands, then constant
  throw_site* thrown = nullptr;        // where that was thrown; null: not known
};

// Those in the air.
class flight_table {
 public:
  constexpr flight_table() noexcept = default;
  flight_table(const flight_table&) = delete;
  flight_table& operator=(const flight_table&) = delete;

  // The oldest with that hash and a serial above `after`, with a hold for the caller. Null: there is none, and
  // `fresh`, if not null, has taken off.
  GORO_API flight* find(std::uint64_t hash, std::uint64_t after, flight* fresh) noexcept;
  // Counts the caller in. False: it has landed, or was forgotten.
  GORO_API bool board(flight& f) noexcept;
  // No call finds it any more.
  GORO_API void forget(flight& f) noexcept;
  // The one who flies it: no call finds it any more, and all who wait go on.
  GORO_API void land(flight& f, std::exception_ptr error) noexcept;
  // Waits until it has landed.
  GORO_API void wait(flight& f);

 private:
  void strike(flight& f) noexcept;

  flight* root_ = nullptr;  // these under a lock that lies outside
  std::uint64_t serials_ = 0;
};

// What those who wait get when the function did not return, and did not throw either.
GORO_API std::exception_ptr flight_ended_by_goexit() noexcept;

// In a handler of what has left noting_throw: keeps its place.
GORO_API void keep_flight_site(flight& f) noexcept;
// Throws the error of one that has landed, from its place on.
[[noreturn]] GORO_API void throw_flight_error(const flight& f);

// A hold on a flight: it lives while there is one.
template <class Flight>
class flight_hold {
 public:
  flight_hold() noexcept = default;
  explicit flight_hold(flight* adopted) noexcept : flight_(static_cast<Flight*>(adopted)) {}
  flight_hold(const flight_hold& other) noexcept : flight_(other.flight_) {
    if (flight_ != nullptr) __atomic_add_fetch(&flight_->holders, 1u, __ATOMIC_RELAXED);
  }
  flight_hold(flight_hold&& other) noexcept : flight_(std::exchange(other.flight_, nullptr)) {}
  flight_hold& operator=(flight_hold other) noexcept {
    std::swap(flight_, other.flight_);
    return *this;
  }
  ~flight_hold() {
    if (flight_ != nullptr && __atomic_sub_fetch(&flight_->holders, 1u, __ATOMIC_ACQ_REL) == 0)
      flight_->destroy(flight_);
  }

  Flight* get() const noexcept { return flight_; }
  Flight& operator*() const noexcept { return *flight_; }
  Flight* operator->() const noexcept { return flight_; }
  explicit operator bool() const noexcept { return flight_ != nullptr; }

 private:
  Flight* flight_ = nullptr;
};

// Lands a flight on every way out of a block, the unwinding of goexit() included.
class landing {
 public:
  landing(flight_table& table, flight& f) noexcept : table_(&table), flight_(f) {}
  landing(const landing&) = delete;
  landing& operator=(const landing&) = delete;
  ~landing() {
    if (table_ != nullptr) table_->land(flight_, known_ ? std::move(error_) : flight_ended_by_goexit());
  }
  // How it ended; null: it has a value.
  void ended(std::exception_ptr error) noexcept {
    known_ = true;
    error_ = std::move(error);
  }
  // Somebody else will land it.
  void hand_over() noexcept { table_ = nullptr; }

 private:
  flight_table* table_;
  flight& flight_;
  bool known_ = false;
  std::exception_ptr error_;
};

struct same_key {
  template <class K>
  bool operator()(const K& a, const K& b) const {
    return a == b;
  }
};

}  // namespace detail

template <class K, class V, class Hash = std::hash<K>, class Equal = detail::same_key>
class singleflight {
  static_assert(
      std::is_object_v<V> && std::is_copy_constructible_v<V>,
      "goro: singleflight: every caller gets a copy of the result, so V must be copyable; share what is not "
      "through a std::shared_ptr");
  static_assert(std::is_copy_constructible_v<K>,
                "goro: singleflight: the key is copied, so K must be copyable");
  static_assert(std::is_invocable_r_v<std::size_t, const Hash&, const K&>,
                "goro: singleflight: the key needs a hash; specialise std::hash or give a Hash");

 public:
  struct result {
    V value;
    bool shared;  // more than one caller got it; the same answer for each of them, the first included
  };

  singleflight() = default;
  constexpr explicit singleflight(Hash hash, Equal equal = Equal())
      : hash_(std::move(hash)), equal_(std::move(equal)) {}
  singleflight(const singleflight&) = delete;
  singleflight& operator=(const singleflight&) = delete;

  // Runs f() here, unless a call for an equal key is in the air: then waits for that one. Both get its result.
  //
  // Throws   what f threw, for every caller the same exception object; if f ended its goroutine by goexit(),
  //          std::logic_error for the others ("goexit"). What hash, equality and copies throw, for this caller
  //          alone. std::invalid_argument: f is empty.
  // Waits    without limit; shown as "singleflight" in a dump.
  // Cost     one allocation and a copy of the key for the first; a copy of the value, if it is shared, for each.
  // Go       Group.Do
  template <class F>
  requires std::is_constructible_v<V, std::invoke_result_t<F&>> result do_call(const K& key, F f) {
    detail::check_not_empty(f, "singleflight::do_call");
    bool first = false;
    const hold own = join(key, first);
    if (!first) {
      table_.wait(*own);
      return collect(*own, false);
    }
    fly(*own, f);
    return collect(*own, true);
  }

  // The same, but runs f() in a goroutine of its own and gives a future of the result. This call counts before
  // it returns. If f calls goexit() its own future gets broken_promise, as in async, and the others what
  // do_call throws.
  //
  // Throws   what goro::go throws, then also for those who had joined meanwhile; what hash, equality and the
  //          copy of the key throw. What f throws comes out of get().
  // Cost     a goroutine, also for one that only waits, and an allocation or two.
  // Go       Group.DoChan
  template <class F>
  requires std::is_constructible_v<V, std::invoke_result_t<F&>> future<result> do_async(const K& key, F f) {
    detail::check_not_empty(f, "singleflight::do_async");
    bool first = false;
    const hold own = join(key, first);
    if (!first) {
      return async([this, own] {
        table_.wait(*own);
        return collect(*own, false);
      });
    }
    detail::landing unless_started(table_, *own);
    try {
      future<result> theirs = async([this, own, f = std::move(f)]() mutable {
        fly(*own, f);
        return collect(*own, true);
      });
      unless_started.hand_over();
      return theirs;
    } catch (...) {
      unless_started.ended(detail::escaped_exception());
      throw;
    }
  }

  // Lets the next call for this key start afresh, even while one is in the air. Those who have joined that one
  // still get its result.
  //
  // Go       Group.Forget
  void forget(const K& key) {
    const std::uint64_t hash = hash_of(key);
    std::uint64_t seen = 0;
    while (const hold found = hold(table_.find(hash, seen, nullptr))) {
      if (equal_(found->key, key)) table_.forget(*found);
      seen = found->serial;
    }
  }

 private:
  struct flight : detail::flight {
    flight(std::uint64_t hash, const K& of) : detail::flight(hash, &end), key(of) {}
    static void end(detail::flight* f) noexcept { delete static_cast<flight*>(f); }

    const K key;
    std::optional<V> value;  // written before it lands, then constant if it is shared
  };
  using hold = detail::flight_hold<flight>;

  std::uint64_t hash_of(const K& key) const { return static_cast<std::size_t>(hash_(key)); }

  // The flight for this key, and the caller counted in. Keys are compared outside the table's lock: each round
  // looks at the next flight of the same hash, and takes off only if there was none left at that moment.
  hold join(const K& key, bool& first) {
    const std::uint64_t hash = hash_of(key);
    std::uint64_t seen = 0;
    hold fresh;
    for (;;) {
      hold found(table_.find(hash, seen, fresh.get()));
      if (found) {
        seen = found->serial;
        if (equal_(found->key, key) && table_.board(*found)) return found;
      } else if (fresh) {
        first = true;
        return fresh;
      } else {
        fresh = hold(new flight(hash, key));
      }
    }
  }

  template <class F>
  void fly(flight& own, F& f) {
    detail::landing at_end(table_, own);
    try {
      detail::noting_throw([&] { own.value.emplace(f()); });
      at_end.ended(nullptr);
    } catch (...) {
      at_end.ended(detail::escaped_exception());
      detail::keep_flight_site(own);
    }
  }

  // After it has landed.
  static result collect(flight& own, bool first) {
    if (own.error) detail::throw_flight_error(own);
    if (own.callers == 1 && first) return result{*std::move(own.value), false};
    return result{*std::as_const(own.value), own.callers > 1};
  }

  detail::flight_table table_;
  [[no_unique_address]] Hash hash_{};
  [[no_unique_address]] Equal equal_{};
};

}  // namespace goro
