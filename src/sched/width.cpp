// SPDX-License-Identifier: MIT
#include "sched/width.hpp"

#include "sched/processor.hpp"
#include "sched/procs.hpp"
#include "sched/wake.hpp"

#include <algorithm>

namespace goro::detail {

constinit std::atomic<bool> narrow{false};

namespace {

constexpr std::int64_t window = 1'000'000;     // ns
constexpr double tiny = 2'000;                 // ns a goroutine
constexpr double better = 1.1;                 // than the other mode, to be worth a change
constexpr int most_patience = 32;

// What all Ps have done so far.
std::uint64_t events_so_far() noexcept {
  std::uint64_t n = 0;
  for (int i = 0, in_use = processor_count(); i != in_use; ++i) {
    const processor* const p = processor_at(i);
    n += p->switches.load(std::memory_order_relaxed) + p->created.load(std::memory_order_relaxed);
  }
  return n;
}

}  // namespace

void width_control::choose(bool to_narrow) noexcept {
  if (is_narrow() == to_narrow) return;
  narrow.store(to_narrow, std::memory_order_relaxed);
  if (!to_narrow) wake_one();
}

void width_control::reset() noexcept {
  choose(false);
  began_ = 0;
  rate_[0] = rate_[1] = 0;
  patience_ = 1;
  windows_left_ = 1;
  trying_ = false;
}

bool width_control::update(std::int64_t now) noexcept {
  if (processor_count() == 1) return false;
  const std::uint64_t events = events_so_far();
  if (began_ == 0) {
    began_ = now;
    events_ = events;
    return false;
  }
  const std::int64_t length = now - began_;
  if (length < window) return is_narrow() || trying_;
  const double rate = static_cast<double>(events - events_) / static_cast<double>(length);
  began_ = now;
  events_ = events;
  if (rate * tiny < 1) {  // few events: long goroutines, or little to do
    reset();
    began_ = now;
    return false;
  }
  const bool mode = is_narrow();
  rate_[mode] = rate_[mode] == 0 || trying_ ? rate : (rate_[mode] + rate) / 2;
  if (trying_) {
    trying_ = false;
    if (rate_[mode] > rate_[!mode] * better) {  // stay here
      patience_ = 1;
    } else {
      choose(!mode);
      patience_ = std::min(patience_ * 2, most_patience);
    }
    windows_left_ = patience_;
    return true;
  }
  if (--windows_left_ > 0) return true;
  trying_ = true;
  choose(!mode);
  return true;
}

}  // namespace goro::detail
