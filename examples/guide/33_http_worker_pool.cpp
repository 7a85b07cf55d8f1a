// SPDX-License-Identifier: MIT
// A goroutine per connection against a worker pool, in front of something slow: memory, and who waits how long.
//
// 1,000 clients ask at once, and each answer takes 10 ms. With a goroutine each all are at work at the same time; the
// memory grows with the clients. With a pool of 16 the work waits in a queue: little memory for it, and the last
// client waits for all the others. (The connections have goroutines in both: what a pool limits is the work.)
#include "guide.hpp"

#include <goro/http.hpp>
#include <goro/net.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <vector>

namespace {

constexpr int clients = 1000;

double resident_mib() {
  long pages = 0;
  long ignored = 0;
  if (std::FILE* f = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(f, "%ld %ld", &ignored, &pages) != 2) pages = 0;
    std::fclose(f);
  }
  return static_cast<double>(pages) * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1024 * 1024);
}

std::atomic<int> at_work{0};
std::atomic<int> most_at_work{0};

// 10 ms of waiting, and the 16 KiB that a request needs while it is at work.
void work() {
  const int now = ++at_work;
  for (int most = most_at_work; most < now && !most_at_work.compare_exchange_weak(most, now);) {
  }
  char scratch[16 << 10];
  for (char& c : scratch) c = static_cast<char>(now);
  goro::sleep_for(10ms);
  if (scratch[now % sizeof scratch] != static_cast<char>(now)) std::abort();
  --at_work;
}

struct result {
  double ms = 0;
  double mib = 0;  // more than before, at the end of the storm
  int at_once = 0;
  int answered = 0;
};

result storm(const std::string& at, const std::string& path) {
  result r;
  most_at_work = 0;
  const double before = resident_mib();
  std::atomic<int> answered{0};
  const guide::stopwatch watch;
  {
    goro::scope all;
    for (int i = 0; i != clients; ++i)
      all.go([&] {
        goro::net::conn c = goro::net::dial(goro::background(), at);
        c.write("GET " + path + " HTTP/1.1\r\nHost: guide\r\nConnection: close\r\n\r\n");
        char answer[512];
        if (const std::size_t n = c.read(answer); std::string(answer, n).find(" 200 ") != std::string::npos)
          ++answered;
      });
  }
  r.ms = watch.ms();
  r.mib = resident_mib() - before;
  r.at_once = most_at_work;
  r.answered = answered;
  return r;
}

}  // namespace

int main() {
  return goro::run([] {
    guide::outcome outcome;
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = std::min<rlim_t>(files.rlim_max, 4096);
    setrlimit(RLIMIT_NOFILE, &files);
    const std::size_t before = goro::num_goroutine();
    {
      goro::worker_pool pool(16, 64);
      goro::http::server web;
      web.handle("GET /each", [](auto& w, auto&) {
        work();
        w.write("done");
      });
      web.handle("GET /pool", [&](auto& w, auto&) {
        pool.async(work).get();  // waits for a place in the queue, and for its turn
        w.write("done");
      });
      web.listen("127.0.0.1:0");
      auto [ctx, stop] = goro::with_cancel(goro::background());
      auto served = goro::async([&, ctx = ctx] { web.serve(ctx); });
      const std::string at = web.local_address().to_string();

      const result pooled = storm(at, "/pool");
      const result each = storm(at, "/each");
      std::printf("%d clients at once, 10 ms of work each:\n", clients);
      std::printf("  16 workers        %4d at once, %7.1f ms for all, %+.1f MiB\n", pooled.at_once, pooled.ms,
                  pooled.mib);
      std::printf("  a goroutine each  %4d at once, %7.1f ms for all, %+.1f MiB more\n", each.at_once,
                  each.ms, each.mib);
      outcome.expect(pooled.answered == clients && each.answered == clients, "all are answered");
      outcome.expect(pooled.at_once <= 16, "the pool never does more than 16 at once");
      outcome.expect(pooled.ms >= 10.0 * clients / 16, "so the last one waits for all the others");
      outcome.expect(each.at_once > 16, "with a goroutine each there is no such limit");
      stop();
      served.get();
    }
    outcome.expect(guide::settles_at(before), "nothing is left");
    return outcome.verdict("a pool bounds what is at work at once, and makes the others wait");
  });
}
