// SPDX-License-Identifier: MIT
// The program of all shapes: bugs_driver NAME bug|clean [await]. Runs one, waits until whatever it leaves behind is stuck,
// and writes what the detectors say: lines "find 2: writer, reader" and so on to stdout. In the environment
// GORO_DEBUG=deadlock it writes "deadlock 1" and copies the report, and asks nothing else: noting locks makes them
// reachable. With `await` it takes its time for a report, else it believes after a while that none comes. Ends with 0 if it could ask, however the answers are.
#include "bugs/shape.hpp"

#include "base/clock.hpp"

#include <sys/mman.h>
#include <unistd.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace bugs {

constinit const shape* first_shape = nullptr;

namespace {

bool failed = false;
int report_file = -1;  // what is written to stderr goes here, so that it can be waited for

constexpr auto hang_guard = 20s;
constexpr auto no_report_after = 800ms;  // the detector's patience is 200 ms, and it looks twice
constexpr auto no_order_after = 150ms;   // of locks, which it does not wait to report

[[noreturn]] void give_up(const char* what) {
  std::printf("hangs: %s\n", what);
  std::fflush(stdout);
  for (const goroutine_info& g : goroutines())
    std::printf("  %llu %s: %s\n", static_cast<unsigned long long>(g.id), g.name.c_str(), g.state.c_str());
  std::fflush(stdout);
  _exit(3);
}

template <class Condition>
void until(const char* what, Condition holds) {
  const time_point limit = clock::now() + hang_guard;
  for (int looks = 1; !holds(); ++looks) {
    if (looks % 64 != 0) {
      yield();
      continue;
    }
    if (clock::now() > limit) give_up(what);
    sleep_for(200us);  // somebody may wait for a timer, and this one not starve it
  }
}

// Parked for another reason than to go on by itself.
std::size_t stuck_count() {
  std::size_t n = 0;
  for (int why = 1; why != static_cast<int>(wait_reason::count); ++why)
    if (static_cast<wait_reason>(why) != wait_reason::sleep)
      n += detail::parked_count(static_cast<wait_reason>(why));
  return n;
}

// All but the caller are parked, or the same ones are there for so long that it will not change: they block, or
// sleep.
void settle() {
  int same = 0;
  std::size_t before = 0;
  const time_point late = clock::now() + 500ms;
  until("the shape comes to rest", [&] {
    const std::size_t n = num_goroutine() - 1;
    same = n == before && (stuck_count() == n || clock::now() > late) ? same + 1 : 0;
    before = n;
    return same == 3;
  });
}

void print(const char* question, const std::vector<goroutine_info>& found) {
  std::printf("%s %zu:", question, found.size());
  for (const goroutine_info& g : found)
    std::printf(" %llu \"%s\" [%s]", static_cast<unsigned long long>(g.id), g.name.c_str(), g.state.c_str());
  std::printf("\n");
}

std::string reported() {
  std::string text(static_cast<std::size_t>(lseek(report_file, 0, SEEK_END)), '\0');
  text.resize(
      static_cast<std::size_t>(std::max<ssize_t>(0, pread(report_file, text.data(), text.size(), 0))));
  return text;
}

void ask_for_deadlocks(bool await, bool anybody_left) {
  const time_point limit = clock::now() + (await          ? hang_guard
                                           : anybody_left ? no_report_after
                                                          : no_order_after);
  std::string text = reported();
  while (text.empty() && clock::now() < limit) {
    sleep_for(5ms);
    text = reported();
  }
  std::printf("deadlock %d\n%s", text.find("goro: deadlock:") != std::string::npos, text.c_str());
}

// What is proven is so for ever, but a word that somebody has left on a stack or in a register can hide it from one
// look: so the best of some looks counts.
void ask_for_proofs(std::size_t most) {
  leak::proof best = leak::prove();
  for (int looks = 1; looks != 20 && best.unavailable.empty() && best.leaked.size() < most; ++looks) {
    sleep_for(1ms);
    leak::proof next = leak::prove();
    if (next.leaked.size() > best.leaked.size()) best = std::move(next);
  }
  if (best.unavailable.empty())
    print("proven", best.leaked);
  else
    std::printf("unavailable: %s\n", best.unavailable.c_str());
}

// In a goroutine of its own, so that what its stack still holds is gone with it. Waiting for it is of a kind that no
// shape looks for.
void run_apart(const shape& it, bool fixed) {
  scope apart;
  apart.go([&] { it.run(fixed); });
  apart.wait();
}

int drive(const shape& it, bool fixed, bool await) {
  const bool deadlocks = report_file >= 0;
  (void)leak::growth();
  run_apart(it, fixed);
  if (fixed)
    until("the fixed form ends", [] { return num_goroutine() == 1; });
  else
    settle();
  if (deadlocks) {
    ask_for_deadlocks(await, num_goroutine() != 1);
  } else {
    print("find", leak::find({.timeout = fixed ? 10s : 30ms}));
    ask_for_proofs(fixed ? 0 : num_goroutine() - 1);
    std::size_t grown = 0;
    for (const leak::site& s : leak::growth()) grown = std::max(grown, s.grown);
    std::printf("grows %zu\n", grown);
  }
  return failed ? 1 : 0;
}

}  // namespace

shape::shape(const char* called, void (*function)(bool fixed)) noexcept
    : name(called), run(function), next(std::exchange(first_shape, this)) {}

void until_parked(wait_reason why, std::size_t n) {
  until(detail::to_string(why), [=] { return detail::parked_count(why) >= n; });
}

void until_left(std::size_t n) {
  until("others end", [=] { return num_goroutine() == n + 2; });
}

void expect(bool holds, const char* what) {
  if (holds) return;
  failed = true;
  std::printf("FAILED: %s\n", what);
}

}  // namespace bugs

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const char* const debug = std::getenv("GORO_DEBUG");
  if (debug != nullptr && std::strstr(debug, "deadlock") != nullptr) {
    bugs::report_file = memfd_create("report", MFD_CLOEXEC);
    dup2(bugs::report_file, STDERR_FILENO);
  }
  for (const bugs::shape* s = bugs::first_shape; s != nullptr; s = s->next)
    if (std::strcmp(s->name, argv[1]) == 0) {
      const int result =
          goro::run([&] { return bugs::drive(*s, std::strcmp(argv[2], "clean") == 0, argc == 4); });
      std::fflush(stdout);
      _exit(result);  // what is stuck still refers to what exit() would destroy
    }
  std::printf("no such shape\n");
  return 2;
}
