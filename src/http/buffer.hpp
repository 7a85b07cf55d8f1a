// SPDX-License-Identifier: MIT
// Bytes that were read and not yet used: filled behind, used up in front.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace goro::detail {

class byte_buffer {
 public:
  bool empty() const noexcept { return begin_ == end_; }
  std::size_t size() const noexcept { return end_ - begin_; }
  std::string_view view() const noexcept { return {bytes_.get() + begin_, end_ - begin_}; }

  // Room for n bytes at least, to be read into; then filled() says how many came.
  std::span<char> room(std::size_t n) {
    if (capacity_ - end_ < n) {
      if (capacity_ - size() >= n && begin_ >= size()) {
        std::memcpy(bytes_.get(), bytes_.get() + begin_, size());
      } else {
        const std::size_t larger = std::max(size() + n, 2 * capacity_);
        auto bytes = std::make_unique_for_overwrite<char[]>(larger);
        if (!empty()) std::memcpy(bytes.get(), bytes_.get() + begin_, size());
        bytes_ = std::move(bytes);
        capacity_ = larger;
      }
      end_ -= begin_;
      begin_ = 0;
    }
    return {bytes_.get() + end_, capacity_ - end_};
  }
  void filled(std::size_t n) noexcept { end_ += n; }
  void append(std::string_view s) {
    const std::span<char> to = room(s.size());
    if (!s.empty()) std::memcpy(to.data(), s.data(), s.size());
    filled(s.size());
  }
  void used(std::size_t n) noexcept {
    begin_ += n;
    if (begin_ == end_) begin_ = end_ = 0;
  }

  // For whoever keeps it in stock: empty, and not huge.
  void reset(std::size_t most) noexcept {
    begin_ = end_ = 0;
    if (capacity_ <= most) return;
    bytes_.reset();
    capacity_ = 0;
  }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace goro::detail
