// SPDX-License-Identifier: MIT
// Which frames of a stack are goro's own, and so not shown.
#include "debug/symbolise.hpp"

#include <gtest/gtest.h>

namespace {

using goro::detail::is_inner;

goro::stack_frame at(const char* function, const char* file) { return {1, function, file, 12}; }

TEST(InnerFrames, AreGorosOwnFunctions) {
  EXPECT_TRUE(is_inner(at("goro::detail::shared_function<int>::box::call(int)", "/usr/include/goro/http/router.hpp")));
  EXPECT_TRUE(is_inner(at("void goro::detail::run_closure<main::{lambda()#1}>(void*)", "/usr/include/goro/go.hpp")));
  EXPECT_TRUE(is_inner(at("goro::detail::run_here(void*)", "")));
  EXPECT_TRUE(is_inner(at("goro::detail::run_here(void*)", "/usr/include/c++/12/bits/std_function.h")));
  EXPECT_FALSE(is_inner(at("goro::scope::wait()", "/usr/include/goro/scope.hpp")));
  EXPECT_FALSE(is_inner(at("app::work()", "/home/u/app.cpp")));
}

// With -g1 a lambda that is inlined has no name of its own.
TEST(InnerFrames, NotUsersCodeThatIsInlinedIntoThem) {
  EXPECT_FALSE(is_inner(at("goro::detail::shared_function<int>::box::call(int)", "/home/u/app.cpp")));
}

}  // namespace
