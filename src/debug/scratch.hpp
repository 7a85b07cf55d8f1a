// SPDX-License-Identifier: MIT
// Memory for work that must not allocate, since the threads that stand still may have the allocator's locks: one
// reservation of address space, handed out from its start and given back as a whole. Its pages are zero and come
// when touched. It is known by its bounds, so a scan of memory can leave it out.
#pragma once

#include <sys/mman.h>
#include <cstddef>
#include <cstdint>

namespace goro::detail {

class scratch {
 public:
  // Reserves what the kernel gives, halving. ok(): it gave something.
  explicit scratch(std::size_t most) noexcept {
    for (std::size_t size = most; size >= std::size_t{16} << 20; size /= 2) {
      void* const p =
          mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (p == MAP_FAILED) continue;
      base_ = reinterpret_cast<std::uintptr_t>(p);
      size_ = size;
      return;
    }
  }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  ~scratch() {
    if (base_ != 0) munmap(reinterpret_cast<void*>(base_), size_);
  }

  bool ok() const noexcept { return base_ != 0; }
  std::uintptr_t first() const noexcept { return base_; }
  std::uintptr_t last() const noexcept { return base_ + size_; }

  // Zeroed, aligned to 64. Null: used up.
  void* take(std::size_t bytes) noexcept {
    const std::size_t rounded = (bytes + 63) & ~std::size_t{63};
    if (rounded < bytes || rounded > size_ - used_) return nullptr;
    void* const p = reinterpret_cast<void*>(base_ + used_);
    used_ += rounded;
    return p;
  }
  template <class T>
  T* take_array(std::size_t n) noexcept {
    std::size_t bytes = 0;
    return __builtin_mul_overflow(n, sizeof(T), &bytes) ? nullptr : static_cast<T*>(take(bytes));
  }

 private:
  std::uintptr_t base_ = 0;
  std::size_t size_ = 0;
  std::size_t used_ = 0;
};

}  // namespace goro::detail
