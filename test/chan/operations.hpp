// SPDX-License-Identifier: MIT
// One operation in all the forms that the library offers, so that a rule can be checked on each of them.
#pragma once

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <string>
#include <utility>

namespace goro_test {

enum class form { plain, non_blocking, timed, select_with_default, select_of_two };

inline constexpr std::array<form, 5> all_forms = {form::plain, form::non_blocking, form::timed,
                                                  form::select_with_default, form::select_of_two};

inline const char* name(form how) {
  switch (how) {
    case form::plain: return "plain";
    case form::non_blocking: return "non-blocking";
    case form::timed: return "timed";
    case form::select_with_default: return "select with default";
    case form::select_of_two: return "select of two";
  }
  return "?";
}

struct received {
  goro::op_status status;
  int value;  // -1: none
};

// Must not be called where it would wait for ever.
inline received receive(form how, const goro::chan<int>& ch) {
  using goro::op_status;
  switch (how) {
    case form::plain: {
      const std::optional<int> got = ch.recv();
      return {got ? op_status::ok : op_status::closed, got.value_or(-1)};
    }
    case form::non_blocking: {
      const auto got = ch.try_recv();
      return {got.status, got.value.value_or(-1)};
    }
    case form::timed: {
      const auto got = ch.recv_for(std::chrono::seconds(20));
      return {got.status, got.value.value_or(-1)};
    }
    case form::select_with_default: {
      int value = -1;
      bool ok = false;
      if (goro::select(goro::recv(ch, value, ok), goro::otherwise) == 1) return {op_status::would_block, -1};
      return {ok ? op_status::ok : op_status::closed, value};
    }
    case form::select_of_two: {
      const goro::chan<int> never;
      std::optional<int> value;
      EXPECT_EQ(goro::select(goro::recv(never), goro::recv(ch, value)), 1u);
      return {value ? op_status::ok : op_status::closed, value.value_or(-1)};
    }
  }
  return {op_status::canceled, -1};
}

// Lets out what the operation throws.
inline void send_in(form how, const goro::chan<int>& ch, int value) {
  switch (how) {
    case form::plain: ch.send(value); return;
    case form::non_blocking: (void)ch.try_send(value); return;
    case form::timed: (void)ch.send_for(value, std::chrono::seconds(20)); return;
    case form::select_with_default: goro::select(goro::send(ch, value), goro::otherwise); return;
    case form::select_of_two: {
      const goro::chan<int> never;
      goro::select(goro::recv(never), goro::send(ch, value));
      return;
    }
  }
}

// Misuse throws Error with a text of the form "goro: <call>: <what>; <remedy>".
template <class Error, class F>
void expect_misuse(F&& call, const std::string& words) {
  try {
    std::forward<F>(call)();
    ADD_FAILURE() << "nothing was thrown where the text should have named " << words;
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_EQ(text.rfind("goro: ", 0), 0u) << text;
    EXPECT_NE(text.find(words), std::string::npos) << text << "\n does not name " << words;
    const std::size_t remedy = text.find("; ");
    EXPECT_TRUE(remedy != std::string::npos && remedy + 4 < text.size()) << text << "\n has no remedy";
  }
}

}  // namespace goro_test
