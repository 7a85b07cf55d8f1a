// SPDX-License-Identifier: MIT
// Who knows the bounds of heap blocks, if anybody does: goro::leak, once it is linked.
#pragma once

#include <goro/detail/heap_records.hpp>

namespace goro::detail {

// Null: nobody.
const heap_records* the_heap_records() noexcept;

// When the runtime starts and GORO_DEBUG=leak was asked for: a line on standard error if it has no effect.
void say_if_heap_is_not_recorded() noexcept;

}  // namespace goro::detail
