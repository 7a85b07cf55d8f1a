// SPDX-License-Identifier: MIT
// Locks that are taken in opposite orders, one goroutine after the other, so that nothing ever waits: lock_orders CASE.
// And locks that are none any more. Ends with 0 at once: GORO_DEBUG=deadlock has said by then what it has to say.
#include <goro/goro.hpp>

#include "debug/lock_watch.hpp"

#include <chrono>
#include <cstring>
#include <mutex>
#include <new>

namespace {

goro::mutex a;
goro::mutex b;
goro::mutex c;
goro::mutex gate;
goro::rw_mutex shared;
goro::rw_mutex other_shared;

template <class First, class Second>
[[gnu::noinline]] void take_both(First& first, Second& second) {
  first.lock();
  second.lock();
  second.unlock();
  first.unlock();
  asm volatile("");
}

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

void opposite() {
  in_turn("upwards", [] { take_both(a, b); });
  in_turn("downwards", [] { take_both(b, a); });
}
void one_goroutine() {
  in_turn("both", [] {
    take_both(a, b);
    take_both(b, a);
  });
}
void one_order() {
  for (int i = 0; i != 10; ++i) {
    in_turn("upwards", [] { take_both(a, b); });
    in_turn("upwards", [] { take_both(b, c); });
    in_turn("upwards", [] { take_both(a, c); });
  }
}
void gated() {
  in_turn("upwards", [] {
    const std::lock_guard hold(gate);
    take_both(a, b);
  });
  in_turn("downwards", [] {
    const std::lock_guard hold(gate);
    take_both(b, a);
  });
}
void tried() {
  in_turn("upwards", [] { take_both(a, b); });
  in_turn("downwards", [] {
    const std::lock_guard hold(b);
    if (a.try_lock()) a.unlock();
    if (a.try_lock_for(std::chrono::seconds(1))) a.unlock();
    const auto [ctx, cancel] = goro::with_cancel(goro::background());
    if (!a.lock(ctx)) a.unlock();
    cancel();
  });
  in_turn("both",
          [] { const std::scoped_lock both(b, a); });  // tries, and never waits with one in hand for ever
}
// What is taken while a lock is held that was only tried counts.
void under_a_tried_one() {
  in_turn("upwards", [] { take_both(a, b); });
  in_turn("downwards", [] {
    if (!b.try_lock()) return;
    a.lock();
    a.unlock();
    b.unlock();
  });
}
void three() {
  in_turn("a then b", [] { take_both(a, b); });
  in_turn("b then c", [] { take_both(b, c); });
  in_turn("c then a", [] { take_both(c, a); });
}
void read_again() {
  in_turn("reader", [] {
    shared.lock_shared();
    shared.lock_shared();
    shared.unlock_shared();
    shared.unlock_shared();
  });
  in_turn("writer", [] {
    shared.lock();
    shared.unlock();
  });
}
void read_again_alone() {
  in_turn("reader", [] {
    shared.lock_shared();
    shared.lock_shared();
    shared.unlock_shared();
    shared.unlock_shared();
    shared.lock();
    shared.unlock();
  });
}
void readers() {
  in_turn("upwards", [] {
    auto one = shared.shared(), two = other_shared.shared();
    take_both(one, two);
  });
  in_turn("downwards", [] {
    auto one = shared.shared(), two = other_shared.shared();
    take_both(two, one);
  });
}
void readers_and_writers() {
  readers();
  in_turn("writer", [] {
    shared.lock();
    shared.unlock();
  });
  in_turn("other writer", [] {
    other_shared.lock();
    other_shared.unlock();
  });
}
// Handed over from one goroutine to the next: whose turn it is, and no order.
void handed_around() {
  in_turn("locks", [] { a.lock(); });
  in_turn("unlocks", [] { a.unlock(); });
  in_turn("upwards", [] { take_both(a, b); });
  in_turn("downwards", [] { take_both(b, a); });
}
// Two locks at the addresses of two others.
void other_locks_there() {
  alignas(goro::mutex) unsigned char memory[2][sizeof(goro::mutex)];
  for (int i = 0; i != 2; ++i) {
    auto& one = *new (memory[0]) goro::mutex;
    auto& two = *new (memory[1]) goro::mutex;
    in_turn("either", [&] { i == 0 ? take_both(one, two) : take_both(two, one); });
  }
}
// The children of two parents, each parent before its child: one order, whatever the addresses.
void many_like_these() {
  static goro::mutex all[20];
  for (int i = 0; i + 1 < 20; ++i)
    in_turn("pair", [i] { take_both(all[(i * 7) % 20], all[(i * 7 + 1) % 20]); });
  for (int i = 0; i != 10; ++i) in_turn("pair", [i] { take_both(all[i], all[i + 10]); });
}
void overwritten() {
  alignas(goro::mutex) unsigned char memory[sizeof(goro::mutex)];
  auto* const m = new (memory) goro::mutex;
  m->lock();
  m->unlock();
  m->~mutex();
  std::memset(memory + 4, 0x5a, sizeof memory - 4);  // with the rest, the lock itself sees that it is none
  in_turn("late", [m] { (void)m->try_lock(); });
}
void copied() {
  alignas(goro::rw_mutex) unsigned char memory[sizeof(goro::rw_mutex)];
  auto* const m = new (memory) goro::rw_mutex;
  m->lock();
  m->unlock();
  alignas(goro::rw_mutex) unsigned char moved[sizeof(goro::rw_mutex)];
  std::memcpy(moved, memory, sizeof memory);
  in_turn("late", [&] { reinterpret_cast<goro::rw_mutex*>(moved)->lock(); });
}
// Destroyed while it is held; its holder then unlocks what lies there now, and belongs to another.
void replaced() {
  alignas(goro::mutex) unsigned char memory[sizeof(goro::mutex)];
  auto* m = new (memory) goro::mutex;
  const auto taken = goro::make_chan<int>(), go_on = goro::make_chan<int>();
  goro::wait_group done;
  done.add();
  goro::go({.name = "late"}, [&] {
    m->lock();
    taken.send(1);
    (void)go_on.recv();
    m->unlock();
    done.done();
  });
  (void)taken.recv();
  m->~mutex();
  m = new (memory) goro::mutex;
  m->lock();
  go_on.send(1);
  done.wait();
}

// A report whose names nobody tells in time.
void unnamed() {
  goro::detail::time_for_names = std::chrono::milliseconds(300);
  replaced();
}

constexpr struct {
  const char* name;
  void (*run)();
} cases[] = {{"opposite", opposite},
             {"one_goroutine", one_goroutine},
             {"one_order", one_order},
             {"gated", gated},
             {"tried", tried},
             {"under_a_tried_one", under_a_tried_one},
             {"three", three},
             {"read_again", read_again},
             {"read_again_alone", read_again_alone},
             {"readers", readers},
             {"readers_and_writers", readers_and_writers},
             {"handed_around", handed_around},
             {"other_locks_there", other_locks_there},
             {"many_like_these", many_like_these},
             {"overwritten", overwritten},
             {"copied", copied},
             {"replaced", replaced},
             {"unnamed", unnamed}};

}  // namespace

int main(int, char** argv) {
  for (const auto& each : cases)
    if (std::strcmp(each.name, argv[1]) == 0) return goro::run([&each] { each.run(); });
  return 1;
}
