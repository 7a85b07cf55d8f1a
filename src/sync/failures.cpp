// SPDX-License-Identifier: MIT
#include "sync/failures.hpp"

#include "base/lock_rank.hpp"
#include "sched/goroutine.hpp"

#include <cxxabi.h>
#include <cstdlib>
#include <memory>
#include <new>
#include <typeinfo>

namespace goro::detail {
namespace {

constinit ranked_spin_lock<lock_rank::leaf> lock;
constinit list<uncollected_failure, &uncollected_failure::link> shown;

// The words of an exception: what(), or its type if it has none. Runs the user's what().
std::string words_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& known) {
    return known.what();
  } catch (...) {
    const std::type_info* const type = abi::__cxa_current_exception_type();
    if (type == nullptr) return "an exception of unknown type";
    int status = 0;
    const std::unique_ptr<char, void (*)(void*)> plain(
        abi::__cxa_demangle(type->name(), nullptr, nullptr, &status), &std::free);
    return std::string("an exception of type ") + (plain != nullptr ? plain.get() : type->name());
  }
}

}  // namespace

void show_failure(uncollected_failure& failure, const void* kept_by,
                  const std::exception_ptr& error) noexcept {
  const goroutine* const g = current_goroutine();
  if (g != nullptr) {
    failure.id = g->id;
    failure.created_by = g->created_by;
    failure.created_at = g->created_at;
  }
  failure.kept_by = kept_by;
  try {
    failure.state = "failed: " + words_of(error);
    if (g != nullptr && g->extra != nullptr && g->extra->name != nullptr) failure.name = g->extra->name;
  } catch (const std::bad_alloc&) {
    failure.state.clear();
  }
  const spin_guard guard(lock);
  shown.push_back(&failure);
}

void hide_failure(uncollected_failure& failure) noexcept {
  const spin_guard guard(lock);
  shown.erase(&failure);
}

void for_each_uncollected_failure(void (*visit)(void* to, const uncollected_failure& failure), void* to) {
  const spin_guard guard(lock);
  for (const uncollected_failure* f = shown.front(); f != nullptr; f = shown.next(f)) visit(to, *f);
}

}  // namespace goro::detail
