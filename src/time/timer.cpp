// SPDX-License-Identifier: MIT
// timer, ticker and after: handles of tick channels. A timer of after_func is in after_func.cpp.
#include <goro/time.hpp>

#include "time/after_func.hpp"
#include "time/tick_channel.hpp"

#include <stdexcept>

namespace goro {

namespace detail {

recv_chan<time_point> after_ns(std::int64_t d) {
  return recv_chan<time_point>(chan_ref::adopt(make_tick_channel(d, 0)));
}

}  // namespace detail

timer& timer::operator=(timer&& other) noexcept {
  if (this != &other) {
    let_go();
    channel_ = std::exchange(other.channel_, {});
    call_ = std::exchange(other.call_, nullptr);
  }
  return *this;
}

void timer::let_go() noexcept {
  if (channel_) detail::stop_ticks(raw(channel_));
  if (call_ != nullptr) detail::drop_timer_call(call_);
}

void timer::check(const char* text) const {
  if (!channel_ && call_ == nullptr) throw std::logic_error(text);
}

bool timer::stop() {
  check("goro: timer::stop: the timer was moved from; use the one it was moved to");
  return call_ != nullptr ? detail::stop_timer_call(call_) : detail::stop_ticks(raw(channel_));
}

bool timer::reset_ns(std::int64_t d) {
  check("goro: timer::reset: the timer was moved from; use the one it was moved to");
  return call_ != nullptr ? detail::reset_timer_call(call_, d) : detail::reset_ticks(raw(channel_), d, 0);
}

ticker::ticker(tag, std::int64_t period) {
  if (period <= 0)
    throw std::invalid_argument("goro: ticker: the period is not positive; give one above zero");
  channel_ = recv_chan<time_point>(detail::chan_ref::adopt(detail::make_tick_channel(period, period)));
}

ticker& ticker::operator=(ticker&& other) noexcept {
  if (this != &other) {
    let_go();
    channel_ = std::exchange(other.channel_, {});
  }
  return *this;
}

void ticker::let_go() noexcept {
  if (channel_) detail::stop_ticks(raw(channel_));
}

void ticker::check(const char* text) const {
  if (!channel_) throw std::logic_error(text);
}

void ticker::stop() {
  check("goro: ticker::stop: the ticker was moved from; use the one it was moved to");
  detail::stop_ticks(raw(channel_));
}

void ticker::reset_ns(std::int64_t period) {
  check("goro: ticker::reset: the ticker was moved from; use the one it was moved to");
  if (period <= 0)
    throw std::invalid_argument(
        "goro: ticker::reset: the period is not positive; give one above zero, or stop()");
  detail::reset_ticks(raw(channel_), period, period);
}

}  // namespace goro
