// SPDX-License-Identifier: MIT
// Which calls block their thread without saying so, and so pin a P until the monitor takes it away.
//
// The monitor knows the thread and since when, but not the call: the thread is in the kernel, and its stack is its
// own. So it leaves the time in the M (machine::blocked_since), and the thread tells where it is itself, when it
// comes back into the runtime and finds that its P is gone: a path that is slow anyway (machine::answer). What is
// noted is therefore not the call but the next operation of goro after it, in the same goroutine: the function that
// called is on the stack, or has just returned to one that is.
//
// Told on any goroutine's stack, with any of the runtime's locks held: nothing is allocated, and the lock here is
// held for a comparison of stacks. Sites are kept in a table that does not grow; those beyond it are one sum.
//
// Rejected: a signal to the thread (interrupts the call); /proc/<tid>/stack (root's); its `syscall` file, which has
// the stack pointer but no stack that anybody could walk while its owner may go on.
#include "debug/pins.hpp"

#include <goro/debug.hpp>

#include "base/clock.hpp"
#include "base/spin_lock.hpp"
#include "debug/symbolise.hpp"
#include "debug/unwind.hpp"
#include "sched/goroutine.hpp"
#include "sched/hooks.hpp"

#include <algorithm>
#include <cstdio>
#include <span>
#include <string>

namespace goro::detail {

namespace {

constexpr std::size_t most_frames = 24;
constexpr std::size_t most_sites = 128;  // a power of two

struct tally {
  std::size_t count;
  std::int64_t total;  // ns
  std::int64_t longest;

  void add(std::int64_t ns) noexcept {
    ++count;
    total += ns;
    longest = std::max(longest, ns);
  }
};

struct pinning_site {
  std::size_t depth;  // 0: the place is free
  std::uintptr_t pcs[most_frames];
  tally cost;

  std::span<const std::uintptr_t> stack() const noexcept { return {pcs, depth}; }
};

constinit spin_lock lock;
constinit pinning_site sites[most_sites] = {};  // under lock
constinit tally elsewhere = {};                 // under lock: no room in the table, or on the stack

// Under the lock. Null: the table is full, or there is no stack.
pinning_site* site_of(std::span<const std::uintptr_t> stack) noexcept {
  if (stack.empty()) return nullptr;
  std::uintptr_t hash = 0;
  for (const std::uintptr_t pc : stack) hash = (hash ^ pc) * 0x9e37'79b9'7f4a'7c15u;
  for (std::size_t i = 0; i != most_sites; ++i) {
    pinning_site& s = sites[((hash >> 48) + i) % most_sites];
    if (s.depth == 0) {
      std::copy(stack.begin(), stack.end(), s.pcs);
      s.depth = stack.size();
      return &s;
    }
    if (std::equal(stack.begin(), stack.end(), s.pcs, s.pcs + s.depth)) return &s;
  }
  return nullptr;
}

void came_back(std::int64_t since) noexcept {
  const std::int64_t ns = std::max<std::int64_t>(0, now_ns() - since);
  std::uintptr_t pcs[most_frames];
  const goroutine* const g = current_goroutine();
  const std::size_t depth = g != nullptr && can_unwind_here(g) ? unwind_here(pcs, most_frames) : 0;
  const spin_guard hold(lock);
  pinning_site* const s = site_of({pcs, depth});
  (s != nullptr ? s->cost : elsewhere).add(ns);
}

[[gnu::constructor]] void fill_hook() noexcept { hooks.came_back_without = &came_back; }

}  // namespace

}  // namespace goro::detail

namespace goro {

std::vector<pin> pins() {
  using namespace detail;
  std::vector<pinning_site> copies(most_sites);
  tally others{};
  {
    const spin_guard hold(lock);
    std::copy(std::begin(sites), std::end(sites), copies.begin());
    others = elsewhere;
  }
  std::erase_if(copies, [](const pinning_site& s) { return s.depth == 0; });
  std::vector<pin> all;
  for (const pinning_site& s : copies) {
    symbolise(s.stack());
    all.push_back({frames_of(s.stack()), s.cost.count, duration(s.cost.total), duration(s.cost.longest)});
  }
  if (others.count != 0) all.push_back({{}, others.count, duration(others.total), duration(others.longest)});
  std::sort(all.begin(), all.end(), [](const pin& a, const pin& b) { return a.total > b.total; });
  return all;
}

namespace detail {

constinit const char pins_are_linked = 0;

void write_pins(text_sink sink) {
  const std::vector<pin> all = pins();
  if (all.empty()) return;
  const auto ms = [](duration d) { return std::chrono::duration<double, std::milli>(d).count(); };
  std::string text = "\ngoro: calls that blocked without goro::blocking, and cost a processor:\n";
  char line[128];
  for (const pin& p : all) {
    std::snprintf(line, sizeof line, "\n%zu time%s, %.3g ms in all, %.3g ms at most; then it came here:\n",
                  p.count, p.count == 1 ? "" : "s", ms(p.total), ms(p.longest));
    text += line;
    for (const stack_frame& f : p.stack) {
      text.append(f.function.empty() ? "?" : f.function).append("\n\t");
      text.append(where(f)).append("\n");
    }
    if (p.stack.empty()) text += "\t(other places: there are too many)\n";
  }
  sink.write(sink.to, text);
}

}  // namespace detail

}  // namespace goro
