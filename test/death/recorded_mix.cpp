// SPDX-License-Identifier: MIT
// Proofs while everything that goro can wait for is at work: recorded_mix ROUNDS [SECONDS]. Little scenes are played
// all the time, a hundred at once, each of them ends by itself, and in each somebody is parked on something to which
// there is one reference: in a register or on a stack, in a closure that has not begun, in a block of the heap, in the
// buffer of another channel, in a timer, in a goroutine's local, in the hands of a plain thread. Whoever is proven
// stuck in one is a false alarm, as all of them end. Some goroutines are left behind on purpose; those should be proven.
//
// Prints "wrong N proven M of K scenes S ended E", and exits with 0 if nobody was wrong and all scenes have ended.
#include <goro/goro.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using chan = goro::chan<int>;

std::atomic<int> begun{0};
std::atomic<int> ended{0};
std::atomic<bool> stop{false};

// Each scene has as many parts as it says; the last one to end is its end.
void done() { ended.fetch_add(1); }

struct pause_of {
  std::uint32_t seed;
  std::uint32_t next() { return seed = seed * 1664525 + 1013904223; }
  void operator()() {
    switch (next() >> 20 & 7) {
      case 0: break;
      case 1: goro::sleep_for(std::chrono::microseconds(next() >> 22)); break;
      case 2: goro::blocking([] { std::this_thread::sleep_for(50us); }); break;
      default:
        for (std::uint32_t i = next() >> 29; i != 0; --i) goro::yield();
    }
  }
};

// ---- channels

void one_value(std::uint32_t seed) {
  const auto ch = std::make_unique<chan>(goro::make_chan<int>());
  goro::go([c = *ch] {
    (void)c.recv();
    done();
  });
  pause_of{seed}();
  ch->send(1);
}

void ping_pong(std::uint32_t seed) {
  struct table {
    chan there = goro::make_chan<int>();
    chan back = goro::make_chan<int>();
  };
  const auto t = std::make_shared<table>();
  goro::go([t, seed] {
    pause_of pause{seed};
    for (const int i : t->there) {
      pause();
      t->back.send(i);
    }
    done();
  });
  for (int i = 0; i != 5; ++i) {
    t->there.send(i);
    (void)t->back.recv();
  }
  t->there.close();
}

// The one reference to what the waiter waits for lies in the buffer of a channel to which there is one reference.
void channel_in_a_channel(std::uint32_t seed) {
  const auto inner = goro::make_chan<int>();
  auto outer = std::make_shared<goro::chan<chan>>(goro::make_chan<chan>(seed >> 8 & 1));
  goro::go([inner] {
    (void)inner.recv();
    done();
  });
  goro::go([outer, seed] {
    pause_of{seed}();
    const std::optional<chan> got = outer->recv();
    pause_of{seed + 1}();
    got->close();
  });
  outer->send(std::move(inner));
}

void select_of_three(std::uint32_t seed) {
  const auto all = std::make_shared<std::vector<chan>>();
  for (int i = 0; i != 3; ++i) all->push_back(goro::make_chan<int>());
  const chan mine = all->at(seed >> 10 & 1);
  goro::go([all] {
    int v = 0;
    (void)goro::select(goro::recv(all->at(0), v), goro::recv(all->at(1), v), goro::send(all->at(2), 3));
    done();
  });
  goro::go([mine, seed] {
    pause_of{seed}();
    mine.send(1);
  });
}

void relay(int left, const chan& ch, std::uint32_t seed) {
  if (left == 0) {
    ch.close();
    return;
  }
  goro::go([left, ch, seed] {
    pause_of{seed}();
    relay(left - 1, ch, seed + 7);
  });
}

void spawned_on(std::uint32_t seed) {
  const auto ch = goro::make_chan<int>();
  goro::go([ch] {
    (void)ch.recv();
    done();
  });
  relay(5, ch, seed);
}

void big_closure(std::uint32_t seed) {
  struct much {
    chan ch;
    char rest[300] = {};
  };
  const auto ch = goro::make_chan<int>();
  goro::go([ch] {
    (void)ch.recv();
    done();
  });
  std::function<void()> later = [m = much{ch}] { m.ch.send(1); };
  goro::go([later = std::move(later), seed] {
    pause_of{seed}();
    later();
  });
}

void in_containers(std::uint32_t seed) {
  std::map<std::string, std::deque<std::unique_ptr<chan>>> shelf;
  const std::string key(seed >> 27, 'k');
  shelf[key].push_back(std::make_unique<chan>(goro::make_chan<int>()));
  goro::go([ch = *shelf[key].front()] {
    (void)ch.recv();
    done();
  });
  pause_of pause{seed};
  for (int i = 0; i != 20; ++i) {
    shelf[key].push_front(std::make_unique<chan>());
    if (i % 5 == 0) pause();
  }
  auto other = std::move(shelf);
  pause();
  other.begin()->second.back()->close();
}

// ---- time

void after_func(std::uint32_t seed) {
  const auto ch = goro::make_chan<int>();
  goro::go([ch] {
    (void)ch.recv();
    done();
  });
  auto t = std::make_shared<std::optional<goro::timer>>();
  *t = goro::after_func(std::chrono::microseconds(seed >> 22), [ch] { ch.close(); });
  goro::go([t] { goro::sleep_for(50ms); });  // destroying it would stop it
}

void after(std::uint32_t seed) {
  goro::go([ch = goro::after(std::chrono::microseconds(seed >> 22))] {
    (void)ch.recv();
    done();
  });
}

void ticks(std::uint32_t seed) {
  goro::go([seed] {
    goro::ticker t(std::chrono::microseconds(100 + (seed >> 23)));
    const auto c = t.c();
    for (int i = 0; i != 3; ++i) (void)c.recv();
    done();
  });
}

// ---- locks and what else is waited for

void locked(std::uint32_t seed) {
  const auto m = std::make_shared<goro::mutex>();
  const auto left = std::make_shared<std::atomic<int>>(3);
  m->lock();
  for (int i = 0; i != 3; ++i)
    goro::go([m, left] {
      const std::lock_guard hold(*m);
      if (left->fetch_sub(1) == 1) done();
    });
  pause_of{seed}();
  m->unlock();
}

void read_and_written(std::uint32_t seed) {
  const auto m = std::make_shared<goro::rw_mutex>();
  const auto left = std::make_shared<std::atomic<int>>(3);
  m->lock_shared();
  for (int i = 0; i != 3; ++i)
    goro::go([m, left, i] {
      if (i == 0) {
        const std::lock_guard hold(*m);
      } else {
        m->lock_shared();
        m->unlock_shared();
      }
      if (left->fetch_sub(1) == 1) done();
    });
  pause_of{seed}();
  m->unlock_shared();
}

void condition(std::uint32_t seed) {
  struct board {
    goro::mutex lock;
    goro::cond<goro::mutex> changed{lock};
    bool yes = false;
  };
  const auto b = std::make_shared<board>();
  goro::go([b] {
    {
      const std::lock_guard hold(b->lock);
      b->changed.wait([&] { return b->yes; });
    }
    done();
  });
  pause_of{seed}();
  const std::lock_guard hold(b->lock);
  b->yes = true;
  b->changed.notify_all();
}

void counted(std::uint32_t seed) {
  const auto w = std::make_unique<goro::wait_group>();
  const auto s = std::make_shared<goro::semaphore>(3);
  s->acquire(3);
  for (int i = 0; i != 3; ++i)
    w->go([s, seed, i] {
      pause_of{seed + i}();
      s->release(1);
    });
  goro::go([s] {
    s->acquire(3);
    done();
  });
  w->wait();
}

void promised(std::uint32_t seed) {
  goro::promise<std::string> p;
  goro::go([f = p.get_future()]() mutable {
    (void)f.get();
    done();
  });
  goro::go([p = std::move(p), seed]() mutable {
    pause_of{seed}();
    p.set_value("there it is, and longer than a short string");
  });
}

// ---- who holds the reference is no goroutine

void a_plain_thread(std::uint32_t seed) {
  auto ch = std::make_unique<chan>(goro::make_chan<int>());
  goro::go([c = *ch] {
    (void)c.recv();
    done();
  });
  std::thread([c = std::move(ch), seed] {
    std::this_thread::sleep_for(std::chrono::microseconds(seed >> 22));
    c->send(1);
  }).detach();
}

void a_bound_thread(std::uint32_t seed) {
  const auto ch = goro::make_chan<int>();
  goro::go([ch] {
    (void)ch.recv();
    done();
  });
  goro::go([ch, seed] {
    goro::lock_os_thread();
    pause_of{seed}();
    ch.send(1);
  });
}

goro::local<std::unique_ptr<chan>> pocket;

void a_local(std::uint32_t seed) {
  auto ch = std::make_unique<chan>(goro::make_chan<int>());
  goro::go([c = *ch] {
    (void)c.recv();
    done();
  });
  goro::go([c = std::move(ch), seed]() mutable {
    *pocket = std::move(c);
    pause_of{seed}();
    (*pocket)->close();
  });
}

void mapped(std::uint32_t seed) {
  const auto m = std::make_shared<goro::concurrent_map<int, chan>>();
  const auto ch = goro::make_chan<int>();
  m->store(7, ch);
  goro::go([ch] {
    (void)ch.recv();
    done();
  });
  goro::go([m, seed] {
    pause_of{seed}();
    m->load(7)->close();
  });
}

constexpr void (*scenes[])(std::uint32_t) = {
    one_value, ping_pong, channel_in_a_channel, select_of_three, spawned_on,     big_closure,    in_containers,
    after_func, after,    ticks,                locked,          read_and_written, condition,    counted,
    promised,  a_plain_thread, a_bound_thread,  a_local,         mapped};

void play(std::uint32_t seed) {
  pause_of random{seed};
  while (!stop.load()) {
    if (begun.load() - ended.load() > 100) {
      goro::sleep_for(50us);
      continue;
    }
    begun.fetch_add(1);
    scenes[(random.next() >> 12) % std::size(scenes)](random.next());
  }
}

// In goroutines that end, so that nothing stays on a stack that goes on.
void leave_some_behind() {
  goro::wait_group started;
  started.go([] {
    const auto kept = std::make_shared<chan>(goro::make_chan<int>());
    goro::go({.name = "left behind"}, [kept] { (void)kept->recv(); });
  });
  started.go([] {
    const auto lock = std::make_shared<goro::mutex>();
    lock->lock();
    goro::go({.name = "left behind"}, [lock] { lock->lock(); });
  });
  started.wait();
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 50;
  const auto enough = std::chrono::steady_clock::now() + std::chrono::seconds(argc > 2 ? std::atoi(argv[2]) : 3600);
  const auto start = static_cast<std::uint32_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  goro::wait_group players;
  for (std::uint32_t i = 0; i != 3; ++i)
    players.go([seed = start + i * 7919] { play(seed); });
  int wrong = 0;
  int left = 0;
  int looked = 0;
  std::set<std::uint64_t> proven;
  for (; looked != rounds && (looked < 20 || std::chrono::steady_clock::now() < enough); ++looked) {
    if (looked % 4 == 0 && left < 200) leave_some_behind(), left += 2;
    const goro::leak::proof proof = goro::leak::prove({.stop_limit = 60s});  // on a busy machine
    if (!proof.unavailable.empty()) {
      std::printf("unavailable: %s\n", proof.unavailable.c_str());
      std::fflush(stdout);
      std::_Exit(1);
    }
    for (const auto& g : proof.leaked) {
      if (g.name == "left behind")
        proven.insert(g.id);
      else
        ++wrong, std::fprintf(stderr, "wrong: %s [%s] created at line %d, in round %d\n", g.name.c_str(),
                              g.state.c_str(), g.created_at.line, looked);
    }
    std::this_thread::sleep_for(std::chrono::microseconds(looked % 3 * 300));
  }
  stop = true;
  players.wait();
  for (int tries = 0; tries != 20'000 && ended.load() != begun.load(); ++tries) std::this_thread::sleep_for(1ms);
  // Who was proven is there, and in its wait.
  std::set<std::uint64_t> parked;
  for (const auto& g : goro::goroutines())
    if (g.state == "chan receive" || g.state == "mutex") parked.insert(g.id);
  for (const std::uint64_t id : proven) wrong += parked.count(id) == 0;
  std::printf("wrong %d proven %zu of %d scenes %d ended %d rounds %d\n", wrong, proven.size(), left, begun.load(),
              ended.load(), looked);
  std::fflush(stdout);
  std::_Exit(wrong == 0 && ended.load() == begun.load() ? 0 : 1);
}
