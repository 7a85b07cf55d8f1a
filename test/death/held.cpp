// SPDX-License-Identifier: MIT
// Goroutines that park with a std::mutex in hand, and such as do not: held CASE. Linked with goro::locks. Ends with 0
// when everybody has ended, whatever GORO_DEBUG=deadlock has had to say.
#include "death/watched_stderr.hpp"
#include "sched/introspect.hpp"

#include <goro/goro.hpp>

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <shared_mutex>
#include <thread>

namespace {

using namespace std::chrono_literals;

std::mutex m;
std::mutex other;
std::shared_mutex shared;
std::recursive_mutex again;
std::timed_mutex timed;

// In a goroutine of its own, that has ended when this returns.
template <class F>
void in_turn(const char* name, F f) {
  goro::wait_group done;
  done.add(1);
  goro::go({.name = name}, [&] {
    f();
    done.done();
  });
  done.wait();
}

template <class F>
void in_a_thread(F f) {
  std::thread t(f);
  goro::blocking([&] { t.join(); });
}

[[gnu::noinline]] void park() {
  goro::sleep_for(1ms);
  asm volatile("");
}

template <class Lock>
[[gnu::noinline]] void lock_here(Lock& lock) {
  lock.lock();
  asm volatile("");
}

[[gnu::noinline]] void hold_and_park() {
  const std::lock_guard hold(m);
  park();
}

// ---- what is to be reported

void sleeps() { in_turn("holder", hold_and_park); }
void receives() {
  goro::chan<int> c = goro::make_chan<int>();
  goro::go([c] {
    while (goro::detail::parked_count(goro::detail::wait_reason::chan_receive) == 0) goro::yield();
    c.send(1);
  });
  in_turn("holder", [c] {
    lock_here(m);
    (void)c.recv();
    m.unlock();
  });
}
void yields() {
  in_turn("holder", [] {
    const std::lock_guard hold(m);
    goro::yield();
  });
}
void reads() {
  in_turn("holder", [] {
    const std::shared_lock hold(shared);
    park();
  });
}
void writes() {
  in_turn("holder", [] {
    const std::unique_lock hold(shared);
    park();
  });
}
void tries() {
  in_turn("holder", [] {
    if (!timed.try_lock_for(1s)) return;
    park();
    timed.unlock();
  });
}
void recursive() {
  in_turn("holder", [] {
    again.lock();
    again.lock();
    again.unlock();
    park();  // and leaves it locked: in another thread it could not be unlocked
  });
}
void two_locks() {
  in_turn("holder", [] {
    const std::scoped_lock hold(m, other);
    park();
  });
}
// A hundred times at one place, by as many goroutines: said once.
void often() {
  for (int i = 0; i != 100; ++i) in_turn("holder", hold_and_park);
}
void at_two_places() {
  in_turn("holder", hold_and_park);
  in_turn("holder", [] {
    lock_here(m);
    park();
    m.unlock();
  });
}
// Others park where it has been, and it goes on where others have been: nobody else is blamed, and it only once.
void among_others() {
  std::atomic<bool> over{false};
  goro::wait_group all;
  for (int i = 0; i != 50; ++i)
    all.go([&] {
      while (!over) {
        { const std::lock_guard hold(other); }
        park();
      }
    });
  in_turn("holder", [] {
    lock_here(m);
    park();
    m.unlock();
    for (int i = 0; i != 50; ++i) park();
  });
  over = true;
  all.wait();
}
// The lock is another's while the holder waits for the condition, and its own when it parks.
void after_a_condition() {
  std::condition_variable changed;
  bool is_set = false;
  in_turn("holder", [&] {
    std::unique_lock hold(m);
    std::thread t([&] {
      {
        const std::lock_guard mine(m);
        is_set = true;
      }
      changed.notify_one();
    });
    changed.wait(hold, [&] { return is_set; });
    park();
    hold.unlock();
    goro::blocking([&] { t.join(); });
  });
}

// HikariCP's: the holder waits for somebody who cannot run, because all threads wait for the lock. Here they can: the
// Ps of those who block go to others. Ends when it has been said who is to blame.
void others_block() {
  watched_stderr said;
  goro::chan<int> go_on = goro::make_chan<int>();
  goro::chan<int> holds = goro::make_chan<int>(1);
  std::atomic<int> want{0};
  goro::wait_group all;
  all.add(1);
  goro::go({.name = "holder"}, [&] {
    {
      const std::lock_guard hold(m);
      holds.send(1);
      (void)go_on.recv();
    }
    all.done();
  });
  (void)holds.recv();
  for (int i = 0; i != 8; ++i)
    all.go([&] {
      ++want;
      const std::lock_guard hold(m);
    });
  while (want != 8) goro::sleep_for(1ms);
  goro::sleep_for(20ms);  // so that they are in there, as a rule
  const char* const debug = std::getenv("GORO_DEBUG");
  if (debug != nullptr && *debug != '\0')
    while (said.times("goro: parked with a lock") == 0) goro::sleep_for(1ms);
  go_on.send(1);
  all.wait();
}

// ---- what is not

void unlocked_first() {
  in_turn("tidy", [] {
    { const std::lock_guard hold(m); }
    { const std::shared_lock hold(shared); }
    { const std::unique_lock hold(shared); }
    {
      again.lock();
      again.lock();
      again.unlock();
      again.unlock();
    }
    park();
    goro::yield();
  });
}
void not_got() {
  in_a_thread([] {
    lock_here(m);
    lock_here(timed);
    lock_here(shared);
    in_turn("too late", [] {
      if (m.try_lock() || timed.try_lock_for(1ms) || shared.try_lock_shared()) _exit(1);
      park();
    });
    m.unlock();
    timed.unlock();
    shared.unlock();
  });
}
// A plain thread that waits in goro with a lock in hand: its own affair, as is that of a goroutine bound to a thread.
void a_threads() {
  in_a_thread([] {
    const std::lock_guard hold(m);
    in_turn("other", park);
    goro::sleep_for(1ms);
  });
}
void bound_to_its_thread() {
  in_turn("bound", [] {
    goro::lock_os_thread();
    hold_and_park();
    goro::unlock_os_thread();
  });
}
// As a signal, which a std::mutex is not made for.
void handed_over() {
  in_turn("locks", [] {
    lock_here(m);
    in_a_thread([] { m.unlock(); });
    park();
  });
  goro::chan<int> locked = goro::make_chan<int>(1);
  goro::chan<int> unlocked = goro::make_chan<int>(1);
  goro::wait_group all;
  std::atomic<bool> done{false};
  all.go([&] {
    lock_here(m);
    locked.send(1);
    while (!done) std::this_thread::sleep_for(100us);
    park();
  });
  all.go([&] {
    (void)locked.recv();
    m.unlock();
    done = true;
  });
  all.wait();
}
void condition() {
  std::condition_variable changed;
  bool is_set = false;
  in_turn("waits", [&] {
    goro::go([&] {
      const std::lock_guard mine(m);
      is_set = true;
      changed.notify_one();
    });
    {
      std::unique_lock hold(m);
      changed.wait(hold, [&] { return is_set; });
      (void)changed.wait_for(hold, 1ms);
    }
    park();
  });
}
// One ends with a lock in hand; others have its thread, its stack, its block, and another lock at that address.
void ended_with_it() {
  alignas(std::mutex) unsigned char memory[sizeof(std::mutex)];
  for (int i = 0; i != 20; ++i) {
    auto& lock = *new (memory) std::mutex;
    in_turn("ends", [&] { lock_here(lock); });
    in_turn("next", park);
    auto& fresh = *new (memory) std::mutex;
    in_turn("tidy", [&] {
      { const std::lock_guard hold(fresh); }
      park();
    });
  }
}
void blocks() {
  in_turn("blocks", [] {
    const std::lock_guard hold(m);
    goro::blocking([] { usleep(3000); });
  });
}
// More at a time than are kept.
void very_many() {
  constexpr int n = 10'000;
  auto* const locks = new std::mutex[n];
  in_turn("many", [&] {
    for (int round = 0; round != 2; ++round) {
      for (int i = 0; i != n; ++i) locks[i].lock();
      for (int i = 0; i != n; ++i) locks[i].unlock();
    }
    park();
  });
  delete[] locks;
}

constexpr struct {
  const char* name;
  void (*run)();
} cases[] = {
    {"sleeps", sleeps},
    {"receives", receives},
    {"yields", yields},
    {"reads", reads},
    {"writes", writes},
    {"tries", tries},
    {"recursive", recursive},
    {"two_locks", two_locks},
    {"often", often},
    {"at_two_places", at_two_places},
    {"among_others", among_others},
    {"after_a_condition", after_a_condition},
    {"others_block", others_block},
    {"unlocked_first", unlocked_first},
    {"not_got", not_got},
    {"a_threads", a_threads},
    {"bound_to_its_thread", bound_to_its_thread},
    {"handed_over", handed_over},
    {"condition", condition},
    {"ended_with_it", ended_with_it},
    {"blocks", blocks},
    {"very_many", very_many},
};

}  // namespace

int main(int argc, char** argv) {
  for (const auto& c : cases)
    if (argc == 2 && std::strcmp(argv[1], c.name) == 0) return goro::run(c.run);
  return 1;
}
