// SPDX-License-Identifier: MIT
// Goroutine leak: the guide's four patterns, caught.
//
// Each pattern leaks on purpose. leak::family::find says who is left of what the pattern has started, where it was
// started and on what it waits; then the fixed form is started, and nothing is left.
#include "guide.hpp"

#include <vector>

namespace {

using numbers = goro::chan<int>;

// 1: asynchronous work that is not tied to its request. `database` stands for what never answers.
void request(const numbers& database, bool fixed) {
  const auto [ctx, cancel] = goro::with_cancel(goro::background());
  goro::go({.name = "handler's work"}, [database, ctx = fixed ? ctx : goro::background()] {
    goro::select(goro::recv(database), goro::recv(ctx.done()));  // BUG: background() is never done
  });
  cancel();  // the client has gone
}

// 2: a select in a loop without a way out.
void loop(const numbers& in, bool fixed) {
  const numbers stop = goro::make_chan<int>();
  goro::go({.name = "loop"}, [in, stop = fixed ? stop : numbers()] {
    for (bool going = true; going;)
      goro::select(goro::recv(in, [&](int, bool open) { going = open; }), goro::recv(stop, [&] {
                     going = false;
                   }));  // BUG: a nil channel is as if it were not there
  });
  stop.close();
}

// 3: waiting for ever for a value.
void worker(const numbers& in, bool fixed) {
  const numbers mine = fixed ? goro::make_chan<int>() : in;
  goro::go({.name = "worker"}, [mine] {
    for (int value : mine) (void)value;
  });
  if (fixed) mine.close();  // BUG
}

// 4: two that wait for each other. The guide's main waits as well; here it is a second goroutine.
void pair(const numbers& first, bool fixed) {
  const numbers go_ahead = fixed ? goro::make_chan<int>(1) : first;
  const numbers answer = goro::make_chan<int>(fixed ? 1 : 0);
  goro::go({.name = "answerer"}, [go_ahead, answer] {
    if (go_ahead.recv()) answer.send(1);
  });
  if (fixed) {
    go_ahead.send(1);
    (void)answer.recv();
  }
}

struct pattern {
  const char* name;
  void (*run)(const numbers& in, bool fixed);
};

constexpr pattern patterns[] = {{"work not tied to its request", request},
                                {"select without a way out", loop},
                                {"blocked for ever", worker},
                                {"mutual dependency", pair}};

}  // namespace

int main() {
  return goro::run([] {
    guide::outcome outcome;
    for (const pattern& p : patterns) {
      const numbers nothing_comes = goro::make_chan<int>();
      const goro::leak::family mine;
      p.run(nothing_comes, false);
      const auto leaked = mine.find({.timeout = 20ms});
      std::printf("%s:\n", p.name);
      for (const goro::goroutine_info& g : leaked)
        std::printf("  leaked: goroutine %llu \"%s\" [%s], started at line %d\n",
                    static_cast<unsigned long long>(g.id), g.name.c_str(), g.state.c_str(),
                    g.created_at.line);
      outcome.expect(leaked.size() == 1, "the pattern leaks one goroutine");
      nothing_comes.close();  // sets it free, so that this program leaves nothing behind

      const goro::leak::family fixed;
      p.run(goro::make_chan<int>(), true);
      const bool clean = fixed.find({.timeout = 10s}).empty();
      std::printf("  fixed: %s\n", clean ? "nothing is left" : "something is left");
      outcome.expect(clean, "the fixed form leaves nothing");
    }
    goro::leak::verify_none({.timeout = 10s});
    return outcome.verdict("each of the four patterns was caught, and its fixed form is clean");
  });
}
