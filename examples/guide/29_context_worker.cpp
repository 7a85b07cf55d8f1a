// SPDX-License-Identifier: MIT
// Context: the guide's graceful shutdown. Workers serve a channel until their context is done: because
// somebody cancels it, because its time is up, or because the process is asked to stop (Ctrl-C, SIGTERM).
#include "guide.hpp"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <utility>

namespace {

std::atomic<int> got{0}, stopped{0};

// As the guide writes it.
void worker(const goro::context& ctx, goro::recv_chan<int> ch) {
  for (bool going = true; going;)
    goro::select(goro::recv(ch, [](int) { ++got; }), goro::recv(ctx.done(), [&] { going = false; }));
  ++stopped;
}

// The same in short: a receive takes a context, as do other waits.
void short_worker(const goro::context& ctx, goro::recv_chan<int> ch) {
  while (ch.recv(ctx)) ++got;
  ++stopped;
}

struct seen {
  int got;
  int stopped;
  std::error_code err;
};

// Two workers of each kind under `ctx`; gives them 100 values, brings about the end, and waits until they
// have stopped.
template <class F>
seen serve_until(const goro::context& ctx, F bring_about_the_end) {
  got = stopped = 0;
  auto ch = goro::make_chan<int>();
  goro::wait_group group;
  for (int i = 0; i != 2; ++i) {
    group.go(worker, ctx, ch);
    group.go(short_worker, ctx, ch);
  }
  for (int i = 0; i != 100; ++i) ch.send(i);  // unbuffered: each is taken before the next is sent
  bring_about_the_end();
  group.wait();
  return {got, stopped, ctx.err()};
}

int signal_behind(const goro::context& ctx) {
  try {
    if (const std::exception_ptr cause = ctx.cause()) std::rethrow_exception(cause);
  } catch (const goro::signal_error& e) {
    std::printf("  the cause: %s\n", e.what());
    return e.signal();
  } catch (const std::exception&) {
  }
  return 0;
}

void print(const char* how, const seen& s) {
  std::printf("%s: 4 workers got %d values, %d stopped: %s\n", how, s.got, s.stopped,
              s.err.message().c_str());
}

}  // namespace

int main() {
  return goro::run([] {
    guide::outcome outcome;
    const std::size_t before = goro::num_goroutine();

    const auto [by_hand, cancel] = goro::with_cancel(goro::background());
    const seen cancelled = serve_until(by_hand, [&stop = cancel] { stop(); });
    print("cancelled", cancelled);
    outcome.expect(cancelled.got == 100 && cancelled.stopped == 4, "no value is lost, and all stop");
    outcome.expect(cancelled.err == goro::errc::canceled, "the context says that it was cancelled");

    const goro::context limited = goro::with_timeout(goro::background(), 20ms).first;
    goro::wait_group idle;
    idle.go(short_worker, limited, goro::recv_chan<int>());  // from a channel that is nil it gets nothing
    idle.wait();
    std::printf("after 20 ms: %s\n", limited.err().message().c_str());
    outcome.expect(limited.err() == goro::errc::deadline_exceeded, "or that its time was up");

    const auto [asked, no_longer] = goro::notify_context(goro::background(), {SIGINT, SIGTERM});
    const seen signalled = serve_until(asked, [] { kill(getpid(), SIGTERM); });
    print("SIGTERM", signalled);
    outcome.expect(signalled.got == 100 && signalled.stopped == 4,
                   "a signal stops them in the same good order");
    outcome.expect(signal_behind(asked) == SIGTERM, "the cause says which signal it was");
    no_longer();  // from here on SIGTERM kills as before

    outcome.expect(guide::settles_at(before), "no goroutine is left");
    return outcome.verdict("every worker stopped when its context was done");
  });
}
