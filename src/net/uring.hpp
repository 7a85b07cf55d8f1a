// SPDX-License-Identifier: MIT
// One io_uring for the process, told of completions by the netpoller.
#pragma once

#include <cstddef>
#include <cstdint>

namespace goro::detail {

// Whether there is one: asked of the kernel once. False too where goro was built without liburing.
bool uring_works() noexcept;

inline constexpr std::uint64_t at_position = UINT64_MAX;  // the file's own

// As pread, pwrite and fsync, but the result is negative with the errno. The task waits meanwhile. If
// uring_works.
std::int64_t uring_read(int fd, char* into, std::size_t size, std::uint64_t offset);
std::int64_t uring_write(int fd, const char* what, std::size_t size, std::uint64_t offset);
std::int64_t uring_sync(int fd);

}  // namespace goro::detail
