// SPDX-License-Identifier: MIT
// Goroutine leak: waiting for ever to send. The caller took its timeout and went; nobody will receive.
#include "guide.hpp"

#include <optional>

namespace {

// Starts a query whose answer comes when `database` gives it, and waits for it only so long.
std::optional<int> query(goro::recv_chan<int> database, std::size_t room_for_answer) {
  auto answer = goro::make_chan<int>(room_for_answer);
  goro::go([database, answer] { answer.send(database.recv().value_or(0)); });
  int v = 0;
  if (goro::select(goro::recv(answer, v), goro::timeout(5ms)) == 0) return v;
  return std::nullopt;  // too late: from here on nobody receives from `answer`
}

// Asks with an answer channel of that capacity, lets the answer come too late, and gives back how many
// goroutines stay.
std::size_t left_after_late_answer(std::size_t room_for_answer, goro::chan<int>& database) {
  const std::size_t before = goro::num_goroutine();
  database = goro::make_chan<int>();
  if (query(database, room_for_answer)) return 999;
  database.send(42);  // late
  if (room_for_answer == 0)
    goro::sleep_for(5ms);  // it will never end, however long we wait
  else
    guide::settles_at(before);
  return goro::num_goroutine() - before;
}

}  // namespace

int main() {
  return goro::run([] {
    guide::outcome outcome;
    goro::chan<int> database;
    const std::size_t fixed = left_after_late_answer(1, database);   // room for the answer nobody takes
    const std::size_t leaked = left_after_late_answer(0, database);  // BUG: the sender waits for ever

    std::printf(
        "late answer on an unbuffered channel: %zu goroutine is still there; with room for one: %zu left\n",
        leaked, fixed);
    outcome.expect(leaked == 1, "the sender without a receiver is still there");
    outcome.expect(fixed == 0, "with room for its answer it ends");
    return outcome.verdict("a sender that may be forgotten needs a buffer, or a done channel");
  });
}
