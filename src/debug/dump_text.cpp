// SPDX-License-Identifier: MIT
// The text of a dump: goroutines with equal state, stack and place of creation are one group, a line for each
// and the stack once; the largest groups first.
#include "debug/crowds.hpp"
#include "debug/dump.hpp"
#include "debug/symbolise.hpp"

#include <goro/debug.hpp>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <ostream>

namespace goro::detail {

namespace {

template <class... Numbers>
void append(std::string& to, const char* format, Numbers... numbers) {
  char piece[160];
  const int n = std::snprintf(piece, sizeof piece, format, numbers...);
  to.append(piece, static_cast<std::size_t>(std::clamp<int>(n, 0, sizeof piece - 1)));
}

void append_time(std::string& to, std::int64_t ns) {
  const std::int64_t ms = ns / 1'000'000;
  const std::int64_t s = ms / 1000;
  if (ms < 10) return;  // less than is known
  if (s == 0)
    append(to, ", %lld ms", static_cast<long long>(ms));
  else if (s < 120)
    append(to, ", %lld s", static_cast<long long>(s));
  else if (s < 7200)
    append(to, ", %lld min", static_cast<long long>(s / 60));
  else
    append(to, ", %lld h", static_cast<long long>(s / 3600));
}

void append_holder(std::string& to, const lock_holder& h) {
  if (h.id == 0)
    to += "a plain thread";
  else
    append(to, "goroutine %llu", static_cast<unsigned long long>(h.id));
  if (!h.name.empty()) to.append(" \"").append(h.name).append("\"");
}

void append_holders(std::string& to, const sighting& s) {
  constexpr std::size_t most = 4;
  const char* before = " (held by ";
  for (std::size_t i = 0; i != std::min(s.held_by.size(), most); ++i) {
    to += before;
    before = ", ";
    append_holder(to, s.held_by[i]);
  }
  if (s.held_by.size() > most) append(to, " and %zu more", s.held_by.size() - most);
  if (!s.held_by.empty()) to += ')';
}

// What it waits for, and its particulars.
void append_object(std::string& to, const sighting& s, const crowds& waiting) {
  if (s.who.state != goroutine_state::parked || s.who.waits_on == nullptr) return;
  const bool of_channels = s.on_channel || s.who.why == wait_reason::select;
  append(to, " on %s %p", of_channels ? "channel" : state_word(s.who), s.who.waits_on.get());
  if (s.on_channel) {
    if (s.of_a_timer)
      to += " (a timer's";
    else if (s.unbounded)
      append(to, " (len %zu, unbounded", s.length);
    else
      append(to, " (len %zu, cap %zu", s.length, s.capacity);
    const std::size_t n = waiting.around(s);
    append(to, "; %zu wait%s to %s)", n, n == 1 ? "s" : "",
           s.who.why == wait_reason::chan_send ? "send" : "receive");
  }
  append_holders(to, s);
}

void append_head(std::string& to, const sighting& s, const crowds& waiting) {
  append(to, "goroutine %llu", static_cast<unsigned long long>(s.who.id));
  if (!s.name.empty()) to.append(" \"").append(s.name).append("\"");
  to.append(" [").append(state_word(s.who));
  append_time(to, s.waiting);
  to += ']';
  append_object(to, s, waiting);
  to += ":\n";
}

void append_stack(std::string& to, const sightings& seen, const sighting& s) {
  for (const stack_frame& f : frames_of(seen.stack_of(s))) {
    to.append(f.function.empty() ? "?" : f.function).append("\n\t");
    to += where(f);
    append(to, " (%#lx)\n", static_cast<unsigned long>(f.pc));
  }
  switch (s.note) {
    case stack_note::taken: break;
    case stack_note::cut: to += "\t... and what called these\n"; break;
    case stack_note::not_begun: to += "\t(no stack: it has not begun)\n"; break;
    case stack_note::runnable: to += "\t(no stack: it waits for its turn to go on)\n"; break;
    case stack_note::running: to += "\t(stack not taken: it runs in another thread)\n"; break;
    case stack_note::moving: to += "\t(stack not taken: it is about to stop)\n"; break;
    case stack_note::no_room: to += "\t(stack not taken: it is nearly full)\n"; break;
  }
}

void append_creation(std::string& to, std::uint64_t created_by, std::uintptr_t created_at, bool same = true) {
  const stack_frame& f = user_frame(symbol_of(created_at));
  to += "created by ";
  if (!same)
    to += "several goroutines";
  else if (created_by == 0)
    to += "a plain thread";
  else
    append(to, "goroutine %llu", static_cast<unsigned long long>(created_by));
  to += " at ";
  to += where(f);
  if (!f.function.empty()) to.append(" in ").append(f.function);
  to += '\n';
}

void append_creation(std::string& to, const sightings& seen, std::span<const std::size_t> group) {
  const identity& who = seen.all[group.front()].who;
  const bool same = std::all_of(group.begin(), group.end(),
                                [&](std::size_t i) { return seen.all[i].who.created_by == who.created_by; });
  append_creation(to, who.created_by, who.created_at, same);
}

// It has ended, so there is no stack.
void append_failure(std::string& to, const kept_failure& f) {
  if (f.id == 0)
    to += "\na plain thread";
  else
    append(to, "\ngoroutine %llu", static_cast<unsigned long long>(f.id));
  if (!f.name.empty()) to.append(" \"").append(f.name).append("\"");
  to.append(" [").append(f.state).append("]");
  append(to, " kept by errgroup %p:\n\t(it has ended, and nobody has collected its failure)\n", f.kept_by.get());
  if (f.created_at != 0) append_creation(to, f.created_by, f.created_at);
}

struct less_alike {
  const sightings* seen;
  bool operator()(std::size_t a, std::size_t b) const noexcept {
    const sighting& x = seen->all[a];
    const sighting& y = seen->all[b];
    if (x.note != y.note) return x.note < y.note;
    if (x.who.created_at != y.who.created_at) return x.who.created_at < y.who.created_at;
    if (const int c = std::strcmp(state_word(x.who), state_word(y.who)); c != 0) return c < 0;
    const auto p = seen->stack_of(x);
    const auto q = seen->stack_of(y);
    return std::lexicographical_compare(p.begin(), p.end(), q.begin(), q.end());
  }
};

void append_summary(std::string& to, const sightings& seen) {
  std::map<std::string_view, std::size_t> states;
  for (const sighting& s : seen.all) ++states[state_word(s.who)];
  append(to, "goro: %zu goroutine%s", seen.all.size(), seen.all.size() == 1 ? "" : "s");
  const char* between = ": ";
  for (const auto& [word, n] : states) {
    append(to, "%s%zu ", between, n);
    to += word;
    between = ", ";
  }
  const std::size_t n = seen.failures.size();
  if (n != 0) append(to, "; and %zu failure%s that nobody has collected", n, n == 1 ? "" : "s");
  to += '\n';
}

}  // namespace

void write_text(sightings seen, const dump_limits& limits, text_sink sink) {
  symbolise_all(seen);
  drop_inner(seen);  // so that where in goro they stopped makes no difference
  const crowds waiting(seen);
  std::map<std::size_t, std::vector<std::size_t>, less_alike> alike(less_alike{&seen});
  for (std::size_t i = 0; i != seen.all.size(); ++i) alike[i].push_back(i);
  std::vector<const std::vector<std::size_t>*> groups;
  for (const auto& [first, members] : alike) groups.push_back(&members);
  std::sort(groups.begin(), groups.end(), [](const auto* a, const auto* b) {
    return a->size() != b->size() ? a->size() > b->size() : a->front() < b->front();
  });

  std::string text;
  append_summary(text, seen);
  std::size_t left_out = 0;
  for (std::size_t n = 0; n != groups.size(); ++n) {
    const std::vector<std::size_t>& group = *groups[n];
    if (n >= limits.groups) {
      left_out += group.size();
      continue;
    }
    text += '\n';
    if (group.size() > 1) append(text, "%zu goroutines like this:\n", group.size());
    const std::size_t named = std::min(group.size(), limits.heads);
    for (std::size_t i = 0; i != named; ++i) {
      append_head(text, seen.all[group[i]], waiting);
      if (text.size() > 64u * 1024) {
        sink.write(sink.to, text);
        text.clear();
      }
    }
    if (named != group.size()) append(text, "... and %zu more\n", group.size() - named);
    append_stack(text, seen, seen.all[group.front()]);
    append_creation(text, seen, group);
    sink.write(sink.to, text);
    text.clear();
  }
  if (left_out != 0) append(text, "\n... and %zu goroutines more\n", left_out);
  const std::size_t shown = std::min(seen.failures.size(), limits.groups);
  for (std::size_t i = 0; i != shown; ++i) append_failure(text, seen.failures[i]);
  if (shown != seen.failures.size())
    append(text, "\n... and %zu failures more\n", seen.failures.size() - shown);
  sink.write(sink.to, text);
}

}  // namespace goro::detail

namespace goro {

namespace {
void write_to_stream(void* to, std::string_view piece) { *static_cast<std::ostream*>(to) << piece; }
}  // namespace

void dump_goroutines(std::ostream& out) {
  detail::write_text(detail::walk(detail::walk_kind::alive), {}, {&write_to_stream, &out});
}

void dump_goroutines_json(std::ostream& out) {
  detail::write_json(detail::walk(detail::walk_kind::alive), {&write_to_stream, &out});
}

}  // namespace goro
