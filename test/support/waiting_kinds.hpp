// SPDX-License-Identifier: MIT
// One goroutine of each kind of wait; they end with the object, but for those that wait for ever: these are
// daemons and made once.
#pragma once

#include <goro/goro.hpp>

#include "support/eventually.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <vector>

namespace goro_test {

// What follows must be frames of their own.
#define GORO_TEST_FRAME [[gnu::noinline, gnu::optimize("no-optimize-sibling-calls")]]

class waiting_kinds {
 public:
  struct kind {
    std::string name;
    std::string state;
    std::string function;  // on its stack
  };

  waiting_kinds() {
    group_.add(1);
    start("receiver", &waiting_kinds::wait_in_receive);
    start("receiver-2", &waiting_kinds::wait_in_receive);
    start("timed-receiver", &waiting_kinds::wait_in_timed_receive);
    start("sender", &waiting_kinds::wait_in_send);
    start("selector", &waiting_kinds::wait_in_select);
    start("sleeper", &waiting_kinds::wait_in_sleep);
    start("group-waiter", &waiting_kinds::wait_for_group);
    start("future-waiter", &waiting_kinds::wait_for_future);
    start("scope-waiter", &waiting_kinds::wait_in_scope);
    static const bool once = [] {
      goro::go({.name = "nil-receiver", .daemon = true}, [] { wait_for_nil_receive(); });
      goro::go({.name = "nil-sender", .daemon = true}, [] { wait_for_nil_send(); });
      goro::go({.name = "idler", .daemon = true}, [] { wait_in_empty_select(); });
      return true;
    }();
    (void)once;
  }
  waiting_kinds(const waiting_kinds&) = delete;
  waiting_kinds& operator=(const waiting_kinds&) = delete;

  ~waiting_kinds() {  // all but the daemons have ended when it returns
    stop_ = true;
    values_.close();
    filled_.close();
    group_.done();
    promise_.set_value(1);
    all_.wait();
  }

  static std::vector<kind> expected() {
    return {{"receiver", "chan receive", "wait_in_receive"},
            {"receiver-2", "chan receive", "wait_in_receive"},
            {"timed-receiver", "chan receive", "wait_in_timed_receive"},
            {"sender", "chan send", "wait_in_send"},
            {"selector", "select", "wait_in_select"},
            {"sleeper", "sleep", "wait_in_sleep"},
            {"group-waiter", "wait_group", "wait_for_group"},
            {"future-waiter", "future", "wait_for_future"},
            {"scope-waiter", "scope", "wait_in_scope"},
            {"nil-receiver", "chan receive (nil chan)", "wait_for_nil_receive"},
            {"nil-sender", "chan send (nil chan)", "wait_for_nil_send"},
            {"idler", "select (no cases)", "wait_in_empty_select"}};
  }

  // Waits until all are where they are meant to be.
  bool all_parked() const {
    return eventually([] {
      const auto seen = goro::goroutines();
      const auto wanted = expected();
      return std::all_of(wanted.begin(), wanted.end(), [&](const kind& k) {
        return std::any_of(seen.begin(), seen.end(), [&](const goro::goroutine_info& g) {
          return g.name == k.name && g.state == k.state && !g.stack.empty();
        });
      });
    });
  }

  const goro::wait_group& group() const { return group_; }

 private:
  void start(const char* name, void (waiting_kinds::*wait)()) {
    all_.add(1);
    goro::go({.name = name}, [this, wait] {
      (this->*wait)();
      all_.done();
    });
  }

  GORO_TEST_FRAME void wait_in_receive() { (void)values_.recv(); }
  GORO_TEST_FRAME void wait_in_timed_receive() { (void)values_.recv_for(std::chrono::hours(1)); }
  GORO_TEST_FRAME void wait_in_send() {
    try {
      for (;;) filled_.send(1);
    } catch (const goro::channel_error&) {
    }
  }
  GORO_TEST_FRAME void wait_in_select() { (void)goro::select(goro::recv(values_), goro::recv(never_)); }
  GORO_TEST_FRAME void wait_in_sleep() {
    while (!stop_) goro::sleep_for(std::chrono::milliseconds(300));
  }
  GORO_TEST_FRAME void wait_for_group() { group_.wait(); }
  GORO_TEST_FRAME void wait_for_future() { (void)promise_.get_future().get(); }
  GORO_TEST_FRAME void wait_in_scope() {
    goro::scope s;
    s.go([this] { (void)values_.recv(); });
    s.wait();
  }
  GORO_TEST_FRAME static void wait_for_nil_receive() { (void)goro::chan<int>().recv(); }
  GORO_TEST_FRAME static void wait_for_nil_send() { goro::chan<int>().send(1); }
  GORO_TEST_FRAME static void wait_in_empty_select() { (void)goro::select(); }

  std::atomic<bool> stop_{false};
  goro::chan<int> values_ = goro::make_chan<int>();
  goro::chan<int> never_ = goro::make_chan<int>();
  goro::chan<int> filled_ = goro::make_chan<int>(2);
  goro::wait_group group_;
  goro::promise<int> promise_;
  goro::wait_group all_;
};

}  // namespace goro_test
