// SPDX-License-Identifier: MIT
#include "pipeline.hpp"

#include "sha256.hpp"
#include "walk.hpp"

#include <goro/wait_group.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

namespace digest {
namespace {

constexpr std::size_t channel_capacity = 64;
constexpr std::size_t buffer_size = 128 * 1024;

class file {
 public:
  explicit file(const std::string& path) {
    goro::blocking([&] {
      fd_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
      error_ = fd_ < 0 ? errno : 0;
    });
  }
  ~file() {
    if (fd_ >= 0) close(fd_);
  }
  file(const file&) = delete;
  file& operator=(const file&) = delete;

  // The next bytes; 0 at the end or after an error, which error() then tells.
  std::size_t read(std::vector<char>& buffer) {
    if (error_ != 0) return 0;
    // A plain read: the disk may keep the thread waiting. Announced, the P goes to another thread meanwhile.
    const ssize_t n = goro::blocking([&] {
      ssize_t got;
      do got = ::read(fd_, buffer.data(), buffer.size());
      while (got < 0 && errno == EINTR);
      error_ = got < 0 ? errno : 0;
      return got;
    });
    return n < 0 ? 0 : static_cast<std::size_t>(n);
  }
  int error() const { return error_; }

 private:
  int fd_ = -1;
  int error_ = 0;  // read inside blocking(): errno belongs to the thread, and f stays on one
};

// Nothing: told to stop half-way.
std::optional<entry> hash_file(std::string path, std::vector<char>& buffer, const stop_chan& stop,
                               counters& counters) {
  entry e;
  e.path = std::move(path);
  file in(e.path);
  sha256 hash;
  while (const std::size_t n = in.read(buffer)) {
    if (is_closed(stop)) return std::nullopt;
    hash.update(buffer.data(), n);
    e.bytes += n;
    counters.bytes_done.fetch_add(n, std::memory_order_relaxed);
  }
  if (in.error() != 0) {
    e.error = std::strerror(in.error());
  } else {
    e.hash = hash.finish();
  }
  counters.files_done.fetch_add(1, std::memory_order_relaxed);
  return e;
}

// Its calls of the file system are not announced: the scheduler's monitor notices those that take long.
void walk_all(const options& options, const stop_chan& stop, const goro::send_chan<std::string>& paths,
              const goro::send_chan<entry>& results) {
  const visitor visit{[&](std::string path) {
                        return goro::select(goro::in_order, goro::recv(stop),
                                            goro::send(paths, std::move(path))) == 1;
                      },
                      [&](std::string path, std::string what) {
                        results.send(entry{.path = std::move(path), .hash = {}, .error = std::move(what)});
                        return !is_closed(stop);
                      }};
  for (const std::string& root : options.roots)
    if (!walk(root, visit)) return;
}

void read_all(const goro::recv_chan<std::string>& paths, const stop_chan& stop,
              const goro::send_chan<entry>& results, counters& counters) {
  std::vector<char> buffer(buffer_size);
  for (std::string path : paths) {
    if (is_closed(stop)) return;
    std::optional<entry> e = hash_file(std::move(path), buffer, stop, counters);
    if (!e) return;
    results.send(std::move(*e));
  }
}

}  // namespace

goro::recv_chan<entry> start_pipeline(goro::scope& scope, const options& options, stop_chan stop,
                                      counters& counters) {
  auto paths = goro::make_chan<std::string>(channel_capacity);
  auto results = goro::make_chan<entry>(channel_capacity);
  auto senders = std::make_shared<goro::wait_group>();  // everyone who sends on results

  senders->add(1 + options.jobs);
  scope.go([=, &options] {
    walk_all(options, stop, paths, results);
    paths.close();
    senders->done();
  });
  for (int i = 0; i != options.jobs; ++i)
    scope.go([=, &counters] {
      read_all(paths, stop, results, counters);
      senders->done();
    });
  scope.go([=] {
    senders->wait();
    results.close();
  });
  return results;
}

void start_scout(goro::scope& scope, const options& options, stop_chan stop, counters& counters) {
  scope.go([=, &options, &counters] {
    const visitor visit{[&](std::string) {
                          counters.files_found.fetch_add(1, std::memory_order_relaxed);
                          return !is_closed(stop);
                        },
                        [&](std::string, std::string) { return !is_closed(stop); }};
    for (const std::string& root : options.roots)
      if (!walk(root, visit)) return;
    counters.all_found.store(true, std::memory_order_release);
  });
}

}  // namespace digest
