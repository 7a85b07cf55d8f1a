// SPDX-License-Identifier: MIT
// Pages: first touch, populating in bulk, giving back, guards.
#include "floor.hpp"

#include <sys/mman.h>
#include <cerrno>
#include <cstddef>

namespace floor_costs {
namespace {

constexpr std::size_t page = 4096;
constexpr std::size_t stack = 65536;  // one page is touched in each so many bytes
constexpr int guard_install = 102;    // MADV_GUARD_INSTALL and _REMOVE, Linux 6.13
constexpr int guard_remove = 103;

char* map(std::size_t bytes) {
  void* memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  madvise(memory, bytes, MADV_NOHUGEPAGE);
  return static_cast<char*>(memory);
}

template <class F>
u64 timed(F f) {
  const u64 start = now();
  f();
  return now() - start;
}

void stacks() {
  const std::size_t count = scaled(20'000);
  const std::size_t bytes = count * stack;
  char* const memory = map(bytes);
  const auto touch = [&] {
    for (std::size_t i = 0; i < count; ++i) memory[(i + 1) * stack - 8] = 1;
  };
  const auto each = [&](std::size_t offset, int advice) {
    for (std::size_t i = 0; i < count; ++i) madvise(memory + i * stack + offset, page, advice);
  };
  out("fault_one_page_a_stack", best_of(count, [&] {
        madvise(memory, bytes, MADV_DONTNEED);
        return timed(touch);
      }));
  out("dontneed_one_page", best_of(count, [&] {
        touch();
        return timed([&] { each(stack - page, MADV_DONTNEED); });
      }));
  out("dontneed_in_bulk_per_page", best_of(count, [&] {
        touch();
        return timed([&] { madvise(memory, bytes, MADV_DONTNEED); });
      }));
  out("free_one_page", best_of(count, [&] {
        touch();
        return timed([&] { each(stack - page, MADV_FREE); });
      }));
  madvise(memory, bytes, MADV_DONTNEED);
  if (madvise(memory, page, guard_install) == 0) {
    madvise(memory, page, guard_remove);
    out("guard_install_first", per(timed([&] { each(0, guard_install); }), count));
    out("guard_remove", per(timed([&] { each(0, guard_remove); }), count));
    out("guard_install_again", best_of(count, [&] {
          each(0, guard_remove);
          return timed([&] { each(0, guard_install); });
        }));
  }
  munmap(memory, bytes);
  out("mprotect_guard", best_of(count, [&] {
        char* const fresh = map(bytes);
        const u64 elapsed = timed([&] {
          for (std::size_t i = 0; i < count; ++i) mprotect(fresh + i * stack, page, PROT_NONE);
        });
        munmap(fresh, bytes);
        return elapsed;
      }));
}

void dense() {
  constexpr std::size_t bytes = std::size_t{1} << 27;
  constexpr u64 pages = bytes / page;
  char* const memory = map(bytes);
  const auto touch = [&] {
    for (std::size_t i = 0; i < bytes; i += page) memory[i] = 1;
  };
  const auto afresh = [&](auto f) {
    return best_of(pages, [&] {
      madvise(memory, bytes, MADV_DONTNEED);
      return timed(f);
    });
  };
  out("fault_dense_page", afresh(touch));
  out("populate_write_per_page", afresh([&] { madvise(memory, bytes, MADV_POPULATE_WRITE); }));
  madvise(memory, bytes, MADV_HUGEPAGE);
  out("fault_huge_per_4k", afresh(touch));
  munmap(memory, bytes);
}

}  // namespace

void memory_costs() {
  stacks();
  dense();
}

}  // namespace floor_costs
