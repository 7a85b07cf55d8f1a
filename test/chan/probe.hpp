// SPDX-License-Identifier: MIT
// Element types that tell what a channel did with them, and the process's memory as the kernel sees it.
#pragma once

#include <malloc.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

namespace goro_test {

// Counts objects and tokens. A token is made by tracked(id), goes along with each move, and ends with the
// object that has it: so "in the channel" and "lost" and "doubled" are numbers.
class tracked {
 public:
  explicit tracked(int id) : id_(id), has_token_(true) {
    ++alive_;
    ++tokens_;
  }
  tracked(tracked&& from) noexcept : id_(from.id_), has_token_(std::exchange(from.has_token_, false)) {
    ++alive_;
  }
  tracked& operator=(tracked&& from) noexcept {
    if (this == &from) return *this;
    if (has_token_) --tokens_;
    id_ = from.id_;
    has_token_ = std::exchange(from.has_token_, false);
    return *this;
  }
  ~tracked() {
    --alive_;
    if (has_token_) --tokens_;
  }

  int id() const { return id_; }
  bool has_token() const { return has_token_; }
  static long alive() { return alive_; }
  static long tokens() { return tokens_; }

 private:
  int id_;
  bool has_token_;
  inline static std::atomic<long> alive_{0};
  inline static std::atomic<long> tokens_{0};
};

// No default constructor, no assignment: only what the documentation asks of an element.
struct only_movable {
  explicit only_movable(int v) : value(std::make_unique<int>(v)) {}
  only_movable(only_movable&&) noexcept = default;
  only_movable& operator=(only_movable&&) = delete;
  std::unique_ptr<int> value;
};

// Notes every object that does not lie at a multiple of `Alignment`.
template <std::size_t Alignment>
struct alignas(Alignment) aligned {
  explicit aligned(int v) : value(v) { check(); }
  aligned(aligned&& from) noexcept : value(from.value) { check(); }
  void check() const {
    // Through a volatile: the compiler may otherwise take the alignment for granted and drop the test.
    const volatile auto address = reinterpret_cast<std::uintptr_t>(this);
    if (address % Alignment != 0) ++misplaced;
  }
  int value;
  inline static std::atomic<int> misplaced{0};
};

struct empty {};

// The n-th move from now on throws.
struct boom {};
class fragile {
 public:
  explicit fragile(int id) : id_(id) {}
  fragile(fragile&& from) : id_(from.id_) {
    if (fuse_ >= 0 && fuse_-- == 0) throw boom{};
  }
  int id() const { return id_; }
  static void arm(int moves) { fuse_ = moves; }
  static void disarm() { fuse_ = -1; }
  static bool went_off() { return fuse_ < 0; }

 private:
  int id_;
  inline static std::atomic<int> fuse_{-1};
};

struct kibibyte {
  explicit kibibyte(int v) { words.fill(v); }
  bool holds(int v) const {
    for (const int word : words)
      if (word != v) return false;
    return true;
  }
  std::array<int, 256> words;
};

// Bytes that malloc has handed out.
inline std::size_t heap_in_use() {
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

// Bytes of a line of /proc/self/status, such as "VmRSS:".
inline std::size_t process_bytes(const std::string& label) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::size_t kib = 0;
    if (word == label && status >> kib) return kib * 1024;
  }
  return 0;
}

inline std::size_t resident_bytes() { return process_bytes("VmRSS:"); }

inline std::size_t mapping_count() {
  std::ifstream maps("/proc/self/maps");
  std::size_t count = 0;
  for (std::string line; std::getline(maps, line);) ++count;
  return count;
}

}  // namespace goro_test
