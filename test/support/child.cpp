// SPDX-License-Identifier: MIT
#include "support/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <thread>

extern char** environ;

namespace goro_test {
namespace {

[[noreturn]] void fail(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), what);
}

struct pipe_ends {
  pipe_ends() {
    if (::pipe2(fd, O_CLOEXEC) != 0) fail(errno, "run_child: pipe2");
  }
  ~pipe_ends() {
    close_end(0);
    close_end(1);
  }
  pipe_ends(const pipe_ends&) = delete;
  pipe_ends& operator=(const pipe_ends&) = delete;
  void close_end(int which) {
    if (fd[which] >= 0) ::close(fd[which]);
    fd[which] = -1;
  }
  int fd[2] = {-1, -1};
};

std::vector<std::string> merged(const std::vector<std::pair<std::string, std::string>>& over) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('='));
    if (std::none_of(over.begin(), over.end(), [&](const auto& o) { return o.first == name; }))
      all.emplace_back(text);
  }
  for (const auto& [name, value] : over) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> all;
  for (std::string& s : strings) all.push_back(s.data());
  all.push_back(nullptr);
  return all;
}

// Appends what there is; false at the end of the pipe.
bool drain(int fd, std::string& into) {
  char buffer[4096];
  const ssize_t n = ::read(fd, buffer, sizeof buffer);
  if (n > 0) into.append(buffer, static_cast<std::size_t>(n));
  return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

}  // namespace

child_result run_child(const std::string& program, const std::vector<std::string>& arguments,
                       const std::vector<std::pair<std::string, std::string>>& environment,
                       std::chrono::milliseconds limit) {
  pipe_ends out;
  pipe_ends err;
  std::vector<std::string> words{program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> settings = merged(environment);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out.fd[1], 1);
  posix_spawn_file_actions_adddup2(&actions, err.fd[1], 2);
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, program.c_str(), &actions, nullptr, pointers(words).data(),
                                  pointers(settings).data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) fail(error, "run_child: " + program);
  out.close_end(1);
  err.close_end(1);

  child_result result;
  const auto deadline = std::chrono::steady_clock::now() + limit;
  const auto kill_if_late = [&] {
    if (result.timed_out || std::chrono::steady_clock::now() < deadline) return;
    ::kill(pid, SIGKILL);
    result.timed_out = true;
  };
  pollfd ends[2] = {{out.fd[0], POLLIN, 0}, {err.fd[0], POLLIN, 0}};
  while ((ends[0].fd >= 0 || ends[1].fd >= 0) && !result.timed_out) {
    // A grandchild may hold the pipe open for ever, so the wait is cut into short pieces.
    if (::poll(ends, 2, 50) > 0) {
      if (ends[0].revents != 0 && !drain(ends[0].fd, result.out)) ends[0].fd = -1;
      if (ends[1].revents != 0 && !drain(ends[1].fd, result.err)) ends[1].fd = -1;
    }
    kill_if_late();
  }
  int status = 0;
  for (;;) {
    const pid_t got = ::waitpid(pid, &status, WNOHANG);
    if (got == pid) break;
    if (got < 0 && errno != EINTR) fail(errno, "run_child: waitpid");
    kill_if_late();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  if (WIFEXITED(status)) result.exit_status = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  return result;
}

std::string beside_this_program(std::string_view name) {
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / name).string();
}

}  // namespace goro_test
