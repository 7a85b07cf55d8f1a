// SPDX-License-Identifier: MIT
// fork beside a running runtime. Says how the child ended. usage: fork_child WHICH
#include <goro/goro.hpp>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <string_view>

namespace {

// In the child. A call that hangs is ended by the alarm, and the parent sees its signal.
[[noreturn]] void use_goro(std::string_view which) {
  ::signal(SIGALRM, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::alarm(5);
  try {
    if (which.find("yield") != which.npos)
      goro::yield();
    else if (which.find("sleep") != which.npos)
      goro::sleep_for(std::chrono::milliseconds(1));
    else if (which.find("channel") != which.npos)
      (void)goro::make_chan<int>().recv();
    else
      goro::go([] {});
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    ::_exit(3);
  }
  ::_exit(0);
}

[[noreturn]] void child(std::string_view which) {
  if (which.find("exec") != which.npos) {
    ::execl("/bin/sh", "sh", "-c", "exit 9", static_cast<char*>(nullptr));
    ::_exit(127);
  }
  use_goro(which);
}

int fork_and_tell(std::string_view which) {
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) child(which);
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid) return std::perror("waitpid"), 1;
  if (WIFSIGNALED(status))
    std::printf("child: signal %d\n", WTERMSIG(status));
  else
    std::printf("child: exit %d\n", WEXITSTATUS(status));
  return 0;
}

int sum_of_goroutines() {
  goro::wait_group all;
  const auto out = goro::make_chan<int>(100);
  for (int i = 0; i != 100; ++i)
    all.go([=] {
      goro::sleep_for(std::chrono::microseconds(i));
      out.send(i);
    });
  all.wait();
  int sum = 0;
  for (int i = 0; i != 100; ++i) sum += out.recv().value();
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 64;
  const std::string_view which = argv[1];
  if (which == "before-first-use") {
    // Nothing of goro is alive yet, so both may use it.
    const pid_t pid = ::fork();
    const bool right = sum_of_goroutines() == 4950;
    if (pid == 0) ::_exit(right ? 0 : 1);
    int status = 0;
    ::waitpid(pid, &status, 0);
    std::printf("child: exit %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    return right ? 0 : 1;
  }
  const auto never = goro::make_chan<int>();
  for (int i = 0; i != 100; ++i) goro::go([never] { (void)never.recv(); });
  if (sum_of_goroutines() != 4950) return 1;
  int failed = 0;
  if (which.substr(0, 9) == "goroutine")
    failed = goro::async([which] { return fork_and_tell(which); }).get();
  else
    failed = fork_and_tell(which);
  if (failed != 0) return 1;
  if (sum_of_goroutines() != 4950) return 1;
  std::puts("parent: unharmed");
  return 0;
}
