// SPDX-License-Identifier: MIT
#include "progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>

namespace digest {

using namespace std::chrono_literals;

progress::progress(const counters& counters) : counters_(counters) {
  if (isatty(STDERR_FILENO)) ticker_.emplace(100ms);
}

goro::recv_chan<goro::time_point> progress::ticks() const {
  return ticker_ ? ticker_->c() : goro::recv_chan<goro::time_point>();
}

void progress::draw() {
  const double seconds = std::chrono::duration<double>(goro::clock::now() - start_).count();
  const auto done = static_cast<unsigned long long>(counters_.files_done.load(std::memory_order_relaxed));
  const double mib = static_cast<double>(counters_.bytes_done.load(std::memory_order_relaxed)) / (1 << 20);
  if (counters_.all_found.load(std::memory_order_acquire)) {
    constexpr std::size_t width = 30;
    const auto found = static_cast<unsigned long long>(counters_.files_found.load(std::memory_order_relaxed));
    const std::size_t full = found == 0 ? width : std::min<std::size_t>(width, done * width / found);
    const std::string bar = std::string(full, '#') + std::string(width - full, '.');
    std::fprintf(stderr, "\r\033[K[%s] %llu/%llu files  %.1f MiB  %.0f MiB/s", bar.c_str(), done, found, mib,
                 mib / seconds);
  } else {
    std::fprintf(stderr, "\r\033[K[counting] %llu files  %.1f MiB  %.0f MiB/s", done, mib, mib / seconds);
  }
  drawn_ = true;
}

void progress::clear() {
  if (drawn_) std::fputs("\r\033[K", stderr);
  drawn_ = false;
}

}  // namespace digest
