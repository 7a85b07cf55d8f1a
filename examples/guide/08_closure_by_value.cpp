// SPDX-License-Identifier: MIT
// Closures, by value: each goroutine has a copy of its own, so it does not matter when it runs.
#include "guide.hpp"

#include <algorithm>
#include <vector>

int main() {
  return goro::run([] {
    guide::outcome outcome;
    const std::vector<int> numbers{1, 2, 3};
    auto loop_is_over = goro::make_chan<int>();
    auto captured = goro::make_chan<int>(numbers.size());
    auto passed = goro::make_chan<int>(numbers.size());
    {
      goro::scope scope;
      for (int n : numbers) {
        scope.go([n, loop_is_over, captured] {  // captured by value
          (void)loop_is_over.recv();
          captured.send(n);
        });
        scope.go(  // or passed as an argument, which go copies
            [loop_is_over, passed](int val) {
              (void)loop_is_over.recv();
              passed.send(val);
            },
            n);
      }
      loop_is_over.close();
    }

    for (auto [ch, how] : {std::pair{captured, "[n]    "}, std::pair{passed, "go(f, n)"}}) {
      ch.close();
      std::vector<int> values;
      for (int v : ch) values.push_back(v);
      std::sort(values.begin(), values.end());  // goroutines run in any order
      std::printf("by value, %s:", how);
      for (int v : values) std::printf(" %d", v);
      std::printf("\n");
      outcome.expect(values == numbers, "each goroutine has its own value");
    }
    return outcome.verdict("1 2 3, although every goroutine ran after the loop");
  });
}
