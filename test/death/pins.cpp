// SPDX-License-Identifier: MIT
// Blocks in the kernel without saying so, on one P, while another goroutine waits to run: it can only go on after the
// monitor has taken the P away. Then the same, announced. Ends by SIGQUIT.
#include <goro/goro.hpp>

#include <signal.h>
#include <unistd.h>

#include <cstdio>

namespace {

int ends[2];

[[gnu::noinline]] char reads_unannounced() {
  char byte = 0;
  (void)!read(ends[0], &byte, 1);
  goro::yield();
  return byte;
}

[[gnu::noinline]] char reads_announced() {
  char byte = 0;
  goro::blocking([&] { return read(ends[0], &byte, 1); });
  goro::yield();
  return byte;
}

std::size_t lost() {
  std::size_t n = 0;
  for (const goro::pin& p : goro::pins()) n += p.count;
  return n;
}

// Who is started runs, and blocks, at the latest when this one yields; that it goes on then says that it has the P.
void once(char (*reads)()) {
  goro::wait_group done;
  done.go([reads] { (void)reads(); });
  goro::yield();
  (void)!write(ends[1], "x", 1);
  done.wait();
}

}  // namespace

int main() {
  return goro::run([] {
    (void)!pipe(ends);
    for (int i = 0; i != 3; ++i) once(&reads_unannounced);
    const std::size_t before = lost();
    for (int i = 0; i != 3; ++i) once(&reads_announced);
    std::printf("lost %zu, then %zu\n", before, lost() - before);
    std::fflush(stdout);
    goro::install_sigquit_dump();
    (void)kill(getpid(), SIGQUIT);
    for (;;) goro::sleep_for(std::chrono::seconds(1));
  });
}
