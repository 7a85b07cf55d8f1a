// SPDX-License-Identifier: MIT
// Failures of goroutines that have ended, kept by a group until somebody collects them: so that a dump can
// show them, though their goroutines are gone.
#pragma once

#include "base/intrusive_list.hpp"

#include <cstdint>
#include <exception>
#include <string>

namespace goro::detail {

// Part of what keeps the failure. Filled by show_failure, then constant until hide_failure.
struct uncollected_failure {
  list_link<uncollected_failure> link;
  std::string state;              // "failed: <what>"; empty: there was no memory for it
  std::string name;               // of the goroutine that failed, as are the next three
  std::uint64_t id = 0;           // 0: it was a plain thread
  std::uint64_t created_by = 0;   // id of its creator
  std::uintptr_t created_at = 0;  // return address of its go()
  const void* kept_by = nullptr;  // whose wait collects it
};

// In the goroutine that failed with `error`: fills `failure` in, and puts it where the walk finds it.
void show_failure(uncollected_failure& failure, const void* kept_by,
                  const std::exception_ptr& error) noexcept;

// It was shown, and has been collected. When this returns no walk looks at it any more.
void hide_failure(uncollected_failure& failure) noexcept;

// Calls visit(to, failure) for each, oldest first, under the list's lock: visit may allocate, but must not wait,
// nor call anything of goro.
void for_each_uncollected_failure(void (*visit)(void* to, const uncollected_failure& failure), void* to);

}  // namespace goro::detail
