// SPDX-License-Identifier: MIT
#include "verify.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace digest {
namespace {

using fd_pair = std::array<int, 2>;

// xargs -0 sha256sum, in a process group of its own so that one kill ends both; with the signals unblocked
// that this program's threads block. 0, or the error.
int spawn_sha256sum(const fd_pair& in, const fd_pair& out, pid_t& pid) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);

  posix_spawnattr_t attributes;
  sigset_t none, pipe_only;
  sigemptyset(&none);
  sigemptyset(&pipe_only);
  sigaddset(&pipe_only, SIGPIPE);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &pipe_only);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);

  char xargs[] = "xargs", zero[] = "-0", if_any[] = "-r", sha256sum[] = "sha256sum", end[] = "--";
  char* const argv[] = {xargs, zero, if_any, sha256sum, end, nullptr};
  const int error = posix_spawnp(&pid, xargs, &actions, &attributes, argv, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

void feed(int fd, const std::vector<entry>& entries) {
  std::string names;
  for (const entry& e : entries) names.append(e.path).push_back('\0');
  goro::blocking([&] {
    for (std::size_t at = 0; at < names.size();) {
      const ssize_t n = write(fd, names.data() + at, names.size() - at);
      if (n < 0 && errno != EINTR) break;  // the child has gone; what it printed will tell
      if (n > 0) at += static_cast<std::size_t>(n);
    }
    close(fd);
  });
}

std::string read_to_end(int fd) {
  std::string text;
  std::vector<char> buffer(64 * 1024);
  goro::blocking([&] {
    ssize_t n;
    while ((n = read(fd, buffer.data(), buffer.size())) > 0 || (n < 0 && errno == EINTR))
      if (n > 0) text.append(buffer.data(), static_cast<std::size_t>(n));
    close(fd);
  });
  return text;
}

int wait_for_child(pid_t pid) {
  int status = -1;
  goro::blocking([&] {
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
  });
  return status;
}

// The first line in which the two lists differ, ours and theirs.
std::string difference(const std::string& ours, const std::string& theirs) {
  std::size_t at = 0;
  while (at < ours.size() && at < theirs.size() && ours[at] == theirs[at]) ++at;
  const std::size_t line = at == 0 ? 0 : ours.rfind('\n', at - 1) + 1;
  const auto line_of = [line](const std::string& text) {
    return line < text.size() ? text.substr(line, text.find('\n', line) - line) : std::string("(nothing)");
  };
  return "digest has: " + line_of(ours) + "\n  sha256sum has: " + line_of(theirs);
}

}  // namespace

verification verify(const std::vector<entry>& entries, const std::string& list,
                    goro::recv_chan<int> signals) {
  verification result;
  fd_pair in{}, out{};
  if (pipe2(in.data(), O_CLOEXEC) != 0) {
    result.what = std::string("pipe: ") + std::strerror(errno);
    return result;
  }
  if (pipe2(out.data(), O_CLOEXEC) != 0) {
    result.what = std::string("pipe: ") + std::strerror(errno);
    close(in[0]), close(in[1]);
    return result;
  }
  pid_t pid = 0;
  const int error = spawn_sha256sum(in, out, pid);
  close(in[0]), close(out[1]);
  if (error != 0) {
    close(in[1]), close(out[0]);
    result.what = std::string("xargs: ") + std::strerror(error) + "; install findutils";
    return result;
  }

  auto printed = goro::make_chan<std::string>(1);
  goro::scope scope;
  scope.go([&] { feed(in[1], entries); });
  scope.go([&] { printed.send(read_to_end(out[0])); });
  std::string theirs;
  goro::select(goro::recv(printed, theirs), goro::recv(signals, [&](int number) {
                 result.signal = number;
                 kill(-pid, SIGTERM);  // its end of the pipes closes, and both goroutines end
               }));
  scope.wait();
  const int status = wait_for_child(pid);
  if (result.signal != 0) return result;

  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    result.what = "sha256sum failed; its own words are above";
  } else if (theirs != list) {
    result.what = "NOT the same: " + difference(list, theirs);
  } else {
    result.same = true;
    result.what =
        std::to_string(std::count(theirs.begin(), theirs.end(), '\n')) + " lines of sha256sum, the same";
  }
  return result;
}

}  // namespace digest
