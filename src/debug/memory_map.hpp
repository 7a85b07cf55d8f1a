// SPDX-License-Identifier: MIT
// The memory of the process, as one who looks for addresses sees it: which mappings there are, and the words in
// those pages that can hold any.
//
// Read without a lock or an allocation, while the other threads stand still. Pages that were never touched are
// told by /proc/self/pagemap and passed over, so that a reservation of gigabytes costs nothing. A page of a
// private file mapping that is still as the file has it holds no address of this run. Of shared mappings only
// memory counts (memfd, /dev/shm, System V), not files: what lies in a file is no reference.
// What is present is read where it is; what is swapped out, shared or behind a protection key, through
// /proc/self/mem, which fails where a load would fault (behind a file's end, a device).
#pragma once

#include "debug/raw_call.hpp"
#include "debug/scratch.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace goro::detail {

struct mapping {
  std::uintptr_t first;
  std::uintptr_t last;
  bool readable;
  bool writable;
  bool shared;
  bool memory;      // of a shared one: no file
  bool file;        // of a private one: backed by a file
  bool main_stack;  // [stack]
};

// Who is shown the words, and where they lie: `at` is the first one's address, though what is shown may be a copy.
class word_sink {
 public:
  virtual void words(const std::uint64_t* first, const std::uint64_t* last, std::uintptr_t at) noexcept = 0;

 protected:
  ~word_sink() = default;
};

class memory_map {
 public:
  explicit memory_map(scratch& memory) noexcept : memory_(memory) {}
  memory_map(const memory_map&) = delete;
  memory_map& operator=(const memory_map&) = delete;
  ~memory_map();

  // Before anybody is stopped. False: see why().
  bool open() noexcept;
  // Once they are: which mappings there are.
  bool read() noexcept;

  // Shows what lies in [from, to), which is part of m, as far as it can hold addresses.
  void scan(const mapping& m, std::uintptr_t from, std::uintptr_t to, word_sink& sink) noexcept;
  // The same of what may cross mappings.
  void scan(std::uintptr_t from, std::uintptr_t to, word_sink& sink) noexcept;

  // Words that the kernel keeps for us, and gives back as they are: what epoll was told with a descriptor, what
  // timers signal. False: something may keep addresses where they cannot be read (io_uring, aio, userfaultfd).
  bool scan_kernel(word_sink& sink) noexcept;

  const mapping* begin() const noexcept { return all_; }
  const mapping* end() const noexcept { return all_ + count_; }
  const mapping* find(std::uintptr_t at) const noexcept;
  // Whether [at, at + n) can be read without a fault. n: less than a page.
  bool can_read(std::uintptr_t at, std::size_t n) const noexcept {
    const mapping* const m = find(at);
    return m != nullptr && m->readable && !m->shared && at + n <= m->last;
  }

  // Whether what lies in m, which `at` does, is private memory that a load can read.
  bool is_plain(const mapping& m, std::uintptr_t at) noexcept {
    return m.readable && !m.shared && !m.file && can_load(m, at);
  }

  const char* why() const noexcept { return why_; }
  int error() const noexcept { return error_; }

 private:
  bool fail(const char* why, int error) noexcept {
    why_ = why;
    error_ = error;
    return false;
  }
  bool parse(char* text, std::size_t length) noexcept;
  void through_file(std::uintptr_t from, std::uintptr_t to, word_sink& sink) noexcept;
  bool can_load(const mapping& m, std::uintptr_t at) noexcept;
  bool scan_descriptor(int number, word_sink& sink) noexcept;

  scratch& memory_;
  mapping* all_ = nullptr;
  std::size_t count_ = 0;
  int maps_ = -1;
  int pages_ = -1;
  int contents_ = -1;
  int descriptors_ = -1;
  std::uint64_t* entries_ = nullptr;   // of pagemap
  std::uint64_t* copy_ = nullptr;      // of what cannot be read in place
  unsigned char* resident_ = nullptr;  // mincore's
  const mapping* probed_ = nullptr;    // the last one that can_load was asked about
  bool probed_well_ = false;
  const char* why_ = nullptr;
  int error_ = 0;
};

}  // namespace goro::detail
