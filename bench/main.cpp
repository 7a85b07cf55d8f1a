// SPDX-License-Identifier: MIT
// bench <row> <P>: runs one row at P Ps and prints "<row> <P> <value> <unit>" lines.
// bench list: the rows. bench version: what it was built from and with. bench all <P>: every row, each in a
// process of its own, so that none finds memory that another has warmed.
#include "rows/rows.hpp"

#include <spawn.h>
#include <sys/wait.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>

#include <goro/go.hpp>
#include <goro/version.hpp>

extern char** environ;

namespace {

constexpr const char* usage =
    "usage: bench <row> <P>   run a row at P Ps\n"
    "       bench all <P>     run every row, each in a process of its own\n"
    "       bench list        name the rows\n"
    "       bench version     say what this was built from, and with what\n";

int complain(const std::string& what) {
  std::fprintf(stderr, "bench: %s\n%s", what.c_str(), usage);
  return 2;
}

int list() {
  for (const bench::row_entry& entry : bench::rows()) std::puts(entry.name);
  return 0;
}

int version() {
#ifdef __clang__
  constexpr const char* compiler = "";  // __VERSION__ begins with the name
#else
  constexpr const char* compiler = "GCC ";
#endif
  std::printf("goro %s, %s%s\n", goro::version_string, compiler, __VERSION__);
  return 0;
}

// False: the row could not be started, or ended badly.
bool run_in_child(const char* row, const char* procs) {
  std::string name = row;
  std::string count = procs;
  char program[] = "bench";
  char* argv[] = {program, name.data(), count.data(), nullptr};
  pid_t child = 0;
  if (posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, argv, environ) != 0) return false;
  int status = 0;
  if (waitpid(child, &status, 0) != child) return false;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int run_all(const char* procs) {
  int failed = 0;
  for (const bench::row_entry& entry : bench::rows()) {
    if (run_in_child(entry.name, procs)) continue;
    std::fprintf(stderr, "bench: %s failed\n", entry.name);
    ++failed;
  }
  return failed == 0 ? 0 : 1;
}

// Goroutines that a row leaves behind (the sieve's filters) end with the process, as in Go: hence _Exit,
// which waits for nobody.
[[noreturn]] void run_row(void (*body)(), int procs) {
  int code = 1;
  try {
    bench::set_procs(procs);
    goro::set_max_procs(procs);
    code = goro::run([body] { body(); });
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench: %s\n", error.what());
  }
  std::fflush(stdout);
  std::fflush(stderr);
  std::_Exit(code);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc >= 2 && std::strcmp(argv[1], "list") == 0) return list();
  if (argc >= 2 && std::strcmp(argv[1], "version") == 0) return version();
  if (argc != 3) return complain("wrong number of arguments");
  char* end = nullptr;
  const long procs = std::strtol(argv[2], &end, 10);
  if (*end != '\0' || procs < 1 || procs > 1024) {
    return complain("P must be a number from 1 to 1024, not '" + std::string(argv[2]) + "'");
  }
  if (std::strcmp(argv[1], "all") == 0) return run_all(argv[2]);
  for (const bench::row_entry& entry : bench::rows()) {
    if (std::strcmp(argv[1], entry.name) == 0) run_row(entry.body, static_cast<int>(procs));
  }
  return complain("there is no row '" + std::string(argv[1]) + "'");
}
