// SPDX-License-Identifier: MIT
// Goroutines that need more stack than they have. usage: overflow WHICH
#include <goro/goro.hpp>

#include <alloca.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

volatile int sink = 0;
volatile bool deeper = true;  // always: the compiler must not see that there is no end

[[gnu::noinline]] int recurse(int depth) {
  volatile char frame[256];
  frame[0] = static_cast<char>(depth);
  return (deeper ? recurse(depth + 1) : 0) + frame[0];
}

// Frames of 64 KiB, touched page by page from the top, as -fstack-clash-protection does.
[[gnu::noinline]] int large_frames(int depth) {
  constexpr int size = 64 * 1024;
  auto* const block = static_cast<volatile char*>(alloca(size));
  for (int at = size - 1; at > 0; at -= 4096) block[at] = static_cast<char>(depth);
  return (deeper ? large_frames(depth + 1) : 0) + block[17];
}

// The overflow happens deep inside the C library's printf, which needs more than this function does.
[[gnu::noinline]] int by_printf(int depth) {
  char text[64];
  if (std::snprintf(text, sizeof text, "%.*Lf", 400, 1e400L / 3) < 0) return 0;
  sink = sink + text[0];
  return (deeper ? by_printf(depth + 1) : 0) + text[1];
}

int compare_by_sorting(const void*, const void*) {
  int more[4] = {4, 3, 2, 1};
  std::qsort(more, 4, sizeof more[0], compare_by_sorting);
  return more[0] < more[1] ? -1 : 1;
}

int by_qsort() {
  int start[4] = {4, 3, 2, 1};
  std::qsort(start, 4, sizeof start[0], compare_by_sorting);
  return start[0];
}

// It needs less stack than malloc, so that is where it ends: with the heap's lock held.
[[gnu::noinline]] int by_malloc(int depth) {
  void* const block = std::malloc(3000);
  sink = sink + (block != nullptr);
  return (deeper ? by_malloc(depth + 1) : 0) + sink;
}

void overflow(std::string_view which) {
  if (which == "recursion" || which == "resumed" || which == "large" || which == "unnamed") sink = recurse(0);
  if (which == "alloca") sink = large_frames(0);
  if (which == "printf") sink = by_printf(0);
  if (which == "qsort") sink = by_qsort();
  if (which == "malloc") sink = by_malloc(0);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 64;
  const std::string_view which = argv[1];
  const goro::go_options options{.name = which == "unnamed" ? nullptr : "deep-diver",
                                 .stack_size = which == "large" ? 2u << 20 : 0};
  const auto never = goro::make_chan<int>();
  // Neighbours, so that a missing guard would hit somebody's stack.
  for (int i = 0; i != 8; ++i) goro::go([never] { (void)never.recv(); });
  goro::go(options, [which] {
    if (which == "resumed")
      for (int i = 0; i != 10; ++i) goro::yield();
    overflow(which);
  });
  (void)never.recv();
  return 0;
}
