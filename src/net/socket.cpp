// SPDX-License-Identifier: MIT
#include "net/socket.hpp"

#include <sys/socket.h>
#include <unistd.h>

namespace goro::detail {

std::error_code socket_handle::take(int fd) noexcept {
  if (const int error = poll_.open(fd)) {
    ::close(fd);
    return system_error_of(error);
  }
  fd_ = fd;
  return {};
}

void socket_handle::close() noexcept {
  if (fd_ < 0 && !poll_) return;
  if (!lock_.begin_close()) return;
  poll_.close();  // who waits goes on, sees it, and leaves
  lock_.wait_until_unused();
  ::close(fd_);
  poll_.release();
  __atomic_store_n(&gone_, true, __ATOMIC_RELEASE);
  lock_.end_close();
}

namespace {

template <class Get>
net::address name_by(Get get, int fd) noexcept {
  alignas(8) unsigned char bytes[128];
  socklen_t size = sizeof bytes;
  if (get(fd, reinterpret_cast<sockaddr*>(bytes), &size) != 0) return {};
  return net::address::from_native(bytes, size);
}

}  // namespace

net::address name_of_socket(int fd) noexcept { return name_by(&getsockname, fd); }
net::address name_of_peer(int fd) noexcept { return name_by(&getpeername, fd); }

}  // namespace goro::detail
