// SPDX-License-Identifier: MIT
#pragma once

namespace goro::detail {

// Whether the object is a static one, or a thread_local of the calling thread: it can be used after its destructor, by
// those who outlive main. Looks through the loaded modules: a microsecond or so, and the loader's lock.
bool is_in_static_storage(const void* object) noexcept;

}  // namespace goro::detail
