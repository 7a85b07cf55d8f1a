// SPDX-License-Identifier: MIT
#include "debug/dump.hpp"
#include "debug/symbolise.hpp"

#include <goro/debug.hpp>

#include <algorithm>
#include <unordered_map>

namespace goro::detail {

void symbolise_all(const sightings& seen) {
  std::vector<std::uintptr_t> pcs = seen.pcs;
  for (const sighting& s : seen.all) pcs.push_back(s.who.created_at);
  for (const kept_failure& f : seen.failures) pcs.push_back(f.created_at);
  std::sort(pcs.begin(), pcs.end());
  pcs.erase(std::unique(pcs.begin(), pcs.end()), pcs.end());
  symbolise(pcs);
}

stack_frame creation_frame(std::uintptr_t created_at) {
  stack_frame at = user_frame(symbol_of(created_at));
  at.pc = created_at;
  return at;
}

std::vector<stack_frame> frames_of(std::span<const std::uintptr_t> pcs) {
  std::vector<stack_frame> all;
  for (const std::uintptr_t pc : pcs) {
    const symbol& s = symbol_of(pc);
    all.insert(all.end(), s.frames.begin(), s.frames.end());
  }
  const auto outer_first =
      std::remove_if(all.begin(), all.end(), [](const stack_frame& f) { return is_inner(f); });
  if (outer_first != all.begin()) all.erase(outer_first, all.end());  // something must be left to show
  return all;
}

void drop_inner(sightings& seen) {
  std::unordered_map<std::uintptr_t, bool> inner;
  for (const std::uintptr_t pc : seen.pcs)
    if (const auto [at, fresh] = inner.try_emplace(pc, false); fresh) at->second = symbol_of(pc).is_inner;
  for (sighting& s : seen.all) {
    const auto first = seen.pcs.begin() + static_cast<std::ptrdiff_t>(s.first_pc);
    const auto last = first + static_cast<std::ptrdiff_t>(s.pc_count);
    const auto is_inner = [&inner](std::uintptr_t pc) { return inner.find(pc)->second; };
    if (std::all_of(first, last, is_inner)) continue;
    s.pc_count = static_cast<std::size_t>(std::remove_if(first, last, is_inner) - first);
  }
}

std::vector<goroutine_info> records(const sightings& seen) {
  symbolise_all(seen);
  std::vector<goroutine_info> out;
  out.reserve(seen.all.size() + seen.failures.size());
  for (const sighting& s : seen.all) {
    goroutine_info& info = out.emplace_back();
    info.id = s.who.id;
    info.name = s.name;
    info.state = state_word(s.who);
    info.waiting = duration(s.waiting);
    if (s.who.state == goroutine_state::parked) info.waits_on = s.who.waits_on;
    for (const lock_holder& h : s.held_by) info.held_by.push_back(h.id);
    info.created_by = s.who.created_by;
    info.created_at = creation_frame(s.who.created_at);
    info.stack = frames_of(seen.stack_of(s));
  }
  for (const kept_failure& f : seen.failures) {
    goroutine_info& info = out.emplace_back();
    info.id = f.id;
    info.name = f.name;
    info.state = f.state;
    info.waits_on = f.kept_by;
    info.created_by = f.created_by;
    info.created_at = creation_frame(f.created_at);
  }
  return out;
}

}  // namespace goro::detail

namespace goro {

std::vector<goroutine_info> goroutines() { return detail::records(detail::walk(detail::walk_kind::alive)); }

}  // namespace goro
