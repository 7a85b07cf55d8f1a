// SPDX-License-Identifier: MIT
// Without select: a loop that looks at each channel, sleeps, and looks again; beside it the select that
// waits. Both take one message from each of two channels; how often did each of them look?
#include "guide.hpp"

#include <atomic>
#include <string>

namespace {

struct figures {
  int looks = 0;
  int messages = 0;
};

figures poll(goro::chan<std::string> ch1, goro::chan<std::string> ch2, std::atomic<int>& looks) {
  figures f;
  while (f.messages != 2) {
    f.looks = ++looks;
    if (ch1.len() > 0) f.messages += ch1.recv() == "one";
    if (ch2.len() > 0) f.messages += ch2.recv() == "two";
    goro::sleep_for(1ms);  // avoid CPU burn
  }
  return f;
}

figures wait(goro::chan<std::string> ch1, goro::chan<std::string> ch2) {
  figures f;
  while (f.messages != 2) {
    ++f.looks;
    goro::select(goro::recv(ch1, [&](std::string msg) { f.messages += msg == "one"; }),
                 goro::recv(ch2, [&](std::string msg) { f.messages += msg == "two"; }));
  }
  return f;
}

}  // namespace

int main() {
  return goro::run([] {
    guide::outcome outcome;

    // The polling loop needs buffered channels: the len of an unbuffered one is always 0, so the loop
    // would never see its sender.
    auto a = goro::make_chan<std::string>(1), b = goro::make_chan<std::string>(1);
    std::atomic<int> looks{0};
    goro::go([a, b, &looks] {
      goro::sleep_for(20ms);
      while (looks.load() < 3) goro::sleep_for(1ms);  // only on a machine too busy to have looked
      a.send("one");
      b.send("two");
    });
    const figures polled = poll(a, b, looks);

    auto c = goro::make_chan<std::string>(), d = goro::make_chan<std::string>();
    goro::go([c, d] {
      goro::sleep_for(20ms);
      c.send("one");
      d.send("two");
    });
    const figures selected = wait(c, d);

    std::printf("polling: %d messages in %d looks; select: %d messages in %d\n", polled.messages,
                polled.looks, selected.messages, selected.looks);
    outcome.expect(polled.messages == 2 && selected.messages == 2, "both get both messages");
    outcome.expect(polled.looks >= 3, "the polling loop looks in vain");
    outcome.expect(selected.looks == 2, "select wakes once a message");
    return outcome.verdict("select woke once a message, the polling loop kept looking");
  });
}
