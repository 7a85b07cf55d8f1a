// SPDX-License-Identifier: MIT
// What each consumer project builds: a goroutine sends, the main thread receives.
#include <goro/goro.hpp>

#include <cstdio>

int main() {
  auto numbers = goro::make_chan<int>(8);
  goro::go([numbers] {
    for (int i = 0; i < 1000; ++i) numbers.send(i);
    numbers.close();
  });
  int sum = 0;
  for (int number : numbers) sum += number;
  std::printf("sum %d\n", sum);
}
