// SPDX-License-Identifier: MIT
// What the program has written to its standard error so far: it goes through a pipe, and on to where it was to go.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

class watched_stderr {
 public:
  watched_stderr() : real_(::dup(STDERR_FILENO)) {
    int ends[2];
    if (::pipe(ends) != 0) std::abort();
    ::dup2(ends[1], STDERR_FILENO);
    ::close(ends[1]);
    reader_ = std::thread([this, from = ends[0]] { pass_on(from); });
  }
  ~watched_stderr() {
    ::dup2(real_, STDERR_FILENO);  // the pipe's end is reached
    reader_.join();
  }
  watched_stderr(const watched_stderr&) = delete;
  watched_stderr& operator=(const watched_stderr&) = delete;

  int times(std::string_view text) {
    const std::lock_guard hold(lock_);
    int n = 0;
    for (std::size_t at = 0; (at = all_.find(text, at)) != std::string::npos; at += text.size()) ++n;
    return n;
  }

 private:
  void pass_on(int from) {
    char buffer[4096];
    for (ssize_t n; (n = ::read(from, buffer, sizeof buffer)) > 0;) {
      (void)!::write(real_, buffer, static_cast<std::size_t>(n));
      const std::lock_guard hold(lock_);
      all_.append(buffer, static_cast<std::size_t>(n));
    }
  }

  const int real_;
  std::mutex lock_;
  std::string all_;
  std::thread reader_;
};
