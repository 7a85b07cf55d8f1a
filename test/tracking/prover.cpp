// SPDX-License-Identifier: MIT
// In each test program, and asleep unless GORO_TEST_PROVE=N is set: then a plain thread asks leak::prove() every N
// milliseconds while a test runs, and once more at its end, and looks at those who were proven before. Whoever was
// proven stuck and is not parked in the same wait any more was proven wrongly, and that is said on standard error,
// where reports.cpp finds it.
#include "sched/goroutines.hpp"
#include "sched/hold.hpp"

#include <goro/leak.hpp>

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <thread>

namespace {

using goro::detail::identity;

class prover : public testing::EmptyTestEventListener {
 public:
  explicit prover(int pause) : pause_(pause) {}

  void OnTestStart(const testing::TestInfo& /*test*/) override {
    stop_ = false;
    thread_ = std::thread([this] { watch(); });
  }
  void OnTestEnd(const testing::TestInfo& /*test*/) override {
    {
      const std::lock_guard hold(lock_);
      stop_ = true;
    }
    changed_.notify_one();
    thread_.join();
    compare();
  }

 private:
  struct finding {
    goro::detail::hidden_address waits_on;
    std::string text;
  };

  void watch() {
    std::unique_lock hold(lock_);
    while (!stop_) {
      hold.unlock();
      compare();
      prove();
      hold.lock();
      changed_.wait_for(hold, pause_, [this] { return stop_; });
    }
  }

  static std::map<std::uint64_t, goro::detail::hidden_address> parked() {
    std::map<std::uint64_t, goro::detail::hidden_address> all;
    for (std::size_t i = 0; i != goro::detail::block_count(); ++i) {
      identity who;
      if (goro::detail::read_identity(goro::detail::block_at(i), who) &&
          who.state == goro::detail::goroutine_state::parked)
        all[who.id] = who.waits_on;
    }
    return all;
  }

  void prove() {
    const goro::leak::proof proof = goro::leak::prove({.stop_limit = std::chrono::seconds(60)});
    if (proof.leaked.empty()) return;
    const auto now = parked();
    for (const goro::goroutine_info& g : proof.leaked) {
      const auto at = now.find(g.id);
      std::string text = "goroutine " + std::to_string(g.id) + " \"" + g.name + "\" [" + g.state + "] created at " +
                         g.created_at.file + ":" + std::to_string(g.created_at.line);
      if (at == now.end())
        say(text);
      else
        proven_.try_emplace(g.id, finding{at->second, std::move(text)});
    }
  }

  void compare() {
    if (proven_.empty()) return;
    const auto now = parked();
    for (auto it = proven_.begin(); it != proven_.end();) {
      const auto at = now.find(it->first);
      if (at != now.end() && at->second.get() == it->second.waits_on.get()) {
        ++it;
        continue;
      }
      say(it->second.text);
      it = proven_.erase(it);
    }
  }

  static void say(const std::string& who) {
    const std::string line = "goro: false proof: " + who + " was proven stuck, and has gone on\n";
    (void)!write(STDERR_FILENO, line.data(), line.size());
  }

  const std::chrono::milliseconds pause_;
  std::mutex lock_;
  std::condition_variable changed_;
  bool stop_ = false;
  std::thread thread_;
  std::map<std::uint64_t, finding> proven_;  // the thread's; the test's own once that has ended
};

[[maybe_unused]] const bool installed = [] {
  const char* const pause = std::getenv("GORO_TEST_PROVE");
  if (pause == nullptr || std::atoi(pause) <= 0) return false;
  testing::UnitTest::GetInstance()->listeners().Append(new prover(std::atoi(pause)));
  return true;
}();

}  // namespace
