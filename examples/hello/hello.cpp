// SPDX-License-Identifier: MIT
#include <goro/goro.hpp>

#include <chrono>
#include <cstdio>

int main() {
  using namespace std::chrono_literals;
  auto jobs = goro::make_chan<int>();
  auto squares = goro::make_chan<int>(8);

  for (int worker = 0; worker < 3; ++worker)
    goro::go([jobs, squares] {
      for (int n : jobs) squares.send(n * n);
    });
  goro::go([jobs] {
    for (int n = 1; n <= 10; ++n) jobs.send(n);
    jobs.close();
  });

  int sum = 0, square = 0;
  for (int taken = 0; taken < 10; ++taken)
    if (goro::select(goro::recv(squares, square), goro::timeout(1s)) == 0) sum += square;
  std::printf("1 + 4 + ... + 100 = %d\n", sum);
}
