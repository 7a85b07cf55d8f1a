// SPDX-License-Identifier: MIT
#include <goro/net/file.hpp>

#include "net/errors.hpp"
#include "net/uring.hpp"

#include <goro/detail/fd_lock.hpp>
#include <goro/go.hpp>

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <utility>

namespace goro::detail {

struct file_core {
  int fd = -1;
  fd_lock lock;

  ~file_core() { close(); }
  void close() noexcept {
    if (!lock.begin_close()) return;
    lock.wait_until_unused();
    if (fd >= 0) ::close(fd);
    lock.end_close();
  }
};

namespace {

constexpr std::size_t most_at_once = std::size_t{1} << 30;

std::error_code closed() noexcept { return net::make_error_code(net::errc::closed); }

// Through the ring. When an error comes after a part has been done, the kernel says how large that part was, but
// leaves the file's own position in front of it (seen in Linux 6.18, on full disks): the rest would go over it.
template <class Call>
std::int64_t through_ring(int fd, std::size_t size, std::uint64_t offset, Call call) {
  const off_t before = offset == at_position ? ::lseek(fd, 0, SEEK_CUR) : -1;  // -1 also if it has none
  const std::int64_t n = call();
  if (before >= 0 && n > 0 && static_cast<std::size_t>(n) < size)
    (void)::lseek(fd, before + static_cast<off_t>(n), SEEK_SET);
  return n;
}

// Negative: the errno. At the file's position if offset is at_position.
std::int64_t read_once(int fd, char* into, std::size_t size, std::uint64_t offset) {
  const iovec part{into, size};
  // What is in the page cache, without a wait: no thread is lent and no ring asked.
  const ssize_t cached = ::preadv2(fd, &part, 1, static_cast<off_t>(offset), RWF_NOWAIT);
  if (cached > 0) return cached;
  if (uring_works())
    return through_ring(fd, size, offset, [&] { return uring_read(fd, into, size, offset); });
  const ssize_t n = goro::blocking([&] {
    return offset == at_position ? ::read(fd, into, size)
                                 : ::pread(fd, into, size, static_cast<off_t>(offset));
  });
  return n < 0 ? -errno : n;
}

std::int64_t write_once(int fd, const char* what, std::size_t size, std::uint64_t offset) {
  if (uring_works())
    return through_ring(fd, size, offset, [&] { return uring_write(fd, what, size, offset); });
  const ssize_t n = goro::blocking([&] {
    return offset == at_position ? ::write(fd, what, size)
                                 : ::pwrite(fd, what, size, static_cast<off_t>(offset));
  });
  return n < 0 ? -errno : n;
}

std::size_t read_some(int fd, std::span<char> into, std::uint64_t offset, std::error_code& ec) {
  if (into.empty()) return 0;
  for (;;) {
    const std::int64_t n = read_once(fd, into.data(), std::min(into.size(), most_at_once), offset);
    if (n >= 0) return static_cast<std::size_t>(n);
    if (n == -EINTR) continue;
    ec = system_error_of(static_cast<int>(-n));
    return 0;
  }
}

std::size_t write_all(int fd, std::string_view what, std::uint64_t offset, std::error_code& ec) {
  std::size_t done = 0;
  while (done != what.size()) {
    const std::uint64_t at = offset == at_position ? offset : offset + done;
    const std::int64_t n = write_once(fd, what.data() + done, std::min(what.size() - done, most_at_once), at);
    if (n == -EINTR) continue;
    if (n <= 0) {
      ec = system_error_of(n == 0 ? EIO : static_cast<int>(-n));
      break;
    }
    done += static_cast<std::size_t>(n);
  }
  return done;
}

}  // namespace
}  // namespace goro::detail

namespace goro::net {

using namespace goro::detail;

namespace {

void check(const std::error_code& ec, const char* call) {
  if (ec) throw std::system_error(ec, std::string("goro: file::") + call);
}

int flags_of(file_mode how) noexcept {
  switch (how) {
    case file_mode::read: return O_RDONLY;
    case file_mode::write: return O_WRONLY | O_CREAT | O_TRUNC;
    case file_mode::append: return O_WRONLY | O_CREAT | O_APPEND;
    case file_mode::read_write: return O_RDWR | O_CREAT;
  }
  return O_RDONLY;
}

}  // namespace

file_engine files_use() noexcept { return uring_works() ? file_engine::io_uring : file_engine::threads; }

file::file(const std::string& path, file_mode how, unsigned permissions)
    : core_(std::make_unique<file_core>()) {
  do {
    core_->fd = goro::blocking([&] { return ::open(path.c_str(), flags_of(how) | O_CLOEXEC, permissions); });
  } while (core_->fd < 0 && errno == EINTR);
  if (core_->fd < 0) throw std::system_error(last_error(), "goro: file: \"" + path + '"');
}

file::file(file&&) noexcept = default;
file& file::operator=(file&&) noexcept = default;
file::~file() = default;

std::size_t file::read(std::span<char> into, std::error_code& ec) {
  ec = closed();
  if (core_ == nullptr) return 0;
  const fd_turn turn(core_->lock, direction::read);
  if (!turn) return 0;
  ec.clear();
  return read_some(core_->fd, into, at_position, ec);
}

std::size_t file::read(std::span<char> into) {
  std::error_code ec;
  const std::size_t n = read(into, ec);
  check(ec, "read");
  return n;
}

std::size_t file::read_at(std::span<char> into, std::uint64_t offset, std::error_code& ec) {
  ec = closed();
  if (core_ == nullptr) return 0;
  const fd_use use(core_->lock);
  if (!use) return 0;
  ec.clear();
  return read_some(core_->fd, into, offset, ec);
}

std::size_t file::read_at(std::span<char> into, std::uint64_t offset) {
  std::error_code ec;
  const std::size_t n = read_at(into, offset, ec);
  check(ec, "read_at");
  return n;
}

std::size_t file::write(std::string_view what, std::error_code& ec) {
  ec = closed();
  if (core_ == nullptr) return 0;
  // The position is common to reads and writes, but a turn for both would make a write wait for a slow read;
  // the kernel moves the position for each of them on its own.
  const fd_turn turn(core_->lock, direction::write);
  if (!turn) return 0;
  ec.clear();
  return write_all(core_->fd, what, at_position, ec);
}

void file::write(std::string_view what) {
  std::error_code ec;
  (void)write(what, ec);
  check(ec, "write");
}

std::size_t file::write_at(std::string_view what, std::uint64_t offset, std::error_code& ec) {
  ec = closed();
  if (core_ == nullptr) return 0;
  const fd_use use(core_->lock);
  if (!use) return 0;
  ec.clear();
  return write_all(core_->fd, what, offset, ec);
}

void file::write_at(std::string_view what, std::uint64_t offset) {
  std::error_code ec;
  (void)write_at(what, offset, ec);
  check(ec, "write_at");
}

void file::sync(std::error_code& ec) {
  ec = closed();
  if (core_ == nullptr) return;
  const fd_use use(core_->lock);
  if (!use) return;
  ec.clear();
  std::int64_t result;
  do {
    if (uring_works()) {
      result = uring_sync(core_->fd);
    } else {
      result = goro::blocking([&] { return ::fsync(core_->fd); });
      if (result != 0) result = -errno;
    }
  } while (result == -EINTR);
  if (result < 0) ec = system_error_of(static_cast<int>(-result));
}

void file::sync() {
  std::error_code ec;
  sync(ec);
  check(ec, "sync");
}

void file::set_deadline(time_point, std::error_code& ec) noexcept { ec = errc::no_deadline; }

void file::close() noexcept {
  if (core_ != nullptr) core_->close();
}

int file::native_handle() const noexcept {
  return core_ == nullptr || core_->lock.is_closed() ? -1 : core_->fd;
}

}  // namespace goro::net
