// SPDX-License-Identifier: MIT
// Stacks are given back while their goroutines are woken, run deep and park again, and while dumps look at them: every
// message comes, and what a goroutine keeps on its stack stays.
#include "net/served.hpp"

#include "sched/stack_sweep.hpp"
#include "support/at_procs.hpp"
#include "support/eventually.hpp"

#include <goro/debug.hpp>

#include <numeric>
#include <thread>

namespace {

using namespace goro_test;

class IdleStress : public goro_test::AtProcs {};
GORO_AT_PROCS(IdleStress);

// Sweeps without a pause, in each of the two ways, and dumps now and then.
class sweeper {
 public:
  sweeper()
      : thread_([this] {
          goro::detail::stack_sweep laps;
          for (int round = 0; !done_; ++round) {
            goro::detail::sweep_stacks_while([]() noexcept { return true; });
            laps.begin_lap();
            laps.go_on();
            if (round % 64 == 0) (void)goro::goroutines();
            ++rounds_;
            std::this_thread::yield();
          }
        }) {}
  ~sweeper() {
    done_ = true;
    thread_.join();
  }
  sweeper(const sweeper&) = delete;
  sweeper& operator=(const sweeper&) = delete;
  int rounds() const { return rounds_; }

 private:
  std::atomic<bool> done_{false};
  std::atomic<int> rounds_{0};
  std::thread thread_;
};

// Answers each byte with the sum of all so far, and looks whether what it keeps on its stack is as it was.
void answer_all(net::conn c, std::atomic<int>& broken) {
  unsigned char kept[1500];
  std::iota(std::begin(kept), std::end(kept), static_cast<unsigned char>(7));
  asm volatile("" ::"r"(kept) : "memory");
  unsigned char sum = 0;
  char byte[1];
  std::error_code ec;
  while (c.read(byte, ec) == 1) {
    use_much_stack(byte[0]);
    sum = static_cast<unsigned char>(sum + static_cast<unsigned char>(byte[0]));
    asm volatile("" ::"r"(kept) : "memory");
    unsigned char expected = 7;
    for (const unsigned char k : kept) broken += k != expected++;
    byte[0] = static_cast<char>(sum);
    c.write({byte, 1}, ec);
  }
}

TEST_P(IdleStress, NothingOfAStackThatIsInUseIsGivenBack) {
  constexpr int pairs = 16;
  const int messages = scaled(1500);
  std::atomic<int> broken{0};
  std::atomic<int> right{0};
  const sweeper sweep;
  ASSERT_TRUE(eventually([&] { return sweep.rounds() != 0; }));
  {
    goro::scope s;
    for (int i = 0; i != pairs; ++i) {
      auto ends = connect(i % 2 == 0 ? kind::tcp : kind::memory);
      s.go([c = std::move(ends.server), &broken]() mutable { answer_all(std::move(c), broken); });
      s.go([c = std::move(ends.client), &right, messages]() mutable {
        unsigned char sum = 0;
        char byte[1];
        for (int k = 0; k != messages; ++k) {
          byte[0] = static_cast<char>(k);
          sum = static_cast<unsigned char>(sum + static_cast<unsigned char>(k));
          c.write({byte, 1});
          if (c.read(byte) == 1 && static_cast<unsigned char>(byte[0]) == sum) ++right;
        }
      });
    }
    s.wait();
  }
  EXPECT_EQ(broken, 0);
  EXPECT_EQ(right, pairs * messages);
}

}  // namespace
