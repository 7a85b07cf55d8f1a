// SPDX-License-Identifier: MIT
#include "sched/uncaught.hpp"

#include <goro/detail/goroutine_info.hpp>
#include <goro/go.hpp>

#include "base/fatal.hpp"
#include "sched/blame.hpp"
#include "sched/goroutine.hpp"
#include "sched/hooks.hpp"
#include "sched/place.hpp"
#include "sched/throw_site.hpp"

#include <atomic>
#include <cstdlib>
#include <cxxabi.h>
#include <memory>
#include <typeinfo>
#include <vector>

namespace goro::detail {

namespace {

constinit std::atomic<uncaught_handler> handler{nullptr};

goroutine_info info_of(const goroutine* g, const throw_site& site) {
  goroutine_info info;
  info.state = "running";
  info.stack = frames_of(site.pcs, site.depth);
  if (g == nullptr) return info;
  info.id = g->id;
  if (g->extra != nullptr && g->extra->name != nullptr) info.name = g->extra->name;
  info.created_by = g->created_by;
  if (hooks.creation_frame != nullptr) {
    info.created_at = hooks.creation_frame(g->created_at);
  } else {
    const place at = find_place(g->created_at);
    info.created_at = {g->created_at, at.function, at.file, at.line};
  }
  return info;
}

// The text of an exception: its type, and what() if it has one.
void append(fatal_text& text, const std::exception_ptr& e) noexcept {
  try {
    std::rethrow_exception(e);
  } catch (const std::exception& known) {
    int status = 0;
    const std::unique_ptr<char, void (*)(void*)> plain(
        abi::__cxa_demangle(typeid(known).name(), nullptr, nullptr, &status), &std::free);
    text << (status == 0 && plain != nullptr ? plain.get() : typeid(known).name()) << ": " << known.what();
  } catch (...) {
    const std::type_info* const type = abi::__cxa_current_exception_type();
    int status = 0;
    const std::unique_ptr<char, void (*)(void*)> plain(
        type == nullptr ? nullptr : abi::__cxa_demangle(type->name(), nullptr, nullptr, &status), &std::free);
    text << "an exception of type " << (plain != nullptr ? plain.get() : "unknown");
  }
}

// What was thrown, where, and who has made the goroutine.
void print(const char* head, const goroutine* g, const std::exception_ptr& e, const throw_site& site) noexcept {
  fatal_text text;
  append_name(text << head, g);
  text.write();  // an exception's what() may do anything, so that much stands first
  fatal_text what;
  what << ": ";
  append(what, e);
  what << '\n';
  what.write();
  write_creation(g);
  write_frames("  thrown by ", site.pcs, site.depth);
}

[[noreturn]] void print_and_terminate(const goroutine* g, const std::exception_ptr& e,
                                      const throw_site& site) noexcept {
  static std::atomic_flag printing = ATOMIC_FLAG_INIT;  // two at once: the first one's report is enough
  if (!printing.test_and_set()) {
    print("goro: uncaught exception in ", g, e, site);
    if (hooks.dump_all != nullptr) hooks.dump_all(last_words_after::uncaught);
  }
  std::terminate();
}

}  // namespace

void report_uncaught(goroutine* g, std::exception_ptr e, const throw_site& site) noexcept {
  const uncaught_handler h = handler.load(std::memory_order_acquire);
  if (h == nullptr) print_and_terminate(g, e, site);
  h(info_of(g, site), e);
}

void report_uncaught(std::exception_ptr e) noexcept { report_uncaught(std::move(e), take_throw_site()); }

void report_uncaught(std::exception_ptr e, const throw_site& site) noexcept {
  report_uncaught(current_goroutine(), std::move(e), site);
}

void report_survived(const char* head, std::exception_ptr e, const throw_site& site) noexcept {
  const goroutine* const g = current_goroutine();
  if (const uncaught_handler h = handler.load(std::memory_order_acquire))
    h(info_of(g, site), e);
  else
    print(head, g, e, site);
}

}  // namespace goro::detail

namespace goro {

uncaught_handler set_uncaught_handler(uncaught_handler handler) noexcept {
  return detail::handler.exchange(handler, std::memory_order_acq_rel);
}

}  // namespace goro
