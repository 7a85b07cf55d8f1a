// SPDX-License-Identifier: MIT
// Very many goroutines parked on one channel: what each costs, how many mappings that takes, that all wake. A million
// in the release build (million_timing_test.cpp), fewer where there are assertions or a sanitizer.
#pragma once

#include "chan/parked.hpp"
#include "chan/probe.hpp"
#include "support/at_procs.hpp"
#include "support/kernel.hpp"

#include <goro/goro.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

namespace goro_test {

inline constexpr std::size_t bytes_each = 4'700 * 1'024 / 1'000;  // 4.7 KiB

inline std::size_t available_bytes() {
  std::ifstream meminfo("/proc/meminfo");
  for (std::string word; meminfo >> word;) {
    std::size_t kib = 0;
    if (word == "MemAvailable:" && meminfo >> kib) return kib * 1024;
  }
  return 0;
}

// Older kernels have a budget of guards, far below a million.
inline void park_and_wake(std::size_t count, bool by_close) {
  // The fixture of the other tests waits for 60 s; this moves several gigabytes.
  const hang_guard guard{"park_and_wake", 240};
  const std::size_t n = kernel_has_light_guards() ? count : std::min<std::size_t>(count, 10'000);
  if (!under_sanitizer && available_bytes() < n * 5'200)
    GTEST_SKIP() << "needs " << n * 5'200 / 1'000'000 << " MB of free memory";
  const std::size_t goroutines_before = goro::num_goroutine();
  const auto ch = goro::make_chan<int>();
  const auto all_done = goro::make_chan<int>(1);
  std::atomic<std::size_t> woken = 0;
  std::atomic<std::size_t> values = 0;
  std::atomic<std::size_t> ended = 0;

  goro::detail::release_idle_memory();  // what another test has left would make these look cheap
  const std::size_t resident_before = resident_bytes();
  const std::size_t mappings_before = mapping_count();
  for (std::size_t i = 0; i != n; ++i)
    goro::go([&, ch] {
      const std::optional<int> got = ch.recv();
      ++woken;
      if (got) ++values;
      if (++ended == n) all_done.send(1);
    });
  ASSERT_TRUE(eventually([n] { return goro::detail::parked_count(wait_reason::chan_receive) == n; },
                         std::chrono::minutes(3)));
  EXPECT_EQ(woken, 0u);
  const std::size_t each = (resident_bytes() - resident_before) / n;
  const std::size_t mappings = mapping_count();
  std::printf("  %zu goroutines parked: %zu bytes each, %zu mappings (%zu before)\n", n, each, mappings,
              mappings_before);
  if (!under_sanitizer) {
    EXPECT_LE(each, bytes_each);
    if (kernel_has_light_guards()) {
      EXPECT_LT(mappings, 1'000u);
    }
  }

  if (by_close) {
    ch.close();
  } else {
    in_goroutine([&] {
      for (std::size_t i = 0; i != n; ++i) ch.send(1);
    });
  }
  EXPECT_EQ(all_done.recv(), 1);
  EXPECT_EQ(woken, n);
  EXPECT_EQ(values, by_close ? 0 : n);
  EXPECT_TRUE(
      eventually([&] { return goro::num_goroutine() == goroutines_before; }, std::chrono::minutes(1)));
  EXPECT_EQ(goro::detail::parked_count(wait_reason::chan_receive), 0u);
}

}  // namespace goro_test
