// SPDX-License-Identifier: MIT
// The end of a context and the grant at the same moment, for each wait that takes a context: what was granted to one
// who gives up goes on to the next.
#include "context/fixture.hpp"
#include "context/forms.hpp"

#include "sched/introspect.hpp"
#include "support/kernel.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

namespace {

using namespace std::chrono_literals;
using goro::errc;
using goro_test::form_of;
using goro_test::scaled;

class FormsStress : public goro_test::AtProcs {};
GORO_AT_PROCS(FormsStress);

// A plain thread that cancels as soon as it is told to: beside the Ms, on a CPU of its own if there is one.
class beside {
 public:
  beside()
      : thread_([this] {
          while (!stop_) {
            const order* const now = order_.exchange(nullptr);
            if (now == nullptr) {
              std::this_thread::yield();
              continue;
            }
            (*now->cancel)();
            now->done->done();
          }
        }) {}
  ~beside() {
    stop_ = true;
    thread_.join();
  }
  struct order {
    const goro::cancel_func* cancel;
    goro::wait_group* done;
  };
  void tell(const order& now) { order_ = &now; }

 private:
  std::atomic<const order*> order_{nullptr};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// One who may give up and one behind it who does not, and as many grants as are taken: if one is lost, the second
// waits for ever; if one is doubled, it is there at the end.
// With a thread to cancel it is a matter of a few seconds whatever the machine does: rounds stop then.
void race(const form_of& each, int rounds, beside* thread) {
  const auto until = goro::clock::now() + 1s;
  for (int i = 0; i != rounds && (thread == nullptr || goro::clock::now() < until); ++i) {
    const auto f = each.make();
    const auto [ctx, cancel] = goro::with_cancel(goro::background());
    std::error_code first;
    std::error_code second;
    goro::wait_group hasty;
    goro::wait_group patient;
    goro::wait_group canceller;
    hasty.go([&, ctx = ctx] { first = f->take(ctx); });
    if (i % 2 == 0) goro::yield();
    patient.go([&] { second = f->take(goro::background()); });
    if (i % 3 != 0) goro::yield();
    if (i % 5 == 0) goro::yield();
    const beside::order order{&cancel, &canceller};
    if (thread == nullptr) {
      canceller.go([cancel = cancel] { cancel(); });
    } else {
      canceller.add();
      thread->tell(order);
      for (int pause = (i * 37) % 512; pause != 0; --pause) asm volatile("");
    }
    if (i % 7 < 3) goro::yield();
    f->grant();
    hasty.wait();
    canceller.wait();
    if (!first) {
      f->grant();
    } else {
      ASSERT_EQ(first, errc::canceled) << each.name;
    }
    patient.wait();
    ASSERT_FALSE(second) << each.name;
    ASSERT_EQ(f->is_there(), f->is_kept()) << each.name << ", round " << i;
  }
}

TEST_P(FormsStress, TheCancelAndTheGrantAtTheSameMomentLoseNothing) {
  const int rounds = scaled(5'000);
  for (const form_of& each : goro_test::all_forms()) goro::async([&] { race(each, rounds, nullptr); }).get();
}

TEST_P(FormsStress, TheCancelByAnotherThreadAndTheGrantLoseNothing) {
  const int rounds = scaled(2'000);
  beside thread;
  for (const form_of& each : goro_test::all_forms()) goro::async([&] { race(each, rounds, &thread); }).get();
}

TEST_P(FormsStress, TheDeadlineAndTheGrantAtTheSameMomentLoseNothing) {
  const int rounds = scaled(300);
  for (const form_of& each : goro_test::all_forms())
    goro::async([&] {
      for (int i = 0; i != rounds; ++i) {
        const auto f = each.make();
        const auto limit = std::chrono::microseconds(i % 50);
        const auto [ctx, cancel] = goro::with_timeout(goro::background(), limit);
        std::error_code first;
        goro::wait_group hasty;
        goro::wait_group patient;
        hasty.go([&, ctx = ctx] { first = f->take(ctx); });
        patient.go([&] { ASSERT_FALSE(f->take(goro::background())) << each.name; });
        goro::sleep_for(limit);
        f->grant();
        hasty.wait();
        ASSERT_TRUE(!first || first == errc::deadline_exceeded) << each.name;
        if (!first) f->grant();
        patient.wait();
        ASSERT_EQ(f->is_there(), f->is_kept()) << each.name << ", round " << i;
      }
    }).get();
}

// Each leaves the queue by itself: a walk along it would be five thousand million steps.
TEST_P(FormsStress, AHundredThousandWhoWaitForAMutexAllGiveUp) {
  const int room = goro_test::under_tsan ? 2'000 : goro_test::kernel_has_light_guards() ? 100'000 : 10'000;
  const int n = std::min(scaled(100'000), room);
  const auto [ctx, cancel] = goro::with_cancel(goro::background());
  goro::mutex m;
  goro::wait_group done;
  std::atomic<int> gave_up{0};
  m.lock();
  for (int i = 0; i != n; ++i) done.go([&, ctx = ctx] { gave_up += m.lock(ctx) == errc::canceled; });
  ASSERT_TRUE(goro_test::eventually([n] {
    return goro::detail::parked_count(goro::detail::wait_reason::mutex) == static_cast<std::size_t>(n);
  }));
  cancel();
  done.wait();
  EXPECT_EQ(gave_up, n);
  m.unlock();
  EXPECT_TRUE(m.try_lock());
  m.unlock();
}

}  // namespace
