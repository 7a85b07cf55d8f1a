// SPDX-License-Identifier: MIT
#include "debug/lock_report.hpp"

#include "debug/dump.hpp"
#include "debug/symbolise.hpp"

#include <algorithm>
#include <cstdio>
#include <string_view>

namespace goro::detail {

namespace {

void append_lock(std::string& to, const char* state, lock_name lock) {
  char text[64];
  std::snprintf(text, sizeof text, "%s %p", state, address_of(lock));
  to += text;
}

// The lock as such, whatever for it is taken.
void append_bare_lock(std::string& to, const char* state, lock_name lock) {
  append_lock(to, std::string_view(state) == "mutex" ? "mutex" : "rw_mutex", lock);
}

void append_created(std::string& to, const party_label& who) {
  if (who.created_at == 0) return;
  symbolise({&who.created_at, 1});
  const stack_frame at = creation_frame(who.created_at);
  if (at.file.empty() && at.function.empty()) return;
  to += "\t  created";
  if (!at.file.empty()) to.append(" at ").append(at.file).append(":").append(std::to_string(at.line));
  if (!at.function.empty()) to.append(" in ").append(at.function);
  to += '\n';
}

// The innermost frames are goro's own; of these the last is what the user called.
void append_stack(std::string& to, const std::vector<std::uintptr_t>& stack) {
  if (stack.empty()) {
    to += "\t\t(stack not known)\n";
    return;
  }
  symbolise(stack);
  const std::vector<stack_frame> frames = frames_of(stack);
  std::size_t first = 0;
  while (first + 1 < frames.size() && frames[first + 1].function.starts_with("goro::")) ++first;
  if (!frames[0].function.starts_with("goro::")) first = 0;
  for (std::size_t i = 0; i != std::min<std::size_t>(frames.size() - 1, 5); ++i)
    if (frames[i].function.starts_with("pthread_")) first = i + 1;  // goro::locks's
  for (std::size_t i = first; i != frames.size(); ++i) {
    const stack_frame& f = frames[i];
    to.append("\t\t").append(f.function.empty() ? "?" : f.function);
    to.append(" ").append(where(f)) += '\n';
  }
}

void append_wish(std::string& to, const lock_wish& wish) {
  to += wish.how == wish_kind::counted ? " waits for " : " wants ";
  append_lock(to, wish.state, wish.lock);
}

void append_holds(std::string& to, const std::vector<lock_hold>& holds) {
  for (const lock_hold& hold : holds) {
    to += "\t  and holds ";
    append_lock(to, hold.state, hold.lock);
    to += ", taken at\n";
    append_stack(to, hold.stack);
  }
}

}  // namespace

void append_party(std::string& to, const party_label& who) {
  if ((who.id & thread_bit) != 0)
    to += "a plain thread";
  else
    to.append("goroutine ").append(std::to_string(who.id));
  if (!who.name.empty()) to.append(" \"").append(who.name).append("\"");
}

std::string circle_report(const waiting_parties& circle) {
  std::string text = "goro: deadlock: ";
  text +=
      circle.size() == 1 ? "one waits for itself" : std::to_string(circle.size()) + " wait for each other";
  text += "; the program goes on\n";
  for (std::size_t i = 0; i != circle.size(); ++i) {
    const lock_party& who = circle[i].second;
    text += '\t';
    append_party(text, who.label);
    append_wish(text, who.wish);
    if (who.wish.how == wish_kind::counted) {
      text += ", which counts ";
      append_party(text, circle[(i + 1) % circle.size()].second.label);
      text += " until it ends,";
    }
    text += " at\n";
    append_stack(text, who.wish.stack);
    append_holds(text, who.holds);
    append_created(text, who.label);
  }
  return text;
}

std::string proven_report(const std::vector<proven_party>& stuck) {
  std::string text = "goro: deadlock: ";
  text += std::to_string(stuck.size());
  text += " wait, and nobody is left who could let them go on; the program goes on\n";
  for (const proven_party& p : stuck) {
    text += '\t';
    append_party(text, p.known.label);
    if (p.known.wish.lock != lock_name::none) {
      append_wish(text, p.known.wish);
      text += " at\n";
      append_stack(text, p.known.wish.stack);
    } else {
      text.append(" [").append(p.state).append("]\n");
    }
    append_holds(text, p.known.holds);
    append_created(text, p.known.label);
  }
  return text;
}

std::string report_of(const lock_inversion& circle) {
  std::string text = "goro: lock order: ";
  const order_step& first = circle.steps.front();
  if (circle.steps.size() == 1) {
    append_bare_lock(text, first.taken.state, first.taken.lock);
    text += " is locked for reading again by one who has it; with a writer in between, that is a deadlock\n";
  } else if (circle.steps.size() == 2) {
    append_bare_lock(text, first.held.state, first.held.lock);
    text += " and ";
    append_bare_lock(text, first.taken.state, first.taken.lock);
    text += " are taken in opposite orders; at the same time, that is a deadlock\n";
  } else {
    text += std::to_string(circle.steps.size());
    text +=
        " locks are taken in a circle, each while the one before is held; at the same time, that is a "
        "deadlock\n";
  }
  for (const order_step& s : circle.steps) {
    text += '\t';
    append_party(text, s.who);
    text += " held ";
    append_lock(text, s.held.state, s.held.lock);
    text += ", taken at\n";
    append_stack(text, s.held.stack);
    text += "\t  and took ";
    append_lock(text, s.taken.state, s.taken.lock);
    text += " at\n";
    append_stack(text, s.taken.stack);
    append_created(text, s.who);
  }
  for (const order_step& s : circle.writers) {
    text += "\tand in between ";
    append_party(text, s.who);
    text += " may want ";
    append_lock(text, s.taken.state, s.taken.lock);
    text += ", as at\n";
    append_stack(text, s.taken.stack);
    append_created(text, s.who);
  }
  return text;
}

std::string report_of(const group_misuse& m) {
  std::string text = "goro: ";
  append_lock(text, "wait_group", m.group);
  if (m.call == nullptr)
    text +=
        " is destroyed while it counts goroutines that have not ended, and that will count down in its memory; "
        "wait for them first, or let them share it";
  else
    text.append(" is used after it was destroyed (").append(m.call).append(")");
  text += "\n\t";
  append_party(text, m.who);
  text += " at\n";
  append_stack(text, m.stack);
  append_created(text, m.who);
  if (m.call != nullptr) {
    text += "\t  and it was destroyed by ";
    append_party(text, m.by);
    text += " at\n";
    append_stack(text, m.destroyed_at);
  }
  for (const party_label& g : m.counted) {
    text += "\tit counts ";
    append_party(text, g);
    text += '\n';
    append_created(text, g);
  }
  return text;
}

std::string report_of(const parked_holder& h) {
  std::string text = "goro: parked with a lock of the C library: ";
  append_party(text, h.who);
  text.append(" [").append(h.state).append("] holds ");
  append_lock(text, h.holds.front().kind, h.holds.front().lock);
  text +=
      "; whoever else locks it blocks a thread, and it may be unlocked in another thread, which is undefined: "
      "unlock before the wait, or use goro::mutex\n\t";
  append_party(text, h.who);
  text += " waits at\n";
  append_stack(text, h.stack);
  for (const parked_holder::hold& hold : h.holds) {
    text += "\t  and holds ";
    append_lock(text, hold.kind, hold.lock);
    text += ", taken at\n";
    append_stack(text, hold.stack);
  }
  append_created(text, h.who);
  return text;
}

std::string report_of(const lock_misuse& m) {
  std::string text = "goro: ";
  append_bare_lock(text, m.state, m.lock);
  text.append(" ").append(m.what).append("\n\t");
  append_party(text, m.who);
  text += " at\n";
  append_stack(text, m.stack);
  if (!m.taken.empty()) {
    text += "\t  and it took the one that was there before at\n";
    append_stack(text, m.taken);
  }
  append_created(text, m.who);
  return text;
}

}  // namespace goro::detail
