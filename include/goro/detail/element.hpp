// SPDX-License-Identifier: MIT
// What the compiled core of channels must know of a T: one constant table for each type. It is what lets all
// of send, receive, close and select be compiled once, behind a thin typed shell.
//
// Two kinds of types
//   bitwise   trivially copyable, of 0, 1, 2, 4, 8 or 16 bytes: the core copies the bytes itself, by a switch
//             on the size, without an indirect call. The receiver's slot is raw storage for a T. An empty T
//             has size 0: it takes part in everything and occupies no memory.
//   others    the core calls the table's functions. The receiver's slot is a std::optional<T>, so that a
//             value is moved once, straight to where the user gets it.
#pragma once

#include <cstddef>
#include <cstring>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

namespace goro::detail {

struct element_type {
  std::size_t size;   // in a buffer; 0 for a trivial empty type
  std::size_t align;  // of a buffer
  bool bitwise;
  bool nothrow_take;  // `take` cannot throw
  // Makes a T at `to`, raw storage in a buffer, from the sender's object at `from`. Null if bitwise.
  void (*put)(void* to, void* from);
  // Fills the std::optional<T> at `out` from the object at `from`. Null if bitwise.
  void (*take)(void* out, void* from);
  // Ends the life of a T in a buffer. Null if there is nothing to do.
  void (*destroy)(void* value) noexcept;
};

template <class T>
inline constexpr bool is_hollow = std::is_empty_v<T> && std::is_trivially_copyable_v<T>;

template <class T>
inline constexpr bool is_bitwise =
    std::is_trivially_copyable_v<T> && std::is_move_constructible_v<T> &&
    (is_hollow<T> || sizeof(T) == 1 || sizeof(T) == 2 || sizeof(T) == 4 || sizeof(T) == 8 || sizeof(T) == 16);

// What a sender's slot refers to is a `Source`, `T&&` as a rule; a select may send an lvalue, which is copied
// when its case is chosen, or something that converts.
template <class T, class Source>
struct element_functions {
  using source = std::remove_reference_t<Source>;

  static void put(void* to, void* from) { ::new (to) T(static_cast<Source>(*static_cast<source*>(from))); }

  static void take(void* out, void* from) {
    static_cast<std::optional<T>*>(out)->emplace(static_cast<Source>(*static_cast<source*>(from)));
  }

  static void destroy(void* value) noexcept { static_cast<T*>(value)->~T(); }
};

template <class T, class Source = T&&>
constexpr element_type make_element_type() noexcept {
  static_assert(std::is_object_v<T> && !std::is_array_v<T> && !std::is_const_v<T> &&
                    std::is_destructible_v<T>,
                "a channel carries movable objects: no references, arrays, const types or void");
  if constexpr (is_bitwise<T>) {
    return {is_hollow<T> ? 0 : sizeof(T), alignof(T), true, true, nullptr, nullptr, nullptr};
  } else {
    using functions = element_functions<T, Source>;
    return {sizeof(T),
            alignof(T),
            false,
            std::is_nothrow_constructible_v<T, Source>,
            &functions::put,
            &functions::take,
            std::is_trivially_destructible_v<T> ? nullptr : &functions::destroy};
  }
}

template <class T, class Source = T&&>
inline constexpr element_type element_of = make_element_type<T, Source>();

// Where a receive puts its value: raw storage if T is bitwise, else the optional itself.
template <class T, bool Bitwise = is_bitwise<T>>
class receive_slot {
 public:
  void* address() noexcept { return &value_; }
  T& value() noexcept { return *value_; }  // after a receive that got one
  void clear() noexcept { value_.reset(); }

 private:
  std::optional<T> value_;
};

template <class T>
class receive_slot<T, true> {
 public:
  receive_slot() noexcept {}  // NOLINT: raw storage, on purpose not initialised
  void* address() noexcept { return storage_; }
  T& value() noexcept { return *std::launder(reinterpret_cast<T*>(storage_)); }  // after one that got one
  void clear() noexcept {}

 private:
  alignas(T) unsigned char storage_[sizeof(T)];
};

}  // namespace goro::detail
