// SPDX-License-Identifier: MIT
// Goroutine leaks: the guide's four patterns, and how a context ends each.
//
// Each pattern leaks on purpose, and is counted; then its fixed form is started and its context cancelled.
// What the leaking ones wait for comes at the end of the program, which so leaves nothing behind.
//
// Real programs leak contexts, too: a server's context that every request hangs something from, and never
// takes off. children() counts them.
#include "guide.hpp"

#include <utility>
#include <vector>

namespace {

using numbers = goro::chan<int>;

// 1: asynchronous work that is not tied to its request. `in` stands for a slow database.
void leaking_handler(numbers in) {
  goro::go([in] { (void)in.recv(); });  // BUG: ignores the request's context
}
void fixed_handler(const goro::context& ctx, numbers in) {
  goro::go([ctx, in] {
    goro::select(goro::recv(in, [] { /* finish work */ }),
                 goro::recv(ctx.done(), [] { /* client disconnected: abort */ }));
  });
}

// 2: select in a loop without a way out. (That the channel is closed is how this program gets rid of it.)
void leaking_do_work(numbers in) {
  goro::go([in] {
    for (bool open = true; open;)
      goro::select(goro::recv(in, [&](int, bool ok) { open = ok; }));  // BUG: no cancel path
  });
}
void fixed_do_work(const goro::context& ctx, numbers in) {
  goro::go([ctx, in] {
    for (bool going = true; going;)
      goro::select(goro::recv(in, [](int) { /* do something */ }),
                   goro::recv(ctx.done(), [&] { going = false; }));  // required exit
  });
}

// 3: waiting for ever on a channel that nobody sends to and nobody closes.
void leaking_worker(numbers in) {
  goro::go([in] {
    while (in.recv()) {
    }
  });
}
void fixed_worker(const goro::context& ctx, numbers in) {
  goro::go([ctx, in] {
    while (in.recv(ctx)) {  // ends when the channel is closed, and when the context is done
    }
  });
}

// 4: two that wait for each other. The guide's main would wait for ever; here it gives up, and the other does
// not.
void leaking_pair(numbers in) {
  const numbers back = goro::make_chan<int>();
  goro::go([in, back] {
    if (in.recv()) back.send(1);
  });
  (void)back.recv_for(5ms);
}
void fixed_pair(const goro::context& ctx, numbers in) {
  const goro::context both = goro::with_timeout(ctx, 5ms).first;
  const numbers back = goro::make_chan<int>();
  goro::go([both, in, back] {
    if (in.recv(both)) (void)back.send(1, both);
  });
  (void)back.recv(both);
}

struct pattern {
  const char* name;
  void (*leaking)(numbers in);
  void (*fixed)(const goro::context& ctx, numbers in);
};

constexpr pattern patterns[] = {
    {"work not tied to its request", leaking_handler, fixed_handler},
    {"select without a way out", leaking_do_work, fixed_do_work},
    {"blocked for ever", leaking_worker, fixed_worker},
    {"mutual dependency", leaking_pair, fixed_pair},
};

}  // namespace

int main() {
  return goro::run([] {
    guide::outcome outcome;
    const std::size_t before = goro::num_goroutine();
    const numbers nothing_comes = goro::make_chan<int>();

    for (const pattern& p : patterns) {
      const std::size_t base = goro::num_goroutine();
      p.leaking(nothing_comes);
      goro::sleep_for(2ms);
      const std::size_t leaked = goro::num_goroutine() - base;

      const auto [ctx, cancel] = goro::with_cancel(goro::background());
      p.fixed(ctx, nothing_comes);
      cancel();
      const bool settled = guide::settles_at(base + leaked);
      std::printf("%-29s %zu goroutine is still there; with a context: %zu left\n", p.name, leaked,
                  goro::num_goroutine() - base - leaked);
      outcome.expect(leaked == 1, "the pattern leaks");
      outcome.expect(settled, "with a context it does not");
    }

    // A context for each of 100 requests, below the server's.
    const goro::context server = goro::with_cancel(goro::background()).first;
    std::vector<std::pair<goro::context, goro::cancel_func>> sessions;  // BUG: grows with every request
    for (int request = 0; request != 100; ++request) sessions.push_back(goro::with_cancel(server));
    const std::size_t kept = server.children();
    for (std::size_t i = 0; i != 50; ++i) sessions[i].second();  // cancelled, as Go demands it
    const std::size_t after_cancel = server.children();
    sessions.clear();  // or only let go of: in Go these would stay
    const std::size_t after_letting_go = server.children();
    std::printf(
        "contexts below the server's: %zu after 100 requests, %zu when half are cancelled, %zu when let go\n",
        kept, after_cancel, after_letting_go);
    outcome.expect(kept == 100, "contexts that are kept stay");
    outcome.expect(after_cancel == 50, "a context that is cancelled leaves its parent");
    outcome.expect(after_letting_go == 0, "and so does one that nobody holds any more");

    nothing_comes.close();
    outcome.expect(guide::settles_at(before), "nothing is left");
    return outcome.verdict("a context ended what the four patterns leave behind");
  });
}
