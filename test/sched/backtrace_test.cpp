// SPDX-License-Identifier: MIT
// An unwinder that starts in a goroutine must come to an end at the goroutine's entry: no more frames than
// there are, no null or wild addresses, no crash; on a fresh stack, after parks, and in another thread.
#include "sched/on_goroutine.hpp"
#include "support/at_procs.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <dlfcn.h>
#include <execinfo.h>
#include <unwind.h>

#include <array>
#include <chrono>
#include <cstdint>

namespace {

using goro_test::on_goroutine;

constexpr int room = 512;

struct walk {
  int frames = 0;
  _Unwind_Reason_Code end = _URC_NO_REASON;
  std::uintptr_t last = 0;
  bool code = true;  // each address lies in a mapped object
};

[[gnu::noinline]] walk unwind_from_here() {
  walk w;
  w.end = _Unwind_Backtrace(
      [](_Unwind_Context* context, void* arg) {
        walk& into = *static_cast<walk*>(arg);
        const std::uintptr_t pc = _Unwind_GetIP(context);
        if (pc == 0) return _URC_NO_REASON;
        Dl_info info;
        if (::dladdr(reinterpret_cast<void*>(pc), &info) == 0) into.code = false;
        into.last = pc;
        return ++into.frames == room ? _URC_NORMAL_STOP : _URC_NO_REASON;
      },
      &w);
  return w;
}

[[gnu::noinline]] int frames_from_here() {
  std::array<void*, room> at;
  const int n = ::backtrace(at.data(), room);
  asm volatile("" ::: "memory");
  return n;
}

[[gnu::noinline]] int frames_below(int depth) {
  const int n = depth == 0 ? frames_from_here() : frames_below(depth - 1);
  asm volatile("" ::: "memory");  // keeps each call a call
  return n;
}

void expect_clean_end(const char* where) {
  const int n = frames_from_here();
  EXPECT_GE(n, 2) << where;
  EXPECT_LE(n, 40) << where << ": ran on past the entry";
  const walk w = unwind_from_here();
  EXPECT_EQ(w.end, _URC_END_OF_STACK) << where;
  EXPECT_TRUE(w.code) << where << ": a frame outside all code";
  EXPECT_LE(w.frames, 40) << where;
}

TEST(Backtrace, EndsAtTheEntryOfAFreshGoroutine) {
  on_goroutine([] { expect_clean_end("fresh"); });
  goro::wait_group group;
  group.go([] { expect_clean_end("fresh, by a wait group"); });
  group.wait();
}

TEST(Backtrace, EndsAtTheEntryAfterAPark) {
  on_goroutine([] {
    goro::yield();
    expect_clean_end("after a yield");
    goro::sleep_for(std::chrono::milliseconds(1));
    expect_clean_end("after a sleep");
  });
}

TEST(Backtrace, EndsAtTheEntryInAnotherThread) {
  const goro_test::hang_guard guard("Backtrace");
  const goro_test::procs_for_now procs(4);
  on_goroutine([] {
    ASSERT_TRUE(goro_test::migrate());
    expect_clean_end("in another thread");
  });
}

TEST(Backtrace, EndsAtTheEntryOnAReusedStack) {
  for (int i = 0; i != 20; ++i) {
    goro::wait_group group;
    group.go([i] {
      if (i % 2 == 0) goro::yield();
      expect_clean_end("reused");
    });
    group.wait();
  }
}

TEST(Backtrace, CountsEachFrameOnce) {
  on_goroutine([] {
    const int base = frames_below(0);
    EXPECT_EQ(frames_below(10), base + 10);
    goro::yield();
    EXPECT_EQ(frames_below(30), frames_below(0) + 30);
  });
}

TEST(Backtrace, WorksInsideACatchBlockAfterAPark) {
  on_goroutine([] {
    try {
      throw 1;
    } catch (int) {
      goro::yield();
      const walk w = unwind_from_here();
      EXPECT_EQ(w.end, _URC_END_OF_STACK);
      EXPECT_LE(w.frames, 60);
    }
  });
}

}  // namespace
