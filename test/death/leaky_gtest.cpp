// SPDX-License-Identifier: MIT
// A program of tests that are watched for leaks; which ones run is for --gtest_filter to say.
#include <goro/goro.hpp>
#include <goro/gtest.hpp>

#include <chrono>

namespace {

using namespace std::chrono_literals;

const auto never = goro::make_chan<int>();

[[gnu::noinline]] void wait_for_nobody() {
  (void)never.recv();
  asm volatile("" ::: "memory");
}

TEST(A, IsClean) {
  goro::go([] { goro::sleep_for(20ms); });
}

TEST(B, Leaks) {
  goro::go([] { goro::go({.name = "forgotten"}, [] { wait_for_nobody(); }); });
}

TEST(C, IsNotBlamedForB) {}

TEST(D, LeaksWhatIsIgnored) {
  goro::go([] { wait_for_nobody(); });
}

class Suite : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    goro::go([] { wait_for_nobody(); });
  }
};
TEST_F(Suite, IsNotBlamedForItsSuite) {}

class Fixture : public testing::Test {
 protected:
  ~Fixture() override { until_.close(); }
  goro::chan<int> until_ = goro::make_chan<int>();
};
TEST_F(Fixture, EndsThemInItsDestructor) {
  goro::go([until = until_] { (void)until.recv(); });
}

}  // namespace

int main(int count, char** arguments) {
  testing::InitGoogleTest(&count, arguments);
  goro::leak::options how;
  for (int i = 1; i != count; ++i) how.ignore_function(arguments[i]);
  testing::UnitTest::GetInstance()->listeners().Append(new goro::leak::gtest_listener(how));
  return RUN_ALL_TESTS();
}
