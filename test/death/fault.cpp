// SPDX-License-Identifier: MIT
// Memory faults of the program's own, with a handler of the program's own. usage: fault WHICH
#include <goro/goro.hpp>

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

void* page = nullptr;
int* volatile nowhere = nullptr;

void say_and_leave(int, siginfo_t* info, void*) {
  const char good[] = "the program's own handler\n";
  const char bad[] = "a wrong address\n";
  if (info->si_addr == nullptr)
    (void)!::write(1, good, sizeof good - 1);
  else
    (void)!::write(1, bad, sizeof bad - 1);
  ::_exit(5);
}

void repair(int, siginfo_t* info, void*) {
  if (info->si_addr != page) ::_exit(6);
  ::mprotect(page, 4096, PROT_READ | PROT_WRITE);
}

void plain(int) {
  const char text[] = "the program's own handler\n";
  (void)!::write(1, text, sizeof text - 1);
  ::_exit(5);
}

void install(void (*handler)(int, siginfo_t*, void*)) {
  struct sigaction act {};
  act.sa_sigaction = handler;
  act.sa_flags = SA_SIGINFO;
  ::sigaction(SIGSEGV, &act, nullptr);
}

void dereference() { *nowhere = 1; }

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 64;
  const std::string_view which = argv[1];
  // Installed before the first use of goro, as the handler "that was there before".
  if (which == "goroutine" || which == "thread") install(say_and_leave);
  if (which == "repair") install(repair);
  if (which == "plain-handler") ::signal(SIGSEGV, plain);
  if (which == "ignored") ::signal(SIGSEGV, SIG_IGN);

  goro::async([] { goro::yield(); }).get();
  if (which == "repair") {
    page = ::mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    goro::async([] {
      *static_cast<volatile int*>(page) = 42;
      goro::yield();
      if (*static_cast<volatile int*>(page) != 42) std::abort();
    }).get();
    std::puts("repaired");
    return 0;
  }
  if (which == "thread") dereference();
  goro::async(dereference).get();
  return 0;
}
