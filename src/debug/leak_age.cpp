// SPDX-License-Identifier: MIT
// What may be a leak in a program that runs on: goroutines by their age, and lines by their growth.
#include <goro/leak.hpp>

#include "debug/dump.hpp"
#include "debug/symbolise.hpp"
#include "sched/goroutines.hpp"

#include <goro/go.hpp>

#include <algorithm>
#include <mutex>
#include <unordered_map>

namespace goro::leak {

namespace {

using namespace detail;

using counts = std::unordered_map<std::uintptr_t, std::size_t>;  // by the return address of go()

constinit std::mutex growth_lock;
// At the last call. Never destroyed: somebody may ask while the process ends. Under growth_lock.
counts& last_counts() {
  static counts& last = *new counts;
  return last;
}

counts count_by_site() {
  const std::uint64_t caller = goroutine_id();
  counts now;
  identity who;
  for (std::size_t i = 0, n = block_count(); i != n; ++i)
    if (read_identity(block_at(i), who) && who.id != caller && (who.flags & flag_daemon) == 0)
      ++now[who.created_at];
  return now;
}

}  // namespace

std::vector<goroutine_info> old(duration at_least) {
  const walk_filter parked{[](const void*, const identity& who) noexcept {
                             return who.state == goroutine_state::parked && (who.flags & flag_daemon) == 0;
                           },
                           nullptr};
  sightings seen = walk(walk_kind::alive, &parked);
  std::erase_if(seen.all, [at_least](const sighting& s) {
    return s.who.state != goroutine_state::parked || (s.who.flags & flag_daemon) != 0 || s.waiting == 0 ||
           duration(s.waiting) < at_least;
  });
  std::stable_sort(seen.all.begin(), seen.all.end(),
                   [](const sighting& a, const sighting& b) { return a.waiting > b.waiting; });
  return records(seen);
}

std::vector<site> growth() {
  const std::lock_guard<std::mutex> hold(growth_lock);
  counts now = count_by_site();
  std::vector<std::uintptr_t> pcs;
  std::vector<site> grown;
  for (const auto& [pc, n] : now) {
    const auto before = last_counts().find(pc);
    const std::size_t had = before == last_counts().end() ? 0 : before->second;
    if (n <= had) continue;
    pcs.push_back(pc);
    site& s = grown.emplace_back();
    s.created_at.pc = pc;
    s.count = n;
    s.grown = n - had;
  }
  symbolise(pcs);
  for (site& s : grown) s.created_at = creation_frame(s.created_at.pc);
  std::sort(grown.begin(), grown.end(), [](const site& a, const site& b) {
    return a.grown != b.grown ? a.grown > b.grown : a.created_at.pc < b.created_at.pc;
  });
  last_counts() = std::move(now);
  return grown;
}

}  // namespace goro::leak
