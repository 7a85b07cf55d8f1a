// SPDX-License-Identifier: MIT
// "all goroutines are asleep - deadlock!": under goro::run a program in which nothing can go on ends with a
// report that names every goroutine and what it waits for, and with exit code 2.
//
// The program starts itself once more as a child that walks into the guide's deadlock, and reads its words.
#include "guide.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>

namespace {

int walk_into_deadlock() {
  return goro::run([] {
    auto ch1 = goro::make_chan<int>();
    auto ch2 = goro::make_chan<int>();
    goro::go({.name = "helper"}, [ch1, ch2] {
      (void)ch2.recv();
      ch1.send(1);
    });
    (void)ch2.recv();  // waits for ever: nobody sends
    (void)ch1.recv();
  });
}

struct child_end {
  int status = -1;
  std::string words;
};

// Runs this program with the argument "deadlock" and collects what it writes to stderr. The calls block,
// and say so, so that other goroutines could go on.
child_end run_child(char* program) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return {};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);

  // The runtime's threads block signals; a child would inherit that.
  posix_spawnattr_t attributes;
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);

  char argument[] = "deadlock";
  char* const argv[] = {program, argument, nullptr};
  pid_t pid = 0;
  const int error = posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, argv, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);

  child_end end;
  if (error == 0) {
    goro::blocking([&] {
      std::array<char, 4096> buffer;
      ssize_t n;
      while ((n = read(ends[0], buffer.data(), buffer.size())) > 0 || (n < 0 && errno == EINTR))
        if (n > 0) end.words.append(buffer.data(), static_cast<std::size_t>(n));
      while (waitpid(pid, &end.status, 0) < 0 && errno == EINTR) {
      }
    });
  } else {
    std::printf("posix_spawn: %s\n", std::strerror(error));
  }
  close(ends[0]);
  return end;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "deadlock") == 0) return walk_into_deadlock();
  return goro::run([argv] {
    guide::outcome outcome;
    const child_end end = run_child(argv[0]);
    const bool exited = WIFEXITED(end.status);
    const int code = exited ? WEXITSTATUS(end.status) : -1;
    std::printf("a child in which main and one goroutine wait for each other said, and exited with %d:\n",
                code);
    for (std::size_t from = 0, to; from < end.words.size(); from = to + 1) {
      to = std::min(end.words.find('\n', from), end.words.size());
      std::printf("  | %.*s\n", static_cast<int>(to - from), end.words.c_str() + from);
    }
    outcome.expect(code == 2, "the child exits with code 2");
    outcome.expect(end.words.find("all goroutines are asleep - deadlock!") != std::string::npos,
                   "it says why");
    outcome.expect(end.words.find("chan receive") != std::string::npos,
                   "it says what its goroutines wait for");
    outcome.expect(end.words.find("helper") != std::string::npos, "it names the goroutine that has a name");
    return outcome.verdict("the deadlock was detected and reported");
  });
}
