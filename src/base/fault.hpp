// SPDX-License-Identifier: MIT
// The seam for anomaly tests: each kernel call that can fail asks fault("name") first and, on true, takes its
// error path without calling. Without GORO_FAULTS, that is in every build that anybody ships, the answer is a
// constant and the compiler drops the question.
//
//   void* p = fault("mmap") ? MAP_FAILED : mmap(...);     // errno is then ENOMEM
#pragma once

namespace goro::detail {

#ifdef GORO_FAULTS

// True: this call must fail now; errno is set (fail_nth's `error`).
bool fault(const char* call) noexcept;

// From now on, the n-th question about `call` (null: about any call) is answered true, once; n == 0: none.
// Resets the count.
void fail_nth(const char* call, unsigned n, int error) noexcept;

// Whether the failure that fail_nth ordered has happened; its call's name, or null.
const char* fault_fired() noexcept;

#else

constexpr bool fault(const char*) noexcept { return false; }

#endif

}  // namespace goro::detail
