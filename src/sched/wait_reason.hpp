// SPDX-License-Identifier: MIT
// Why a goroutine waits: the word that a dump shows as its state.
#pragma once

#include <cstdint>

namespace goro::detail {

enum class wait_reason : std::uint8_t {
  none,
  chan_send,
  chan_receive,
  chan_send_nil,
  chan_receive_nil,
  select,
  select_no_cases,
  sleep,
  mutex,
  rw_mutex_read,
  rw_mutex_write,
  wait_group,
  cond,
  semaphore,
  future,
  once,
  io_wait,
  scope,
  errgroup,
  worker_pool,
  singleflight,
  count,
};

// The words of a dump, as the public surface fixes them.
extern const char* const wait_reason_words[];
const char* to_string(wait_reason why) noexcept;

}  // namespace goro::detail
