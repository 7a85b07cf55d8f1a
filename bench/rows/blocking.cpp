// SPDX-License-Identifier: MIT
// Blocking system calls: syscall_sleep and syscall_read announce them with goro::blocking; the _plain rows do
// not, so that the monitor has to notice them.
#include "rows.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <ctime>

namespace bench {
namespace {

void sleep_once() {
  const timespec five_milliseconds{0, 5'000'000};
  ::nanosleep(&five_milliseconds, nullptr);
}

template <class Call>
void sleeps(const char* name, Call call) {
  milliseconds(name, parallel(64, [call](int) {
                 for (int i = 0; i < 10; ++i) call([] { sleep_once(); });
               }));
}

template <class Call>
void reads(const char* name, Call call) {
  constexpr number count = 500'000;
  const int zero = ::open("/dev/zero", O_RDONLY | O_CLOEXEC);
  if (zero < 0) fail(name, "cannot open /dev/zero");
  per_op(name,
         parallel(8,
                  [call, zero](int) {
                    char byte = 0;
                    for (number i = 0; i < count / 8; ++i) {
                      call([&] {
                        if (::pread(zero, &byte, 1, 0) != 1) fail("syscall_read", "short read of /dev/zero");
                      });
                    }
                  }),
         count);
}

constexpr auto announced = [](auto&& f) { goro::blocking(f); };
constexpr auto plain = [](auto&& f) { f(); };

void syscall_sleep() { sleeps("syscall_sleep", announced); }
void syscall_sleep_plain() { sleeps("syscall_sleep_plain", plain); }
void syscall_read() { reads("syscall_read", announced); }
void syscall_read_plain() { reads("syscall_read_plain", plain); }

const row entries[] = {
    {"syscall_sleep", syscall_sleep},
    {"syscall_sleep_plain", syscall_sleep_plain},
    {"syscall_read", syscall_read},
    {"syscall_read_plain", syscall_read_plain},
};

}  // namespace
}  // namespace bench
