// SPDX-License-Identifier: MIT
// What tests of proofs share. A thing that a test has lost on purpose is kept in a form that is no reference, so
// that a proof does not find it and the test can, to wake at the end who waited for it for ever.
//
// Everything is made in goroutines that end, since what is left of their frames is on a stack that nobody uses.
#pragma once

#include <goro/goro.hpp>

#include "sched/introspect.hpp"
#include "support/at_procs.hpp"
#include "support/eventually.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace goro_test {

// A chan, a pointer: one word.
template <class T>
class lost {
 public:
  [[gnu::noinline]] explicit lost(const T& thing) {
    static_assert(sizeof(T) == 8);
    alignas(T) unsigned char copy[8];
    new (copy) T(thing);
    std::uint64_t word = 0;
    std::memcpy(&word, copy, 8);
    bits_ = ~word;
    asm volatile("" : : "r"(copy) : "memory");
  }
  // The word itself, as a number, negated: for those who make a reference of it somewhere.
  std::uint64_t hidden() const { return bits_; }
  [[nodiscard]] T find() const {
    const std::uint64_t word = ~bits_;
    alignas(T) unsigned char copy[8];
    std::memcpy(copy, &word, 8);
    return std::move(*std::launder(reinterpret_cast<T*>(copy)));
  }

 private:
  std::uint64_t bits_;
};

class Proven : public testing::Test {
 protected:
  using reason = goro::detail::wait_reason;

  void SetUp() override {
    if (under_tsan) GTEST_SKIP() << "a proof is not to be had under ThreadSanitizer";
  }
  void TearDown() override {
    for (const auto& ch : channels_) ch.find().close();
    channels_.clear();
    EXPECT_TRUE(eventually([] { return goro::num_goroutine() == 0; })) << goro::num_goroutine();
  }

  // Runs `body` in a goroutine of its own that ends, and all that it leaves there is gone.
  template <class F>
  static void elsewhere(F body) {
    goro::async(std::move(body)).get();
  }

  // To be closed when the test ends.
  goro::chan<int> new_lost_channel(std::size_t capacity = 0) {
    auto ch = goro::make_chan<int>(capacity);
    lose(ch);
    return ch;
  }
  void lose(const goro::chan<int>& ch) { channels_.emplace_back(ch); }
  const lost<goro::chan<int>>& last_lost() const { return channels_.back(); }

  static void send(const goro::chan<int>& ch) {
    try {
      ch.send(1);
    } catch (const goro::channel_error&) {  // closed by TearDown
    }
  }
  static void receive(const goro::chan<int>& ch) { (void)ch.recv(); }

  static bool parked(reason why, std::size_t n = 1) {
    return eventually([=] { return goro::detail::parked_count(why) == n; });
  }

  // Who is proven, by name. Twice, since what is stuck stays so.
  static std::vector<std::string> names() {
    const auto first = goro::leak::prove();
    EXPECT_EQ(first.unavailable, "");
    const auto second = goro::leak::prove();
    EXPECT_EQ(second.unavailable, "");
    EXPECT_EQ(names_of(first.leaked), names_of(second.leaked));
    return names_of(first.leaked);
  }
  static std::vector<std::string> names_of(const std::vector<goro::goroutine_info>& all) {
    std::vector<std::string> out;
    for (const auto& g : all) out.push_back(g.name.empty() ? std::to_string(g.id) : g.name);
    std::sort(out.begin(), out.end());
    return out;
  }

  hang_guard guard_{"Proven"};

 private:
  std::vector<lost<goro::chan<int>>> channels_;
};

}  // namespace goro_test
