// SPDX-License-Identifier: MIT
// Where an exception was thrown that leaves a goroutine's function, for those who catch it there and report it.
// How: src/sched/throw_site.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include <goro/detail/export.hpp>

namespace goro::detail {

struct throw_site {
  static constexpr std::size_t most_frames = 48;

  std::size_t depth = 0;  // 0: not known
  std::uintptr_t pcs[most_frames];  // innermost first, the machinery of throwing included
};

// Calls run(closure). The stack of an exception that leaves it is noted for the calling goroutine.
GORO_API void call_noting_throw(void (*run)(void*), void* closure);

template <class F>
void noting_throw(F f) {
  call_noting_throw([](void* closure) { (*static_cast<F*>(closure))(); }, &f);
}

// What was noted last for the calling goroutine, once. To be called by who has caught it: what is left behind would be
// taken for the place of a later one.
GORO_API throw_site take_throw_site() noexcept;

}  // namespace goro::detail
