// SPDX-License-Identifier: MIT
#include "sync/address_lock.hpp"

namespace goro::detail {

constinit padded_wait_list_lock wait_list_locks[wait_list_lock_count];

}  // namespace goro::detail
