// SPDX-License-Identifier: MIT
// In which order a select takes its locks, and which of the ready cases it takes.
//
// Locks: by address, each channel once, so that selects over the same channels never wait for each other in a
// circle. Choice: among n ready cases each with probability 1/n, by going over all and keeping the k-th with
// probability 1/k, so that no permutation has to be made and only a real choice costs a random number.
//
// The random numbers come from a channel of the select, whose lock is held: no thread_local, which code that
// may go on in another thread must not touch, no shared line, and no other channel's choices change them. The
// seed is the time of the first choice, mixed with the address: a new channel at an old address must not
// repeat the choices of the one before.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"
#include "chan/hchan.hpp"

namespace goro::detail {

// Sorts `channels` by address and drops doubles; returns how many are left.
inline std::size_t lock_order(hchan** channels, std::size_t count) noexcept {
  if (count <= 16) {
    for (std::size_t i = 1; i < count; ++i) {
      hchan* const c = channels[i];
      std::size_t at = i;
      for (; at != 0 && channels[at - 1] > c; --at) channels[at] = channels[at - 1];
      channels[at] = c;
    }
  } else {
    std::sort(channels, channels + count);
  }
  return static_cast<std::size_t>(std::unique(channels, channels + count) - channels);
}

// Under c's lock.
inline std::uint32_t below(hchan* c, std::uint32_t n) noexcept {
  if (!c->dice_seeded) {
    c->dice_seeded = true;
    c->dice =
        random(static_cast<std::uint64_t>(monotonic_ns()) ^ (reinterpret_cast<std::uintptr_t>(c) << 20));
  }
  return c->dice.below(n);
}

// Several channels' locks.
class locked_channels {
 public:
  locked_channels(hchan* const* channels, std::size_t count) noexcept : channels_(channels), count_(count) {
    lock();
  }
  locked_channels(const locked_channels&) = delete;
  locked_channels& operator=(const locked_channels&) = delete;
  ~locked_channels() {
    if (held_) unlock();
  }

  void lock() noexcept {
    for (std::size_t i = 0; i != count_; ++i) channels_[i]->lock.lock();
    held_ = true;
  }
  void unlock() noexcept {
    for (std::size_t i = count_; i-- != 0;) channels_[i]->lock.unlock();
    held_ = false;
  }

 private:
  hchan* const* channels_;
  std::size_t count_;
  bool held_ = false;
};

}  // namespace goro::detail
