// SPDX-License-Identifier: MIT
// Real world goroutine leak: Kubernetes PR 135078 and issue 134939, told again.
//
// A file watcher runs a loop that selects over two channels, events and errors. It has no third way out, and nobody
// closes the two. That was no leak while watchers lived as long as the process; it became one when controllers had
// to stop and start again: each start left the loop behind, the library's reader with it, and a descriptor.
//
// Here the watched thing is a pipe. The watcher's loop and its reader are found by leak::find, with the lines that
// started them, and growth() shows that each restart adds one of each. Fixed, run() takes a context: the loop ends
// with it, and closes what the reader waits for.
#include "guide.hpp"

#include <unistd.h>

#include <memory>
#include <vector>

namespace {

class watcher {
 public:
  watcher() { open_ = ::pipe(ends_) == 0; }
  watcher(const watcher&) = delete;
  watcher& operator=(const watcher&) = delete;
  ~watcher() {
    if (!open_) return;
    ::close(ends_[0]);
    if (ends_[1] >= 0) ::close(ends_[1]);
  }

  void touch() const { (void)!::write(ends_[1], "x", 1); }  // the file has changed
  void close() {                                            // and the reader's read returns
    ::close(ends_[1]);
    ends_[1] = -1;
  }

  void read() const {
    char byte = 0;
    while (goro::blocking([&] { return ::read(ends_[0], &byte, 1); }) == 1)
      if (!events_.try_send(1)) return;
  }
  goro::recv_chan<int> events() const { return events_; }
  goro::recv_chan<int> errors() const { return errors_; }

 private:
  bool open_ = false;
  int ends_[2] = {-1, -1};
  goro::chan<int> events_ = goro::make_chan<int>(16);
  goro::chan<int> errors_ = goro::make_chan<int>();
};

// BUG: the loop ends never, so the watcher is never closed.
void run(const std::shared_ptr<watcher>& w) {
  goro::go({.name = "reader"}, [w] { w->read(); });
  goro::go({.name = "watcher loop"}, [w] {
    for (;;) goro::select(goro::recv(w->events()), goro::recv(w->errors()));
  });
}

void run(const goro::context& ctx, const std::shared_ptr<watcher>& w) {
  goro::go({.name = "reader"}, [w] { w->read(); });
  goro::go({.name = "watcher loop"}, [ctx, w] {
    for (bool going = true; going;)
      goro::select(goro::recv(w->events()), goro::recv(w->errors()),
                   goro::recv(ctx.done(), [&] { going = false; }));
    w->close();
  });
}

}  // namespace

int main() {
  return goro::run([] {
    guide::outcome outcome;
    constexpr std::size_t restarts = 3;

    {
      const goro::leak::family controller;
      for (std::size_t n = 0; n != restarts; ++n) {
        const auto [ctx, cancel] = goro::with_cancel(goro::background());
        const auto w = std::make_shared<watcher>();
        run(ctx, w);
        w->touch();
        cancel();  // leadership is given back
      }
      const bool clean = controller.find({.timeout = 10s}).empty();
      std::printf("fixed: after %zu restarts %s is left\n", restarts, clean ? "nothing" : "something");
      outcome.expect(clean, "with a context nothing is left");
    }

    (void)goro::leak::growth();
    const goro::leak::family controller;
    for (std::size_t n = 0; n != restarts; ++n) {
      const auto w = std::make_shared<watcher>();
      run(w);
      w->touch();
    }
    const auto leaked = controller.find({.timeout = 50ms});
    std::printf("as it was: after %zu restarts %zu goroutines are left:\n", restarts, leaked.size());
    for (const goro::goroutine_info& g : leaked)
      std::printf("  goroutine %llu \"%s\" [%s], started at line %d\n", static_cast<unsigned long long>(g.id),
                  g.name.c_str(), g.state.c_str(), g.created_at.line);
    outcome.expect(leaked.size() == 2 * restarts, "each restart leaves the loop and the reader");
    for (const goro::leak::site& s : goro::leak::growth()) {
      std::printf("  line %d: %zu more than before\n", s.created_at.line, s.grown);
      outcome.expect(s.grown == restarts, "growth shows both lines");
    }
    return outcome.verdict("the watcher's leak was found, and the fixed one is clean");
  });
}
