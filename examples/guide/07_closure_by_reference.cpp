// SPDX-License-Identifier: MIT
// Closures, by reference: goroutines that share one variable all see its last value.
//
// Go's loop variable, captured, is a variable that outlives the loop. In C++ capturing the variable of the
// loop itself by reference would be worse than wrong: it is gone when the loop ends. So here `n` stands
// outside, and the scope ends before `n` does: wrong output, but no undefined behaviour.
#include "guide.hpp"

#include <vector>

int main() {
  return goro::run([] {
    guide::outcome outcome;
    const std::vector<int> numbers{1, 2, 3};
    auto loop_is_over = goro::make_chan<int>();
    auto seen = goro::make_chan<int>(numbers.size());

    int n = 0;
    {
      goro::scope scope;
      for (int number : numbers) {
        n = number;
        scope.go([&n, loop_is_over, seen] {
          (void)loop_is_over.recv();  // what a busy scheduler does by chance, made certain
          seen.send(n);               // BUG: the variable, not the value that it had
        });
      }
      loop_is_over.close();
    }
    seen.close();

    std::printf("by reference:");
    bool all_three = true;
    for (int v : seen) {
      std::printf(" %d", v);
      all_three = all_three && v == 3;
    }
    std::printf("\n");
    outcome.expect(all_three, "every goroutine reads the last value");
    return outcome.verdict("the bug is visible: 3 3 3 instead of 1 2 3");
  });
}
