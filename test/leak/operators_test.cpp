// SPDX-License-Identifier: MIT
// operator new and delete of goro::leak: each form does what the standard says, and what it gives out is on record
// from then until it is given back. All of it twice: as it is started, which is without records, and in a process
// of its own with GORO_DEBUG=leak.
#include "support/at_procs.hpp"
#include "support/child.hpp"

#include "sched/heap_source.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

namespace {

bool records_are_on() {
  const char* const debug = std::getenv("GORO_DEBUG");
  if (debug == nullptr || goro_test::under_sanitizer) return false;
  return ("," + std::string(debug) + ",").find(",leak,") != std::string::npos;
}

// How long the recorded block is that begins there; 0: none. (Nothing may be allocated while it looks.)
std::size_t on_record_at(std::uintptr_t address) {
  struct question {
    std::uintptr_t first;
    std::size_t bytes = 0;
    int times = 0;
  } q{address};
  goro::detail::the_heap_records()->show_blocks(
      [](void* to, std::uintptr_t first, std::size_t bytes) noexcept {
        auto& asked = *static_cast<question*>(to);
        if (first != asked.first) return;
        asked.bytes = bytes;
        ++asked.times;
      },
      &q);
  EXPECT_LE(q.times, 1);
  return q.bytes;
}

std::uintptr_t address_of(const void* p) { return reinterpret_cast<std::uintptr_t>(p); }
std::size_t on_record(const void* block) { return on_record_at(address_of(block)); }

bool is_aligned(const void* p, std::size_t to) { return address_of(p) % to == 0; }

// What the compiler knows of new and delete does not hold for a pointer that has been here.
void* seen(void* p) {
  asm volatile("" : "+r"(p) : : "memory");
  return p;
}

void expect_on_record(const void* p, std::size_t n) { EXPECT_EQ(on_record(p), records_are_on() ? n : 0); }

TEST(Operators, GiveBlocksThatAreOnRecordUntilTheyAreGivenBack) {
  void* const p = seen(::operator new(100));
  std::memset(p, 0xff, 100);
  expect_on_record(p, 100);
  const std::uintptr_t address = address_of(p);
  ::operator delete(p);
  EXPECT_EQ(on_record_at(address), 0u);
}

TEST(Operators, EachFormOfNewGoesWithEachOfDelete) {
  const std::nothrow_t quiet{};
  for (const std::size_t n : {1, 8, 24, 1000, 5000, 300'000}) {
    void* const blocks[] = {seen(::operator new(n)), seen(::operator new[](n)),
                            seen(::operator new(n, quiet)), seen(::operator new[](n, quiet))};
    for (void* const p : blocks) expect_on_record(p, n);
    ::operator delete(blocks[0], n);
    ::operator delete[](blocks[1]);
    ::operator delete(blocks[2], quiet);
    ::operator delete[](blocks[3], quiet);
    void* const again = seen(::operator new[](n));
    ::operator delete[](again, n);
    for (void* const p : blocks) EXPECT_EQ(on_record(p), 0u);
  }
}

TEST(Operators, AlignedFormsAlign) {
  const std::nothrow_t quiet{};
  for (const std::size_t align : {1, 8, 32, 64, 4096, 1 << 20})
    for (const std::size_t n : {1, 40, 5000}) {
      const std::align_val_t to{align};
      void* const blocks[] = {seen(::operator new(n, to)), seen(::operator new[](n, to)),
                              seen(::operator new(n, to, quiet)), seen(::operator new[](n, to, quiet))};
      for (void* const p : blocks) {
        EXPECT_TRUE(is_aligned(p, align));
        std::memset(p, 0xff, n);
        expect_on_record(p, n);
      }
      ::operator delete(blocks[0], n, to);
      ::operator delete[](blocks[1], to);
      ::operator delete(blocks[2], to, quiet);
      ::operator delete[](blocks[3], n, to);
      for (void* const p : blocks) EXPECT_EQ(on_record(p), 0u);
    }
}

TEST(Operators, NoBytesAreABlockToo) {
  void* const a = seen(::operator new(0));
  void* const b = seen(::operator new (0, std::align_val_t{64}));
  EXPECT_NE(a, nullptr);
  EXPECT_NE(a, b);
  EXPECT_EQ(on_record(a), 0u);  // nothing that could be read
  ::operator delete(a);
  ::operator delete (b, std::align_val_t{64});
  ::operator delete(nullptr);
  ::operator delete[](nullptr, std::align_val_t{64});
}

TEST(Operators, WithoutMemoryTheyThrowOrSaySo) {
  if (goro_test::under_sanitizer) GTEST_SKIP() << "the sanitizers have operators of their own";
  volatile std::size_t much = PTRDIFF_MAX - 4096;
  EXPECT_THROW(seen(::operator new(much)), std::bad_alloc);
  EXPECT_THROW(seen(::operator new[](much, std::align_val_t{64})), std::bad_alloc);
  EXPECT_EQ(seen(::operator new(much, std::nothrow)), nullptr);
  EXPECT_EQ(seen(::operator new[](much, std::align_val_t{64}, std::nothrow)), nullptr);
  much = SIZE_MAX - 8;  // rounded up to the alignment, it would be little
  EXPECT_THROW(seen(::operator new (much, std::align_val_t{64})), std::bad_alloc);
}

TEST(Operators, TheNewHandlerIsAsked) {
  if (goro_test::under_sanitizer) GTEST_SKIP() << "the sanitizers have operators of their own";
  static int asked = 0;
  const std::new_handler before = std::set_new_handler([] {
    if (++asked == 3) std::set_new_handler(nullptr);
  });
  volatile std::size_t much = PTRDIFF_MAX - 4096;
  EXPECT_EQ(seen(::operator new(much, std::nothrow)), nullptr);
  EXPECT_EQ(asked, 3);
  std::set_new_handler(before);
}

TEST(Operators, WhatIsGivenBackIsClear) {
  if (!records_are_on()) return;  // asked in the process below
  for (const std::size_t n : {200, 130'000, 1'000'000}) {
    auto* const p = static_cast<unsigned char*>(seen(::operator new(n)));
    std::memset(p, 0xff, n);
    void* const guard = seen(::operator new(n));  // so that it does not lie at the heap's end
    ::operator delete(p);
    // Out of malloc's hands again, which clears nothing: what was written there before is gone.
    auto* const q = static_cast<unsigned char*>(seen(std::malloc(n)));
    if (q == p) {
      EXPECT_EQ(std::count(q + 64, q + n - 64, 0xff), 0) << n;
    }
    std::free(q);
    ::operator delete(guard);
  }
}

TEST(Operators, OthersBlocksAreNotOnRecord) {
  void* const p = seen(std::malloc(64));
  EXPECT_EQ(on_record(p), 0u);
  std::memset(p, 0xff, 64);
  std::free(p);
}

TEST(Operators, ManyThreadsAtATime) {
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t != 8; ++t)
    threads.emplace_back([t, &wrong] {
      std::vector<std::unique_ptr<char[]>> mine;
      std::vector<std::size_t> sizes;
      for (int i = 0; i != goro_test::scaled(20'000); ++i) {
        const std::size_t n = static_cast<std::size_t>(i * 37 + t * 101) % 700 + 1;
        mine.emplace_back(new char[n]);
        sizes.push_back(n);
        std::memset(mine.back().get(), t, n);
        if (i % 3 == 0) {
          const std::size_t which = static_cast<std::size_t>(i) * 7919 % mine.size();
          for (std::size_t k = 0; k != sizes[which]; ++k) wrong += mine[which][k] != static_cast<char>(t);
          std::swap(mine[which], mine.back());
          std::swap(sizes[which], sizes.back());
          mine.pop_back();
          sizes.pop_back();
        }
      }
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(wrong.load(), 0);
}

TEST(Operators, WorkInTheChildOfAForkWhileOthersAllocate) {
  if (goro_test::under_sanitizer) GTEST_SKIP() << "the sanitizers' own operators may not";
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t != 4; ++t)
    threads.emplace_back([&stop] {
      while (!stop.load()) std::vector<std::unique_ptr<int>>(50).front() = std::make_unique<int>(1);
    });
  int ended_well = 0;
  for (int i = 0; i != 15; ++i) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      alarm(20);
      std::map<int, std::string> many;
      for (int n = 0; n != 500; ++n) many[n] = std::string(static_cast<std::size_t>(n), 'x');
      const std::size_t seen_here = on_record(many.begin()->second.data());  // it is short: inside the node
      many.clear();
      _exit(seen_here == 0 ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ended_well += WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  EXPECT_EQ(ended_well, 15);
  stop = true;
  for (std::thread& t : threads) t.join();
}

TEST(OperatorsProcess, TheSameWithRecords) {
  if (goro_test::under_sanitizer) GTEST_SKIP() << "the sanitizers have operators of their own: no records";
  const auto r =
      goro_test::run_child("/proc/self/exe", {"--gtest_filter=Operators.*"}, {{"GORO_DEBUG", "leak"}});
  EXPECT_EQ(r.exit_status, 0) << r.out << r.err;
}

TEST(OperatorsProcess, TheSettingIsOneOfSeveral) {
  if (goro_test::under_sanitizer) GTEST_SKIP() << "the sanitizers have operators of their own: no records";
  for (const char* debug : {"leaks", "deadlock", "schedtrace=1000,deadlock", "lea"}) {
    const auto r = goro_test::run_child("/proc/self/exe", {"--gtest_filter=Asks.*"}, {{"GORO_DEBUG", debug}});
    EXPECT_NE(r.out.find("recorded: no"), std::string::npos) << debug << r.out;
  }
  for (const char* debug : {"leak", "deadlock,leak", "leak,deadlock"}) {
    const auto r = goro_test::run_child("/proc/self/exe", {"--gtest_filter=Asks.*"}, {{"GORO_DEBUG", debug}});
    EXPECT_NE(r.out.find("recorded: yes"), std::string::npos) << debug << r.out;
  }
}

TEST(Asks, WhetherNewIsRecorded) {
  void* const p = seen(::operator new(100));
  std::printf("recorded: %s\n", on_record(p) == 100 ? "yes" : "no");
  ::operator delete(p);
}

}  // namespace
