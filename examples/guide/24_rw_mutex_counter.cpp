// SPDX-License-Identifier: MIT
// RWMutex: many readers hold it at once, a writer alone.
//
// What holds at once is shown by state, not by time: each reader stays inside until all of them are.
#include "guide.hpp"

#include <atomic>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <string>

namespace {

constexpr int readers = 10;

class safe_counter {
 public:
  void inc(const std::string& key) {
    const std::scoped_lock alone(mu_);  // write lock: no one else can read or write
    ++v_[key];
  }
  int value(const std::string& key) const {
    const std::shared_lock beside_others(mu_);  // read lock: others can read, but no one can write
    const auto found = v_.find(key);
    return found == v_.end() ? 0 : found->second;
  }

 private:
  mutable goro::rw_mutex mu_;
  std::map<std::string, int> v_;
};

// Lets all readers in, and gives back how many were inside at one time; and whether a writer could have come
// in.
int readers_at_once(goro::rw_mutex& mu, bool& writer_could) {
  std::atomic<int> inside{0};
  goro::wait_group all_inside, looked, ended;
  all_inside.add(readers);
  looked.add();
  for (int r = 0; r != readers; ++r)
    ended.go([&] {
      const std::shared_lock hold(mu);
      ++inside;
      all_inside.done();
      looked.wait();  // holds it until main has looked
      --inside;
    });
  all_inside.wait();
  const int at_once = inside;
  writer_could = mu.try_lock();
  if (writer_could) mu.unlock();
  looked.done();
  ended.wait();
  return at_once;
}

// A writer that waits stops new readers, so that it need not wait for ever. True as soon as one is stopped.
bool waiting_writer_stops_readers(goro::rw_mutex& mu) {
  goro::wait_group writer;
  mu.lock_shared();
  writer.go([&mu] { const std::scoped_lock alone(mu); });
  bool stopped = false;
  for (int i = 0; i != 5000 && !stopped;
       ++i) {  // until the writer waits; the limit ends a program that is wrong
    stopped = !mu.try_lock_shared();
    if (!stopped) {
      mu.unlock_shared();
      goro::sleep_for(1ms);
    }
  }
  mu.unlock_shared();
  writer.wait();
  return stopped;
}

}  // namespace

int main() {
  return goro::run([] {
    guide::outcome outcome;
    goro::rw_mutex mu;

    bool writer_could = true;
    const int at_once = readers_at_once(mu, writer_could);
    mu.lock();
    const bool reader_could = mu.try_lock_shared();
    const bool second_could = mu.try_lock();
    mu.unlock();
    const bool stopped = waiting_writer_stops_readers(mu);

    safe_counter counter;
    std::atomic<bool> fell{false};
    goro::wait_group group;
    for (int w = 0; w != 2; ++w)
      group.go([&] {
        for (int i = 0; i != 1000; ++i) counter.inc("hits");
      });
    for (int r = 0; r != readers; ++r)
      group.go([&] {
        for (int i = 0, last = 0; i != 1000; ++i) {
          const int now = counter.value("hits");
          if (now < last) fell = true;
          last = now;
        }
      });
    group.wait();

    std::printf("%d of %d readers were inside at once; beside a writer: %s\n", at_once, readers,
                reader_could || second_could ? "somebody" : "nobody");
    std::printf("2 writers counted to %d beside %d readers\n", counter.value("hits"), readers);
    outcome.expect(at_once == readers, "all readers hold it at once");
    outcome.expect(!writer_could, "no writer comes in beside readers");
    outcome.expect(!reader_could && !second_could, "a writer is alone");
    outcome.expect(stopped, "a writer that waits stops new readers");
    outcome.expect(counter.value("hits") == 2000, "no count is lost");
    outcome.expect(!fell, "no reader sees the count fall");
    return outcome.verdict("readers share it, a writer has it alone");
  });
}
