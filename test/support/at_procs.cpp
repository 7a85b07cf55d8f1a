// SPDX-License-Identifier: MIT
#include "support/at_procs.hpp"

#include "base/random.hpp"
#include "sched/introspect.hpp"
#include "sched/run_order.hpp"
#include "support/eventually.hpp"

#include <goro/goro.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

namespace goro_test {
namespace {

[[noreturn]] void refuse(const char* variable, const char* value, const char* allowed) {
  std::fprintf(stderr, "%s=%s means nothing; it must be %s\n", variable, value, allowed);
  std::_Exit(2);
}

double read_scale() {
  const char* const text = std::getenv("GORO_TEST_SCALE");
  if (text == nullptr || *text == '\0') return 1;
  char* end = nullptr;
  const double value = std::strtod(text, &end);
  if (*end != '\0' || !(value > 0) || !std::isfinite(value))
    refuse("GORO_TEST_SCALE", text, "a positive number, such as 0.1 or 20");
  return value;
}

double scale() {
  static const double value = read_scale();
  return value;
}

std::uint64_t read_seed() {
  const char* const text = std::getenv("GORO_TEST_SEED");
  if (text == nullptr || *text == '\0') {
    std::random_device device;
    return (std::uint64_t{device()} << 32) ^ device();
  }
  char* end = nullptr;
  const std::uint64_t value = std::strtoull(text, &end, 0);
  if (*end != '\0' || *text == '-') refuse("GORO_TEST_SEED", text, "a whole number from 0 to 2^64 - 1");
  return value;
}

constexpr int patience = under_sanitizer ? 5 : 1;

// Any of those that wait, so that no test passes because of the order in which the scheduler happens to run
// goroutines. What is drawn depends on the seed and on how many draws there were before.
class shuffled : public goro::detail::run_order {
 public:
  std::size_t choose(int, goro::detail::goroutine* const*, std::size_t n) noexcept override {
    goro::detail::random dice(seed() + draws_.fetch_add(1, std::memory_order_relaxed));
    return dice.below(static_cast<std::uint32_t>(n));
  }

 private:
  std::atomic<std::uint64_t> draws_{0};
};
shuffled the_shuffled_order;

#if defined(NDEBUG) && !defined(__SANITIZE_THREAD__)
constexpr bool shuffles = false;
#else
constexpr bool shuffles = true;
#endif

std::string running_test() {
  const testing::TestInfo* const info = testing::UnitTest::GetInstance()->current_test_info();
  if (info == nullptr) return "(no test)";
  return std::string(info->test_suite_name()) + "." + info->name();
}

}  // namespace

int scaled(int n) {
  const double product = scale() * n;
  if (product >= std::numeric_limits<int>::max()) return std::numeric_limits<int>::max();
  return std::max(1, static_cast<int>(product));
}

std::uint64_t seed() {
  static const std::uint64_t value = read_seed();
  return value;
}

std::size_t settled_goroutines() {
  using goro::detail::wait_reason;
  const auto all_parked = [] {
    const std::size_t live = goro::num_goroutine();
    if (live == 0) return true;
    std::size_t parked = 0;
    for (int why = 0; why != static_cast<int>(wait_reason::count); ++why)
      parked += goro::detail::parked_count(static_cast<wait_reason>(why));
    return parked == live;
  };
  EXPECT_TRUE(eventually(all_parked)) << goro::num_goroutine() << " goroutines, not all of them parked";
  return goro::num_goroutine();
}

struct hang_guard::state {
  std::mutex lock;
  std::condition_variable changed;
  bool done = false;
  std::thread thread;
};

hang_guard::hang_guard(std::string name, int seconds) : state_(std::make_unique<state>()) {
  const auto limit = std::chrono::duration<double>(seconds * patience * std::max(1.0, scale()));
  state_->thread = std::thread([s = state_.get(), name = std::move(name), limit] {
    std::unique_lock held(s->lock);
    if (s->changed.wait_for(held, limit, [s] { return s->done; })) return;
    std::fprintf(stderr, "\nhang guard: %s has not ended within %.0f s (P %d, goroutines %zu, seed %llu)\n",
                 name.c_str(), limit.count(), goro::max_procs(), goro::num_goroutine(),
                 static_cast<unsigned long long>(seed()));
    std::fflush(nullptr);
    std::abort();
  });
}

hang_guard::~hang_guard() {
  {
    const std::lock_guard held(state_->lock);
    state_->done = true;
  }
  state_->changed.notify_one();
  state_->thread.join();
}

void AtProcs::SetUp() {
  guard_ = std::make_unique<hang_guard>(running_test());
  procs_before_ = goro::set_max_procs(GetParam());
  if (shuffles) goro::detail::set_run_order(&the_shuffled_order);
  goroutines_before_ = settled_goroutines();
}

void AtProcs::TearDown() {
  // A goroutine that has handed over its last value is not gone yet, so the state is waited for. (Fewer than at
  // the start: what a test without this fixture had left parked has ended since.)
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10 * patience);
  std::size_t now = goro::num_goroutine();
  while (now > goroutines_before_ && std::chrono::steady_clock::now() < limit) {
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    now = goro::num_goroutine();
  }
  if (now > goroutines_before_)
    ADD_FAILURE() << "goroutines left over: " << now << " at the end, " << goroutines_before_
                  << " at the start";
  goro::detail::set_run_order(nullptr);
  goro::set_max_procs(procs_before_);
  if (HasFailure()) std::fprintf(stderr, "  GORO_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed()));
  guard_.reset();
}

}  // namespace goro_test
