// SPDX-License-Identifier: MIT
#include "sync/reader_slots.hpp"

#include "support/at_procs.hpp"
#include "support/cpus.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include <sys/time.h>

namespace {

using namespace goro::detail;

// While it lives, some thread gets a signal every 50 us.
class signal_storm {
 public:
  signal_storm() {
    struct sigaction ignoring {};
    ignoring.sa_handler = [](int) {};
    ignoring.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &ignoring, &before_);
    every(50);
  }
  ~signal_storm() {
    every(0);
    struct sigaction ignored {};
    ignored.sa_handler = SIG_IGN;  // one may still be on its way
    sigaction(SIGALRM, &ignored, nullptr);
    sigaction(SIGALRM, &before_, nullptr);
  }
  signal_storm(const signal_storm&) = delete;
  signal_storm& operator=(const signal_storm&) = delete;

 private:
  static void every(int us) {
    const itimerval interval{{0, us}, {0, us}};
    setitimer(ITIMER_REAL, &interval, nullptr);
  }
  struct sigaction before_ {};
};

struct counts {
  std::vector<std::int32_t> in;  // by round: this thread's readers, entered less left
};

enum class beside { nothing, moves, thefts };

// Threads enter and leave the ticket of the round while it is closed under them. Whatever they were told, the sum
// is what the closer found; also if others want its column meanwhile, who get it only if nobody is in.
void nobody_is_lost(int threads, int rounds, beside what) {
  const std::vector<int> cpus = goro_test::allowed_cpus();
  std::atomic<slot_ticket> ticket{0};
  std::atomic<std::uint32_t> round{0};  // read before and after the ticket
  std::atomic<bool> over{false};
  std::vector<counts> all(static_cast<std::size_t>(threads), counts{std::vector<std::int32_t>(rounds + 1)});
  std::vector<std::thread> readers;
  for (std::size_t i = 0; i != all.size(); ++i)
    readers.emplace_back([&, i] {
      for (std::uint32_t n = 0; !over; ++n) {
        const std::uint32_t now = round;
        const slot_ticket t = ticket;
        if (t == 0 || round != now) continue;
        std::int32_t& in = all[i].in[now];
        for (int k = 0; k != 64; ++k) {
          if (enter_section(t) || (k % 8 == 0 && enter_slot(t))) ++in;
          if ((k % 16 != 0 || what == beside::thefts) && in > 0 && (leave_section(t) || leave_slot(t))) --in;
        }
        if (what == beside::moves && n % 16 == 0) goro_test::stay_on(cpus[(n / 16 + i) % cpus.size()]);
      }
    });
  if (what == beside::thefts)
    readers.emplace_back([&] {
      for (int n = 0; !over; ++n) {
        const slot_ticket t = ticket;
        if (t == 0) continue;
        for (int spin = 0; spin != n % 64 * 4; ++spin) (void)readers_in_slots(t);  // until somebody was in
        (void)claim_column(t, t & 0x7f);                                           // and leaves it behind
      }
    });
  std::vector<std::uint64_t> found(static_cast<std::size_t>(rounds) + 1);
  for (int r = 1; r <= rounds; ++r) {
    slot_ticket t = 0;
    while (t == 0) t = claim_slots();
    round = static_cast<std::uint32_t>(r);
    ticket = t;
    for (int spin = 0; spin != r % 50 * 20; ++spin) (void)readers_in_slots(t);
    found[static_cast<std::size_t>(r)] = close_slots(t);
    ticket = 0;
  }
  over = true;
  for (std::thread& reader : readers) reader.join();
  for (std::size_t r = 1; r != found.size(); ++r) {
    std::int64_t expected = 0;
    for (const counts& each : all) expected += each.in[r];
    ASSERT_EQ(found[r], static_cast<std::uint64_t>(expected)) << "in round " << r;
  }
}

TEST(ReaderSlotsStress, WhoeverClosesMeetsAllReaders) {
  for (const int threads : {1, 2, 4, 16}) nobody_is_lost(threads, goro_test::scaled(10'000), beside::nothing);
}

TEST(ReaderSlotsStress, ReadersAreMovedAndInterrupted) {
  const signal_storm storm;
  for (const int threads : {1, 2, 4, 16}) nobody_is_lost(threads, goro_test::scaled(1'000), beside::moves);
}

TEST(ReaderSlotsStress, ThievesTakeNobodyAlong) {
  for (const int threads : {1, 2, 4, 16}) nobody_is_lost(threads, goro_test::scaled(2'000), beside::thefts);
}

}  // namespace
