// SPDX-License-Identifier: MIT
// The text and the JSON of a dump.
#include <goro/goro.hpp>

#include "sched/introspect.hpp"
#include "support/at_procs.hpp"
#include "support/child.hpp"
#include "support/eventually.hpp"
#include "support/waiting_kinds.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using goro::detail::parked_count;
using goro::detail::wait_reason;
using goro_test::eventually;
using goro_test::waiting_kinds;
using testing::HasSubstr;

std::string dump() {
  std::ostringstream out;
  goro::dump_goroutines(out);
  return out.str();
}

std::string json() {
  std::ostringstream out;
  goro::dump_goroutines_json(out);
  return out.str();
}

bool matches(const std::string& text, const std::string& pattern) {
  return std::regex_search(text, std::regex(pattern));
}

// Python's own reader, with a program that may look into `d`.
goro_test::child_result read_json(const std::string& text, const std::string& program) {
  const std::string path = testing::TempDir() + "/goro_dump_" + std::to_string(getpid()) + ".json";
  std::ofstream(path) << text;
  const auto r = goro_test::run_child(
      "/usr/bin/env", {"python3", "-c", "import json,sys\nd=json.load(open(sys.argv[1]))\n" + program, path});
  std::remove(path.c_str());
  return r;
}

class Dump : public testing::Test {
 protected:
  // `n` goroutines that wait alike.
  void start(int n) {
    for (int i = 0; i != n; ++i) {
      group_.add(1);
      goro::go({.name = "alike"}, [this] { wait(); });
    }
  }
  void TearDown() override {
    values_.close();
    group_.wait();
  }
  [[gnu::noinline]] void wait() {
    (void)values_.recv();
    group_.done();
  }

  goro_test::hang_guard guard_{"Dump", 180};  // longer than the waits in here, so that these say what did not come
  goro::chan<int> values_ = goro::make_chan<int>(4);
  goro::wait_group group_;
};

TEST_F(Dump, NamesEachGoroutineItsStateItsObjectItsCreationAndItsFrames) {
  waiting_kinds kinds;
  ASSERT_TRUE(kinds.all_parked());
  const std::string text = dump();
  for (const auto& [name, state, function] : waiting_kinds::expected()) {
    const auto at = text.find("\"" + name + "\" [" + state);
    ASSERT_NE(at, std::string::npos) << name << " in\n" << text;
    EXPECT_NE(text.find(function, at), std::string::npos) << function;
  }
  EXPECT_TRUE(matches(text,
                      "goroutine [0-9]+ \"sender\" \\[chan send[^\\]]*\\] on channel 0x[0-9a-f]+ "
                      "\\(len 2, cap 2; 1 waits to send\\):\n"))
      << text;
  EXPECT_TRUE(matches(text,
                      "goroutine [0-9]+ \"receiver\" \\[chan receive[^\\]]*\\] on channel 0x[0-9a-f]+ "
                      "\\(len 0, cap 0; [0-9]+ waits? to receive\\):\n"))
      << text;
  EXPECT_TRUE(matches(text, "\"group-waiter\" \\[wait_group[^\\]]*\\] on wait_group 0x[0-9a-f]+:\n")) << text;
  EXPECT_TRUE(matches(text, "\n\t[^\n]*waiting_kinds\\.hpp:[0-9]+ \\(0x[0-9a-f]+\\)\n")) << text;
  EXPECT_TRUE(matches(text, "\ncreated by a plain thread at [^\n]*waiting_kinds\\.hpp:[0-9]+ in [^\n]*start"))
      << text;
  EXPECT_TRUE(matches(text, "created by goroutine [0-9]+ at [^\n]*waiting_kinds\\.hpp")) << "the scope's\n"
                                                                                         << text;
  EXPECT_THAT(text, HasSubstr("goro: "));
}

TEST_F(Dump, EqualStacksAreGroupedAndCounted) {
  start(12);
  std::string text;
  ASSERT_TRUE(eventually([&] {
    text = dump();
    return matches(text, "12 goroutines like this:\ngoroutine [0-9]+ \"alike\" .chan receive");
  })) << text;
  EXPECT_TRUE(matches(text, "12 goroutines like this:\n(goroutine [0-9]+ \"alike\" [^\n]*\n){12}[^\n]"))
      << text;
  EXPECT_TRUE(matches(text, "len 0, cap 4; 12 wait to receive")) << text;
}

TEST_F(Dump, SaysHowLong) {
  start(1);
  EXPECT_TRUE(eventually([] { return matches(dump(), "\"alike\" \\[chan receive, [0-9]+ ms\\]"); }));
}

TEST_F(Dump, AnUnboundedChannelSaysSo) {
  const auto c = goro::make_chan<int>(goro::unbounded);
  goro::go({.name = "unbounded"}, [c, this] {
    group_.add(1);
    (void)c.recv();
    group_.done();
  });
  EXPECT_TRUE(eventually([] { return matches(dump(), "\"unbounded\" [^\n]*len 0, unbounded; 1 waits"); }));
  c.close();
}

TEST_F(Dump, ATimersChannelSaysSo) {
  group_.add(1);
  goro::go({.name = "timed"}, [this] {
    goro::timer t(std::chrono::seconds(2));
    (void)t.c().recv();
    group_.done();
  });
  EXPECT_TRUE(eventually([] { return matches(dump(), "\"timed\" [^\n]*\\(a timer's; 1 waits to receive\\)"); }));
  EXPECT_TRUE(matches(json(), "\"name\":\"timed\"[^\n]*\"kind\":\"timer\""));
}

TEST_F(Dump, JsonIsWellFormedAndSaysTheSame) {
  waiting_kinds kinds;
  ASSERT_TRUE(kinds.all_parked());
  const auto r = read_json(json(), R"(
byname={g["name"]:g for g in d["goroutines"]}
print(byname["sender"]["state"], byname["sender"]["waits_on"]["len"], byname["sender"]["waits_on"]["cap"])
print(*(byname[n]["waits_on"]["kind"] for n in ("sender", "receiver")))
print(byname["sender"]["waits_on"]["waiting"], byname["receiver"]["waits_on"]["waiting"] >= 2)
print(byname["nil-receiver"]["daemon"], byname["sleeper"]["daemon"])
print(any("wait_in_receive" in f["function"] for f in byname["receiver"]["stack"]))
print(byname["receiver"]["created_at"]["line"] > 0, byname["receiver"]["waiting_ns"] >= 0)
print(int(byname["receiver"]["waits_on"]["address"], 16) == int(byname["receiver-2"]["waits_on"]["address"], 16))
)");
  EXPECT_EQ(r.exit_status, 0) << r.err << json();
  EXPECT_EQ(r.out, "chan send 2 2\nbuffered unbuffered\n1 True\nTrue False\nTrue\nTrue True\nTrue\n");
}

TEST_F(Dump, JsonSurvivesAnyName) {
  const auto until = goro::make_chan<int>();
  const char* const names[] = {"a\"quote\\", "tab\tnew\nline\x01", "\xff\xfe broken",
                               "caf\xc3\xa9 \xe2\x82\xac", "\xe2\x82"};
  for (const char* name : names) {
    group_.add(1);
    goro::go({.name = name}, [until, this] {
      (void)until.recv();
      group_.done();
    });
  }
  ASSERT_TRUE(eventually([] { return parked_count(wait_reason::chan_receive) >= 5; }));
  const auto r = read_json(json(), R"(
names=[g["name"] for g in d["goroutines"]]
print("a\"quote\\" in names, "tab\tnew\nline\x01" in names, "\ufffd\ufffd broken" in names, "caf\u00e9 \u20ac" in names)
)");
  EXPECT_EQ(r.exit_status, 0) << r.err;
  EXPECT_EQ(r.out, "True True True True\n");
  until.close();
}

TEST_F(Dump, ManyGoroutinesAreDumped) {
  const int n = goro_test::under_tsan ? 5000 : goro_test::scaled(100'000);
  start(n);
  ASSERT_TRUE(eventually(
      [n] { return parked_count(wait_reason::chan_receive) >= static_cast<std::size_t>(n); }, 60s))
      << parked_count(wait_reason::chan_receive) << " of " << n << " have parked";
  std::printf("  all have parked\n");
  std::fflush(stdout);
  const auto begin = std::chrono::steady_clock::now();
  const std::string text = dump();
  const auto took = std::chrono::steady_clock::now() - begin;
  std::printf("  %d goroutines in %.0f ms\n", n, std::chrono::duration<double, std::milli>(took).count());
  EXPECT_THAT(text.substr(0, 2000), HasSubstr(std::to_string(n) + " goroutines like this"));
  std::size_t heads = 0;
  for (std::size_t at = 0; (at = text.find("\"alike\" [chan receive", at)) != std::string::npos; ++at)
    ++heads;
  EXPECT_EQ(heads, static_cast<std::size_t>(n));
}

}  // namespace
