// SPDX-License-Identifier: MIT
// What is asked of contexts, and how they are made. How they end: core.hpp.
#include <goro/context.hpp>

#include "base/clock.hpp"
#include "context/core.hpp"
#include "sched/hooks.hpp"
#include "sched/timers.hpp"

#include <goro/errc.hpp>
#include <goro/go.hpp>

#include <atomic>
#include <new>
#include <stdexcept>
#include <vector>

namespace goro {

namespace detail {
namespace {

constinit context_node the_background{{uncounted}, context_kind::background, nullptr};
constinit context_node the_todo{{uncounted}, context_kind::todo, nullptr};

canceller* breaker_of(const context& ctx) noexcept {
  const context_node* const node = raw(ctx);
  return node == nullptr ? nullptr : node->breaker;
}

// Here, since whoever makes contexts begins with one of the two above; and before all initialisers of C++,
// since one of those may make one.
[[gnu::constructor(101)]] void plug_in() { hooks.canceller_of = &breaker_of; }

cancel_core* core_of(const context& ctx) noexcept {
  const context_node* const node = raw(ctx);
  return node == nullptr ? nullptr : node->breaker;
}

// The same object each time, as Go's context.Canceled is. Never destroyed: goroutines may outlive main.
std::exception_ptr default_cause(errc why) {
  static const auto make = [](errc e) {
    return new std::exception_ptr(
        std::make_exception_ptr(std::system_error(make_error_code(e), "goro: context")));
  };
  static const std::exception_ptr& canceled = *make(errc::canceled);
  static const std::exception_ptr& exceeded = *make(errc::deadline_exceeded);
  return why == errc::canceled ? canceled : exceeded;
}

// A context with a deadline of its own.
//
// fire() either ends the context itself, if that is little work, or starts a goroutine for it. It must not free
// the core, since whoever frees waits for fire to return. So the first way takes no count: the core lasts as
// long as fire runs. The second gives the count that it takes to the goroutine; while none can be had
// the count stays with the timer, which tries again, and whoever disarms it then returns the count.
class deadline_core final : public cancel_core, private timer_node {
 public:
  deadline_core(context_node* parent, std::int64_t at, std::exception_ptr cause) noexcept
      : cancel_core(parent, context_kind::deadline, 2), timer_node(&on_time), cause_(std::move(cause)) {
    deadline = at;
  }
  ~deadline_core() override { timer_disarm_sync(*this); }

  // Done already: the timer is armed in vain at worst.
  void start() {
    if (!is_cancelled()) timer_arm(*this, deadline);
    if (is_cancelled()) timer_disarm(*this);
  }
  void expire() noexcept { cancel(errc::deadline_exceeded, cause_, ended_by::itself); }

 private:
  static constexpr std::int64_t retry_after = 10'000'000;

  static void on_time(timer_node& node) noexcept {
    auto& core = static_cast<deadline_core&>(node);
    if (!core.counts_) {
      if (core.cancel_if_small(errc::deadline_exceeded, core.cause_)) return;
      if (!try_share(&core)) return;
    }
    core.counts_ = false;
    try {
      goro::go([core = &core] {
        core->expire();
        drop(core);
      });
    } catch (...) {
      core.counts_ = true;
      timer_rearm(core, saturating_add(now_ns(), retry_after));  // does not throw while it fires
    }
  }

  void ended(ended_by by) noexcept override {
    if (by != ended_by::itself && timer_disarm(*this) && counts_) {
      counts_ = false;
      drop(this);  // not the last
    }
  }

  const std::exception_ptr cause_;
  bool counts_ = false;  // fire's, and after it was disarmed the ender's
};

}  // namespace

context_node* parent_of(const context& parent, const char* call) {
  context_node* const node = raw(parent);
  if (node == nullptr)
    throw std::logic_error(std::string("goro: ") + call +
                           ": the context is empty; begin with goro::background()");
  return node;
}

namespace {

cancel_core* make_cancel(const context& parent, const char* call) {
  auto* const core = new cancel_core(parent_of(parent, call), context_kind::cancel, 2);
  core->attach();
  return core;
}

}  // namespace

std::uint64_t next_context_key() noexcept {
  static constinit std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

std::pair<context, cancel_func> with_deadline_ns(const context& parent, std::int64_t deadline,
                                                 std::exception_ptr cause) {
  context_node* const above = parent_of(parent, "with_deadline");
  if (deadline >= above->deadline) return with_cancel(parent);
  auto* const core = new deadline_core(above, deadline, std::move(cause));
  std::pair<context, cancel_func> made(as_context(core), as_context(core));
  core->attach();
  if (deadline <= now_ns())
    core->expire();
  else
    core->start();
  return made;
}

}  // namespace detail

using detail::core_of;

context background() noexcept { return detail::as_context(&detail::the_background); }
context todo() noexcept { return detail::as_context(&detail::the_todo); }

recv_chan<std::monostate> context::done() const {
  detail::cancel_core* const core = core_of(*this);
  return core == nullptr ? recv_chan<std::monostate>() : core->done();
}

std::error_code context::err() const noexcept {
  const detail::cancel_core* const core = core_of(*this);
  if (core == nullptr || !core->is_cancelled()) return {};
  return make_error_code(core->reason());
}

std::exception_ptr context::cause() const {
  const detail::cancel_core* const core = core_of(*this);
  if (core == nullptr || !core->is_cancelled()) return nullptr;
  std::exception_ptr given = core->cause();
  return given ? given : detail::default_cause(core->reason());
}

void context::check() const {
  if (const std::error_code why = err()) throw std::system_error(why, "goro: context::check");
}

std::optional<time_point> context::deadline() const noexcept {
  const detail::context_node* const node = ref_.get();
  if (node == nullptr || node->deadline == detail::never) return std::nullopt;
  return time_point(clock::duration(node->deadline));
}

std::size_t context::children() const noexcept {
  detail::cancel_core* const core = core_of(*this);
  return core == nullptr ? 0 : core->children();
}

void cancel_func::operator()() const noexcept {
  const context keep = ctx_;  // whoever it wakes may destroy this object
  detail::cancel_core* const core = core_of(keep);
  if (core == nullptr) return;
  core->cancel(errc::canceled, nullptr);
  core->cancel_called();
}

void cancel_cause_func::operator()(std::exception_ptr cause) const noexcept {
  const context keep = ctx_;
  if (detail::cancel_core* const core = core_of(keep)) core->cancel(errc::canceled, std::move(cause));
}

std::pair<context, cancel_func> with_cancel(const context& parent) {
  detail::cancel_core* const core = detail::make_cancel(parent, "with_cancel");
  return {detail::as_context(core), cancel_func(detail::as_context(core))};
}

std::pair<context, cancel_cause_func> with_cancel_cause(const context& parent) {
  detail::cancel_core* const core = detail::make_cancel(parent, "with_cancel_cause");
  return {detail::as_context(core), cancel_cause_func(detail::as_context(core))};
}

context without_cancel(const context& parent) {
  detail::context_node* const above = detail::parent_of(parent, "without_cancel");
  auto* const node = new detail::context_node{{1}, detail::context_kind::without_cancel, above};
  detail::context_ref::share(above).detach();
  node->values = above->values;
  return detail::as_context(node);
}

std::string to_string(const context& ctx) {
  static constexpr const char* names[] = {"background",      "todo",          "with_value",
                                          "without_cancel",  "with_cancel",   "with_deadline",
                                          "with_stop_token", "notify_context"};
  std::vector<const char*> path;
  for (const detail::context_node* node = raw(ctx); node != nullptr; node = node->parent)
    path.push_back(names[static_cast<std::size_t>(node->kind)]);
  if (path.empty()) return "empty";
  std::string text = path.back();
  for (std::size_t i = path.size() - 1; i-- != 0;) text.append(".").append(path[i]);
  return text;
}

}  // namespace goro
