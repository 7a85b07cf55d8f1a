// SPDX-License-Identifier: MIT
// Exceptions that nobody catches. usage: uncaught WHICH
#include <goro/goro.hpp>

#include <unistd.h>

#include <chrono>
#include <exception>
#include <stdexcept>
#include <string_view>

namespace {

struct talks : std::exception {
  explicit talks(std::string_view how) : way(how) {}
  const char* what() const noexcept override {
    if (way == "what-yields")
      for (int i = 0; i != 10; ++i) goro::yield();
    if (way == "what-sleeps") goro::sleep_for(std::chrono::milliseconds(5));
    if (way == "what-calls-the-kernel") ::usleep(5000);
    if (way == "what-is-null") return nullptr;
    return "the reason";
  }
  std::string_view way;
};

void fail(std::string_view which) {
  if (which == "int") throw 42;
  if (which.substr(0, 5) == "what-") throw talks(which);
  throw std::runtime_error("the reason");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 64;
  const std::string_view which = argv[1];
  if (which == "run") return goro::run([] { fail("run"); });
  if (which == "wait-group") {
    // The process must die before the waiter can end it in good order.
    goro::wait_group group;
    group.go([] { fail("wait-group"); });
    group.wait();
    ::_exit(0);
  }
  if (which == "scope") {
    goro::scope s;
    s.go([] { fail("scope"); });
  } else if (which == "by-goroutine") {
    goro::go({.name = "parent"}, [] { goro::go({.name = "thrower"}, [] { fail("by-goroutine"); }); });
  } else if (which == "unnamed") {
    goro::go([] { fail("unnamed"); });
  } else {
    goro::go({.name = "thrower"}, [which] { fail(which); });
  }
  goro::sleep_for(std::chrono::seconds(20));
  return 0;
}
