// SPDX-License-Identifier: MIT
// Connections that have been served once and are idle, and how much of their goroutines' stacks is in memory.
#pragma once

#include "net/connected.hpp"

#include "base/stack_region.hpp"
#include "sched/goroutine.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <vector>

namespace goro_test {

using goro::detail::page_size;

// The lowest usable address of the stack that the caller runs on.
inline std::uintptr_t own_stack() {
  return reinterpret_cast<std::uintptr_t>(goro::detail::current_goroutine()->stack->bottom);
}

// Pages of that stack that are in memory.
inline std::size_t resident_pages(std::uintptr_t bottom) {
  const std::uintptr_t slot = goro::detail::default_stacks.slot_start(bottom);
  const std::uintptr_t end = slot + (std::uintptr_t{1} << goro::detail::default_stacks.shift());
  std::vector<unsigned char> in_core((end - bottom) / page_size);
  EXPECT_EQ(::mincore(reinterpret_cast<void*>(bottom), end - bottom, in_core.data()), 0);
  return static_cast<std::size_t>(
      std::count_if(in_core.begin(), in_core.end(), [](unsigned char c) { return (c & 1) != 0; }));
}

// Touches as much of the stack as a request with a few buffers does.
[[gnu::noinline]] inline void use_much_stack(char with) {
  char buffer[20'000];
  std::memset(buffer, with, sizeof buffer);
  asm volatile("" ::"r"(buffer) : "memory");
}

// Servers that have each answered once, and wait for the next question.
class served {
 public:
  explicit served(int many) {
    for (int i = 0; i != many; ++i) {
      clients.push_back(listening_.dial());
      servers_.go([this, c = listening_.listener.accept()]() mutable { serve(c); });
    }
    ask_all();
  }
  ~served() {
    clients.clear();
    servers_.wait();
  }

  void ask_all() {
    for (net::conn& c : clients) c.write("x");
    char answer[1];
    for (net::conn& c : clients) EXPECT_EQ(c.read(answer), 1u);
  }
  std::size_t most_pages() {
    const std::lock_guard hold(lock_);
    std::size_t most = 0;
    for (const std::uintptr_t s : stacks_) most = std::max(most, resident_pages(s));
    return most;
  }
  // Of all requests since the last call, the least number of pages that one has found itself to use.
  std::size_t least_used() { return least_used_.exchange(1000); }

  std::vector<net::conn> clients;

 private:
  void serve(net::conn& c) {
    {
      const std::lock_guard hold(lock_);
      stacks_.push_back(own_stack());
    }
    std::error_code ec;
    for (;;) {
      c.wait_readable(ec);
      if (!answer(c)) return;
    }
  }
  [[gnu::noinline]] bool answer(net::conn& c) {
    std::error_code ec;
    char byte[1];
    if (c.read(byte, ec) == 0) return false;
    use_much_stack(byte[0]);
    least_used_ = std::min(least_used_.load(), resident_pages(own_stack()));
    c.write({byte, 1}, ec);
    return true;
  }

  listening listening_{kind::tcp};
  goro::scope servers_;
  std::mutex lock_;
  std::vector<std::uintptr_t> stacks_;
  std::atomic<std::size_t> least_used_{1000};
};

}  // namespace goro_test
