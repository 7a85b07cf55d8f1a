// SPDX-License-Identifier: MIT
// What this kernel has, for tests that need a great many goroutines.
#pragma once

#include <sys/utsname.h>

#include <cstdio>

namespace goro_test {

// Guards without mappings of their own came with Linux 6.13. Before it there is a budget of guards: some tens of
// thousands of goroutines.
inline bool kernel_has_light_guards() {
  utsname name{};
  int major = 0;
  int minor = 0;
  if (uname(&name) != 0 || std::sscanf(name.release, "%d.%d", &major, &minor) != 2) return false;
  return major > 6 || (major == 6 && minor >= 13);
}

}  // namespace goro_test
