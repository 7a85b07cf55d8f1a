// SPDX-License-Identifier: MIT
// The epoll set: descriptors in and out. Made when the first one comes.
#pragma once

namespace goro::detail {

struct poll_descriptor;

// 0, or an errno.
int epoll_register(int fd, poll_descriptor& p) noexcept;
void epoll_forget(int fd) noexcept;

}  // namespace goro::detail
