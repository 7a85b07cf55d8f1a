// SPDX-License-Identifier: MIT
// Worker pool on bare channels: 100 jobs, 5 workers. The guide's second of simulated work is 2 ms here.
#include "guide.hpp"

#include <array>
#include <atomic>

namespace {

constexpr int num_jobs = 100;
constexpr int num_workers = 5;

struct result {
  int worker;
  int value;
};

std::atomic<int> busy{0}, most_busy{0};

void worker(int id, goro::recv_chan<int> jobs, goro::send_chan<result> results) {
  for (int j : jobs) {
    const int now = ++busy;
    int seen = most_busy.load();
    while (seen < now && !most_busy.compare_exchange_weak(seen, now)) {
    }
    goro::sleep_for(2ms);  // simulate work
    --busy;
    results.send({id, j * 2});
  }
}

}  // namespace

int main() {
  return goro::run([] {
    guide::outcome outcome;
    const std::size_t before = goro::num_goroutine();
    auto jobs = goro::make_chan<int>(num_jobs);
    auto results = goro::make_chan<result>(num_jobs);
    const guide::stopwatch watch;

    for (int w = 0; w != num_workers; ++w) goro::go(worker, w, jobs, results);
    for (int j = 1; j <= num_jobs; ++j) jobs.send(j);
    jobs.close();  // no more jobs are coming

    int sum = 0;
    std::array<int, num_workers> done_by{};
    for (int a = 0; a != num_jobs; ++a) {
      const result r = *results.recv();
      sum += r.value;
      ++done_by[static_cast<std::size_t>(r.worker)];
    }

    std::printf(
        "100 jobs of 2 ms by 5 workers: %.0f ms (one after the other: 200 ms), at most %d at a time\n",
        watch.ms(), most_busy.load());
    std::printf("jobs a worker:");
    for (int n : done_by) std::printf(" %d", n);
    std::printf("\n");
    outcome.expect(sum == 2 * (num_jobs * (num_jobs + 1) / 2), "every job is done exactly once");
    outcome.expect(most_busy <= num_workers, "no more than 5 run at a time");
    outcome.expect(guide::settles_at(before), "the workers end when the jobs are closed");
    return outcome.verdict("5 goroutines did 100 jobs, and ended");
  });
}
