// SPDX-License-Identifier: MIT
// Test cases that are watched for leaks; which ones run is for the arguments to say.
#define CATCH_CONFIG_MAIN
#include <goro/catch2.hpp>
#include <goro/goro.hpp>

#include <chrono>
#include <csignal>

using goro_leaks = goro::leak::catch2_listener;
CATCH_REGISTER_LISTENER(goro_leaks)

namespace {

using namespace std::chrono_literals;

const auto never = goro::make_chan<int>();

[[gnu::noinline]] void wait_for_nobody() {
  (void)never.recv();
  asm volatile("" ::: "memory");
}

TEST_CASE("clean") {
  goro::go([] { goro::sleep_for(20ms); });
  CHECK(true);
}

TEST_CASE("leaks") {
  goro::go([] { goro::go({.name = "forgotten"}, [] { wait_for_nobody(); }); });
  CHECK(true);
}

TEST_CASE("not blamed") { CHECK(true); }

TEST_CASE("sections") {
  SECTION("without") { CHECK(true); }
  SECTION("with") {
    goro::go([] { wait_for_nobody(); });
    CHECK(true);
  }
  SECTION("without again") { CHECK(true); }
}

TEST_CASE("dies") {
  goro::go([] { wait_for_nobody(); });
  raise(SIGTERM);
}

}  // namespace
