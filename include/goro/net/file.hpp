// SPDX-License-Identifier: MIT
// Files that do not block a thread while the disk works.
//
//   goro::net::file f("/etc/hosts");
//   char buffer[4096];
//   std::size_t n = f.read(buffer);            // 0: the end
//
// Through io_uring if this process may use it, else through goro::blocking: files_use() tells. What is in
// the page cache is read at once either way. Go: os.File.
// All calls may be made from any goroutine and thread at the same time. read and write move one common
// position and take turns; read_at and write_at do not touch it and run side by side.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include <goro/clock.hpp>
#include <goro/detail/export.hpp>
#include <goro/net/error.hpp>

namespace goro::detail {
struct file_core;
}

namespace goro::net {

enum class file_engine { threads, io_uring };
// Asked of the system once. GORO_URING=0 in the environment keeps it from io_uring.
GORO_API file_engine files_use() noexcept;

enum class file_mode {
  read,        // it must exist
  write,       // made, or emptied
  append,      // made if need be; each write goes to the end
  read_write,  // made if need be, and kept as it is
};

class file {
 public:
  // Throws   std::system_error. Waits for the open, which file systems may make slow, as goro::blocking does.
  GORO_API explicit file(const std::string& path, file_mode how = file_mode::read,
                         unsigned permissions = 0666);
  GORO_API file(file&&) noexcept;
  GORO_API file& operator=(file&&) noexcept;
  GORO_API ~file();

  // At least one byte, unless at the end (0) or for an empty span.
  GORO_API std::size_t read(std::span<char> into);
  GORO_API std::size_t read(std::span<char> into, std::error_code& ec);
  GORO_API std::size_t read_at(std::span<char> into, std::uint64_t offset);
  GORO_API std::size_t read_at(std::span<char> into, std::uint64_t offset, std::error_code& ec);

  // All of it; with a code, how much before the error.
  GORO_API void write(std::string_view what);
  GORO_API std::size_t write(std::string_view what, std::error_code& ec);
  GORO_API void write_at(std::string_view what, std::uint64_t offset);
  GORO_API std::size_t write_at(std::string_view what, std::uint64_t offset, std::error_code& ec);

  // Until it is on the disk. Go: File.Sync
  GORO_API void sync();
  GORO_API void sync(std::error_code& ec);

  // Always errc::no_deadline: a file is always ready. Here so that code for any kind of stream is told so.
  GORO_API void set_deadline(time_point when, std::error_code& ec) noexcept;

  // Calls from now on fail with errc::closed; waits for those under way, which the kernel finishes.
  GORO_API void close() noexcept;
  GORO_API int native_handle() const noexcept;

 private:
  std::unique_ptr<goro::detail::file_core> core_;
};

}  // namespace goro::net
