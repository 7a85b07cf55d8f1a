// SPDX-License-Identifier: MIT
// What the tests of exceptions in flight share.
#pragma once

#include <exception>
#include <string>

namespace goro_test {

// Runs `f` when it is destroyed.
template <class F>
struct at_exit {
  F f;
  ~at_exit() { f(); }
};
template <class F>
at_exit(F) -> at_exit<F>;

// what() of an exception, without which one cannot tell two of them apart.
inline std::string message(const std::exception_ptr& p) {
  if (!p) return "(none)";
  try {
    std::rethrow_exception(p);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "(something else)";
  }
}

}  // namespace goro_test
