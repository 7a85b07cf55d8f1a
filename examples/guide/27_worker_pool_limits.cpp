// SPDX-License-Identifier: MIT
// Worker pool: what it limits. The guide's 100 jobs on goro::worker_pool, and then the flood that it is for.
//
// 10,000 requests come while the service behind is stuck; each holds 16 KiB while it waits for it. A
// goroutine for each holds all of that at once. The pool holds 5, keeps 100 waiting, and makes the others
// wait outside: they are accepted as places become free. The pool goes first, because the peak of a process'
// memory does not fall.
#include "guide.hpp"

#include <atomic>
#include <cstring>
#include <memory>
#include <numeric>
#include <vector>

namespace {

constexpr int num_jobs = 100;
constexpr int num_workers = 5;
constexpr int requests = 10'000;
constexpr int places = 100;
constexpr std::size_t held_by_each = 16 * 1024;

// The guide's program: twice each number, by 5 workers.
int sum_of_doubles() {
  goro::worker_pool pool(num_workers, num_jobs);
  std::vector<goro::future<int>> results;
  for (int j = 1; j <= num_jobs; ++j)
    results.push_back(pool.async([j] {
      goro::sleep_for(1ms);  // simulate work
      return j * 2;
    }));
  pool.close();  // no more jobs are coming
  return std::accumulate(results.begin(), results.end(), 0,
                         [](int sum, goro::future<int>& r) { return sum + r.get(); });
}

// The most memory that this process has had, in KiB; 0: not known.
long peak_kib() {
  long kib = 0;
  if (std::FILE* status = std::fopen("/proc/self/status", "r")) {
    char line[256];
    while (std::fgets(line, sizeof line, status) != nullptr)
      if (std::sscanf(line, "VmHWM: %ld", &kib) == 1) break;
    std::fclose(status);
  }
  return kib;
}

struct flood {
  std::atomic<int> inside{0}, most_inside{0}, served{0};
  std::atomic<std::size_t> most_goroutines{0};
  goro::chan<int> service = goro::make_chan<int>();  // stuck until it is closed

  template <class T>
  static void raise_to(std::atomic<T>& most, T now) {
    T seen = most.load();
    while (seen < now && !most.compare_exchange_weak(seen, now)) {
    }
  }

  void serve() {
    const std::unique_ptr<unsigned char[]> held(new unsigned char[held_by_each]);
    std::memset(held.get(), 1, held_by_each);
    raise_to(most_inside, ++inside);
    raise_to(most_goroutines, goro::num_goroutine());
    (void)service.recv();
    served += held[held_by_each - 1];
    --inside;
  }
};

struct seen {
  int accepted;  // while the service was stuck
  int served;
  int most_inside;
  std::size_t most_goroutines;  // beside those that were there before
  long peak;
};

// Until so many are at work. Nothing holds them up; the limit ends a program that is wrong.
void wait_for_inside(const flood& f, int n) {
  for (int i = 0; i != 5000 && f.inside != n; ++i) goro::sleep_for(1ms);
}

seen by_pool() {
  const std::size_t before = goro::num_goroutine();
  flood f;
  int accepted = 0;
  {
    goro::worker_pool pool(num_workers, places);
    while (accepted != requests && pool.try_submit([&f] { f.serve(); })) ++accepted;
    wait_for_inside(f, num_workers);
    f.service.close();  // it works again
    for (int i = accepted; i != requests; ++i) pool.submit([&f] { f.serve(); });
  }
  return {accepted, f.served, f.most_inside, f.most_goroutines - before, peak_kib()};
}

// BUG: nothing says no.
seen by_a_goroutine_each() {
  const std::size_t before = goro::num_goroutine();
  flood f;
  goro::wait_group all;
  for (int i = 0; i != requests; ++i) all.go([&f] { f.serve(); });
  wait_for_inside(f, requests);
  f.service.close();
  all.wait();
  return {requests, f.served, f.most_inside, f.most_goroutines - before, peak_kib()};
}

void print(const char* how, const seen& s) {
  std::printf(
      "  %-20s %5d accepted while it was stuck, at most %5d at work, %5zu goroutines, peak %4ld MiB\n", how,
      s.accepted, s.most_inside, s.most_goroutines, s.peak / 1024);
}

}  // namespace

int main() {
  return goro::run([] {
    guide::outcome outcome;
    const std::size_t before = goro::num_goroutine();

    const int sum = sum_of_doubles();
    const bool settled = guide::settles_at(before);
    const seen pool = by_pool();
    outcome.expect(guide::settles_at(before), "the pool's workers end with it");
    const seen each = by_a_goroutine_each();

    std::printf("%d requests that hold 16 KiB each, and a service that is stuck:\n", requests);
    print("worker_pool(5, 100):", pool);
    print("a goroutine each:", each);
    outcome.expect(sum == num_jobs * (num_jobs + 1), "every one of the 100 jobs is done");
    outcome.expect(settled, "and the workers have gone");
    outcome.expect(pool.accepted == num_workers + places, "the pool accepts what it has room for");
    outcome.expect(pool.most_inside == num_workers, "5 requests are at work, and no more");
    outcome.expect(pool.most_goroutines == num_workers, "and the pool has no more goroutines than that");
    outcome.expect(pool.served == requests && each.served == requests, "every request is served once");
    outcome.expect(each.most_inside == requests, "without the pool all are at work at once");
    outcome.expect(each.most_goroutines >= requests, "with a goroutine each");
    outcome.expect(guide::settles_at(before), "nothing is left");
    return outcome.verdict("the pool made 10,000 requests wait for 5 workers");
  });
}
