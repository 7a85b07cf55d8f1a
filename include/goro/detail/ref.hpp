// SPDX-License-Identifier: MIT
// A counted reference to a channel: what every handle (chan, recv_chan, send_chan) consists of.
#pragma once

#include <cstdint>
#include <utility>

#include <goro/detail/export.hpp>

namespace goro::detail {

struct hchan;

// The first member of every hchan, so that counting needs no call. Compiler built-ins instead of std::atomic:
// that header alone is 24,000 lines.
//   P1  release: fetch_sub release -> destroy_chan after the last fetch_sub's acquire. Whoever frees the
//       channel sees everything that was done through the other handles.
struct chan_count {
  std::uint32_t handles = 1;
};

// Called when the count has reached 0: destroys the values left in the buffer, and the channel.
GORO_API void destroy_chan(hchan* channel) noexcept;

inline void acquire_ref(hchan* channel) noexcept {
  if (channel != nullptr)
    __atomic_fetch_add(&reinterpret_cast<chan_count*>(channel)->handles, 1u, __ATOMIC_RELAXED);
}

inline void release_ref(hchan* channel) noexcept {
  if (channel == nullptr) return;
  if (__atomic_fetch_sub(&reinterpret_cast<chan_count*>(channel)->handles, 1u, __ATOMIC_ACQ_REL) == 1u)  // P1
    destroy_chan(channel);
}

class chan_ref {
 public:
  constexpr chan_ref() noexcept = default;
  // Takes over a count that the caller has, as from make_channel.
  static chan_ref adopt(hchan* channel) noexcept { return chan_ref(channel); }
  static chan_ref share(hchan* channel) noexcept {
    acquire_ref(channel);
    return chan_ref(channel);
  }

  chan_ref(const chan_ref& other) noexcept : channel_(other.channel_) { acquire_ref(channel_); }
  chan_ref(chan_ref&& other) noexcept : channel_(std::exchange(other.channel_, nullptr)) {}
  chan_ref& operator=(chan_ref other) noexcept {
    std::swap(channel_, other.channel_);
    return *this;
  }
  ~chan_ref() { release_ref(channel_); }

  hchan* get() const noexcept { return channel_; }
  hchan* detach() noexcept { return std::exchange(channel_, nullptr); }
  friend bool operator==(const chan_ref& a, const chan_ref& b) noexcept { return a.channel_ == b.channel_; }

 private:
  explicit chan_ref(hchan* channel) noexcept : channel_(channel) {}

  hchan* channel_ = nullptr;
};

}  // namespace goro::detail
