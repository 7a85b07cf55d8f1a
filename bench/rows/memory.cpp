// SPDX-License-Identifier: MIT
// A million goroutines: parked (memory of each, and the time to wake all), queued (memory of one that has not
// started).
#include "rows.hpp"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <variant>

#include <goro/chan.hpp>
#include <goro/select.hpp>
#include <goro/time.hpp>

namespace bench {
namespace {

constexpr number million = 1'000'000;

void parked() {
  const auto gate = goro::make_chan<std::monostate>();
  goro::wait_group done;
  done.add(million);
  const double before = resident_bytes();
  std::atomic<number> arrived{0};
  for (number i = 0; i < million; ++i) {
    goro::go([gate, &done, &arrived] {
      arrived.fetch_add(1, std::memory_order_relaxed);
      (void)gate.recv();
      done.done();
    });
  }
  // Go's row waits 0.3 s, which is enough there; a page of stack each takes the kernel longer.
  while (arrived.load(std::memory_order_relaxed) != million) goro::sleep_for(std::chrono::milliseconds(5));
  goro::sleep_for(std::chrono::milliseconds(50));  // the last ones park
  out("parked_mem", (resident_bytes() - before) / million, "B");
  const auto start = clock::now();
  gate.close();
  done.wait();
  per_op("wake_all", clock::now() - start, million);
}

// The spawner never waits, so that goroutines queue up behind it; the process ends with it.
void queued() {
  static std::atomic<number> started{0};
  const auto gate = goro::make_chan<std::monostate>();
  const double before = resident_bytes();
  goro::go([gate, before] {
    for (number i = 0; i < million; ++i) {
      goro::go([gate] {
        started.fetch_add(1);
        (void)gate.recv();
      });
    }
    const double after = resident_bytes();
    std::fprintf(stderr, "queued: started already: %lld\n", static_cast<long long>(started.load()));
    out("queued_mem", (after - before) / million, "B");
    std::_Exit(0);
  });
  goro::select();
}

const row entries[] = {
    {"parked", parked},
    {"queued", queued},
};

}  // namespace
}  // namespace bench
