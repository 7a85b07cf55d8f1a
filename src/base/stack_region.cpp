// SPDX-License-Identifier: MIT
#include "base/stack_region.hpp"

#include "base/fault.hpp"
#include "base/sanitizer.hpp"

#include <algorithm>
#include <atomic>
#include <new>
#include <sys/mman.h>

namespace goro::detail {

constinit stack_region default_stacks;

namespace {

constexpr unsigned smallest_shift = 14;
constexpr unsigned biggest_shift = 30;
constinit stack_region other_stacks[biggest_shift - smallest_shift + 1];
constinit std::atomic<unsigned> other_mask{0};  // bit k: other_stacks[k] is reserved (release, P1)
constinit spin_lock other_lock;

void* map(std::size_t bytes) noexcept {
  if (fault("mmap")) return nullptr;
  void* const p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return p == MAP_FAILED ? nullptr : p;
}

}  // namespace

bool stack_region::reserve(unsigned shift, std::size_t slots) noexcept {
  const std::size_t size = std::size_t{1} << shift;
  for (; slots >= 64; slots /= 2) {
    char* const raw = static_cast<char*>(map(slots * size + size));
    if (raw == nullptr) continue;
    void* const numbers = map(slots * 2 * sizeof(std::uint32_t));
    if (numbers == nullptr) {
      munmap(raw, slots * size + size);
      continue;
    }
    const std::uintptr_t base = (reinterpret_cast<std::uintptr_t>(raw) + size - 1) & ~(size - 1);
    madvise(reinterpret_cast<void*>(base), slots * size, MADV_NOHUGEPAGE);  // else a stack is 2 MiB resident
    madvise(reinterpret_cast<void*>(base), slots * size, MADV_DONTDUMP);  // see put_in_cores
    hot_ = static_cast<std::uint32_t*>(numbers);
    cold_ = hot_ + slots;
    shift_ = shift;
    capacity_ = slots;
    base_.store(base, std::memory_order_relaxed);
    span_.store(slots * size, std::memory_order_release);  // P1 of stack_region.hpp
    return true;
  }
  return false;
}

std::size_t stack_region::take(stack_header** out, std::size_t n) noexcept {
  std::size_t got = 0;
  std::size_t first = 0;
  std::size_t fresh = 0;
  {
    const spin_guard hold(lock_);
    while (got < n && hot_count_ > 0) out[got++] = header_of(hot_[--hot_count_]);
    low_water_ = std::min(low_water_, hot_count_);
    while (got < n && cold_count_ > 0) out[got++] = make_header(cold_[--cold_count_]);
    if (got < n) {
      first = fresh_;
      fresh = take_fresh(n - got);
    }
  }
  // Their pages come without the lock: that is most of the work, and others take fresh ones at the same time.
  populate(first, fresh);
  // The lowest slot number last in the array's order of use: callers pop from the end.
  for (std::size_t i = fresh; i-- != 0;) out[got++] = make_header(first + i);
  return got;
}

// Under the lock. Slots that were never used, from fresh_ on; returns how many.
std::size_t stack_region::take_fresh(std::size_t n) noexcept {
  n = std::min(n, capacity_ - fresh_);
  if (n == 0 || !guard(fresh_, n)) return 0;
  fresh_ += n;
  put_in_cores(fresh_);
  return n;
}

// Of a slot that is the caller's.
stack_header* stack_region::make_header(std::size_t slot) const noexcept {
  stack_header* const h = new (header_of(slot)) stack_header;
  const std::uintptr_t start = slot_start(reinterpret_cast<std::uintptr_t>(h));
  h->bottom = reinterpret_cast<void*>(start + stack_guard_size);
  h->size = reinterpret_cast<std::uintptr_t>(h) - start - stack_guard_size;
  return h;
}

// Core files have the slots that were ever used, and not the rest of the reservation: the kernel looks at each of its
// pages one by one, which takes minutes. In doubling steps, since each is a kernel call.
void stack_region::put_in_cores(std::size_t slots) noexcept {
  if (slots <= in_cores_) return;
  in_cores_ = std::min(capacity_, std::max<std::size_t>({slots, 2 * in_cores_, 64}));
  (void)madvise(reinterpret_cast<void*>(base()), in_cores_ << shift_, MADV_DODUMP);
}

void stack_region::give(stack_header* const* in, std::size_t n) noexcept {
  const spin_guard hold(lock_);
  for (std::size_t i = 0; i != n; ++i) hot_[hot_count_++] = static_cast<std::uint32_t>(slot_of(in[i]));
}

std::size_t stack_region::trim(std::size_t keep) noexcept {
  std::size_t done = 0;
  for (;;) {
    // A batch leaves the pool while its pages go, so that the lock is not held across kernel calls.
    std::uint32_t batch[32];
    std::size_t n = 0;
    {
      const spin_guard hold(lock_);
      if (hot_count_ <= keep) return done;
      n = std::min(hot_count_ - keep, std::size(batch));
      std::copy_n(hot_, n, batch);  // the coldest
      std::copy(hot_ + n, hot_ + hot_count_, hot_);
      hot_count_ -= n;
      low_water_ = std::min(low_water_, hot_count_);
    }
    for (std::size_t i = 0; i != n; ++i) {
      const std::uintptr_t start = base() + (std::uintptr_t{batch[i]} << shift_);
      madvise(reinterpret_cast<void*>(start + stack_guard_size), (std::size_t{1} << shift_) - stack_guard_size,
              MADV_DONTNEED);
    }
    const spin_guard hold(lock_);
    std::copy_n(batch, n, cold_ + cold_count_);
    cold_count_ += n;
    done += n;
  }
}

std::size_t stack_region::idle_low_water() noexcept {
  const spin_guard hold(lock_);
  const std::size_t idle = low_water_;
  low_water_ = hot_count_;
  return idle;
}

stack_region* stacks_of_size(std::size_t bytes) noexcept {
  unsigned shift = smallest_shift;
  while (shift < biggest_shift && (std::size_t{1} << shift) < bytes) ++shift;
  if ((std::size_t{1} << shift) < bytes) return nullptr;
  if (default_stacks.reserved() && default_stacks.shift() == shift) return &default_stacks;
  stack_region& region = other_stacks[shift - smallest_shift];
  const unsigned bit = 1u << (shift - smallest_shift);
  if ((other_mask.load(std::memory_order_acquire) & bit) != 0) return &region;  // P1
  const spin_guard hold(other_lock);
  if (!region.reserved()) {
    const std::size_t budget = sanitizer::tsan || sanitizer::asan ? std::size_t{1} << 34 : std::size_t{1} << 40;
    if (!region.reserve(shift, std::min<std::size_t>(budget >> shift, 1u << 20))) return nullptr;
  }
  other_mask.fetch_or(bit, std::memory_order_release);  // P1: a region is searched only once it is whole
  return &region;
}

stack_region* region_of(std::uintptr_t sp) noexcept {
  if (default_stacks.contains(sp)) return &default_stacks;
  for (unsigned mask = other_mask.load(std::memory_order_acquire); mask != 0; mask &= mask - 1) {  // P1
    stack_region& region = other_stacks[__builtin_ctz(mask)];
    if (region.contains(sp)) return &region;
  }
  return nullptr;
}

std::size_t stack_regions(const stack_region** out) noexcept {
  static_assert(1 + std::size(other_stacks) <= most_stack_regions);
  std::size_t n = 0;
  if (default_stacks.reserved()) out[n++] = &default_stacks;
  for (unsigned mask = other_mask.load(std::memory_order_acquire); mask != 0; mask &= mask - 1)  // P1
    out[n++] = &other_stacks[__builtin_ctz(mask)];
  return n;
}

}  // namespace goro::detail
