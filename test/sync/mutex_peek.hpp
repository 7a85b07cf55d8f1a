// SPDX-License-Identifier: MIT
// A look at, and a step into, what mutex.cpp keeps to itself.
#pragma once

#include "sync/mutex_seekers.hpp"

#include <goro/mutex.hpp>

#include <cstdint>

namespace goro::detail {

struct mutex_peek {
  static std::uint32_t flags(const mutex& m) { return __atomic_load_n(&m.flags_, __ATOMIC_RELAXED); }
  static bool turning(const mutex& m) { return (m.now() & mutex::turning) != 0; }
  static bool contended(const mutex& m) { return (m.now() & mutex::contended) != 0; }
  // How many seek at the mutexes that share its entry.
  static std::uint32_t seekers(const mutex& m) {
    return __atomic_load_n(&mutex_seekers[mutex_seekers_entry(&m)], __ATOMIC_RELAXED);
  }
  // The two halves of an unlock by a holder that has looked at the flags long ago.
  static void store_free(mutex& m) { __atomic_store_n(&m.lock_, mutex::free_now, __ATOMIC_RELEASE); }
  static void look(mutex* where) { mutex::wake_seeker(where); }
};

}  // namespace goro::detail
