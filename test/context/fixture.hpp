// SPDX-License-Identifier: MIT
// What the tests of contexts share.
#pragma once

#include "sched/on_goroutine.hpp"
#include "support/at_procs.hpp"
#include "support/eventually.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <exception>
#include <string>
#include <system_error>

namespace goro_test {

class ContextTest : public testing::Test {
 protected:
  void SetUp() override { before_ = settled_goroutines(); }
  void TearDown() override {
    EXPECT_TRUE(eventually([&] { return goro::num_goroutine() == before_; })) << goro::num_goroutine();
  }
  hang_guard guard_{"context"};
  std::size_t before_ = 0;
};

inline bool is_closed(const goro::recv_chan<std::monostate>& done) {
  return done && done.try_recv().status == goro::op_status::closed;
}
inline bool is_open(const goro::recv_chan<std::monostate>& done) {
  return !done || done.try_recv().status == goro::op_status::would_block;
}

// The text of the exception; "" for none.
inline std::string text_of(const std::exception_ptr& cause) {
  if (!cause) return "";
  try {
    std::rethrow_exception(cause);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "?";
  }
}

inline std::exception_ptr reason(const char* text) {
  return std::make_exception_ptr(std::runtime_error(text));
}

// The code, if the cause is a std::system_error.
inline std::error_code code_of(const std::exception_ptr& cause) {
  if (!cause) return {};
  try {
    std::rethrow_exception(cause);
  } catch (const std::system_error& e) {
    return e.code();
  } catch (...) {
    return std::make_error_code(std::errc::invalid_argument);
  }
}

}  // namespace goro_test
