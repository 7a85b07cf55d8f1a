// SPDX-License-Identifier: MIT
// An address that is told, not held: kept negated, so that a scan of memory for references
// (leak::proven) does not take it for one. What keeps records of goroutines keeps nothing else alive.
#pragma once

#include <cstdint>

namespace goro::detail {

class hidden_address {
 public:
  constexpr hidden_address() noexcept = default;
  hidden_address(const void* address) noexcept : bits_(0 - reinterpret_cast<std::uintptr_t>(address)) {}
  operator const void*() const noexcept { return get(); }
  const void* get() const noexcept { return reinterpret_cast<const void*>(0 - bits_); }

 private:
  std::uintptr_t bits_ = 0;
};

}  // namespace goro::detail
