// SPDX-License-Identifier: MIT
// Wait groups that are destroyed too early, or used when they are gone, and such as are not: gone_groups CASE. With
// GORO_DEBUG=deadlock it ends with 0, and has said by then what it has to say; without it a debug build's use of a group
// that is gone is its end. Memory of groups that are used when gone is kept, so that nothing breaks.
#include <goro/goro.hpp>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>
#include <thread>

namespace {

using goro::wait_group;

// In a goroutine of its own, that has ended when this returns.
template <class F>
void in_turn(const char* name, F f) {
  wait_group done;
  done.add(1);
  goro::go({.name = name}, [&] {
    f();
    done.done();
  });
  done.wait();
}

// On the heap, and for ever. Not static: those are never gone.
void* memory() {
  static void* const kept = std::malloc(256);
  return kept;
}

// Starts one that has begun when this returns, and never ends.
[[gnu::noinline]] void start_one(wait_group& group) {
  goro::chan<int> begun = goro::make_chan<int>();
  group.go([begun] {
    begun.send(1);
    (void)goro::make_chan<int>().recv();
  });
  (void)begun.recv();
}

// ---- what is to be reported

void leaves_the_frame() {
  in_turn("early", [] {
    wait_group group;
    start_one(group);
    start_one(group);
  });
}
void is_deleted() {
  in_turn("early", [] {
    auto* const group = new (memory()) wait_group;
    start_one(*group);
    group->~wait_group();
  });
}
void throws_past_it() {
  in_turn("early", [] {
    try {
      wait_group group;
      start_one(group);
      throw std::runtime_error("before the wait");
    } catch (const std::runtime_error&) {
    }
  });
}
// The closure is destroyed before its goroutine counts down.
void held_by_its_own() {
  in_turn("shares", [] {
    std::shared_ptr<wait_group> group(new (memory()) wait_group, [](wait_group* g) { g->~wait_group(); });
    goro::chan<int> go_on = goro::make_chan<int>();
    group->go([group, go_on] { (void)go_on.recv(); });
    group.reset();
    go_on.send(1);
  });
  goro::sleep_for(std::chrono::milliseconds(20));
}
// The same, and waits until it has been said.
void its_own_for_ever() {
  in_turn("shares", [] {
    std::shared_ptr<wait_group> group(new (memory()) wait_group, [](wait_group* g) { g->~wait_group(); });
    group->go([group] {});
  });
  (void)goro::make_chan<int>().recv();
}
// With one P. Else whether it has begun by then depends.
void has_not_begun() {
  goro::chan<int> ended = goro::make_chan<int>(1);
  in_turn("early", [ended] {
    auto* const group = new (memory()) wait_group;
    group->go([ended] { ended.send(1); });
    group->~wait_group();
  });
  (void)ended.recv();
}
template <class F>
void late(F use) {
  auto* const group = new (memory()) wait_group;
  group->add(2);
  in_turn("early", [group] { group->~wait_group(); });
  in_turn("late", [&] {
    use(*group);
    use(*group);  // is said once
  });
}
void done_late() {
  late([](wait_group& g) { g.done(); });
}
void add_late() {
  late([](wait_group& g) { g.add(); });
}
void wait_late() {
  late([](wait_group& g) { (void)g.wait_for(std::chrono::milliseconds(1)); });
}
void go_late() {
  late([](wait_group& g) { g.go([] {}); });
}

void wait_by_a_thread_late() {
  auto* const group = new (memory()) wait_group;
  group->~wait_group();
  std::thread([group] { group->wait(); }).join();
}
// By one whose calls were compiled with NDEBUG: it has no check of its own.
void unchecked_done_late() {
  late([](wait_group& g) { reinterpret_cast<goro::detail::countdown&>(g).add(-1); });
}
void unchecked_wait_late() {
  late([](wait_group& g) { (void)reinterpret_cast<goro::detail::countdown&>(g).wait(0, 0, nullptr); });
}

// ---- what is not

void waited_for() {
  for (int i = 0; i != 50; ++i)
    in_turn("tidy", [] {
      wait_group group;
      for (int k = 0; k != 20; ++k) group.go([] { goro::yield(); });
      group.wait();
    });
}
// Nobody else knows of it.
void abandoned() {
  in_turn("abandons", [] {
    wait_group group;
    group.add(3);
  });
}
// A global's destructor runs while others go on: first what was registered last.
wait_group global;
void after_main() {
  global.add(1);
  global.done();
}
void a_global() {
  static wait_group local;
  global.go([] { goro::yield(); });
  local.go([] { goro::yield(); });
  global.wait();
  local.wait();
}
// Destroyed when exit() has begun, and goroutines run on.
wait_group& made_late() {
  static wait_group group;
  return group;
}
void a_static_at_exit() {
  (void)goro::go([] {});
  std::atexit([] {
    made_late().add(1);
    made_late().done();
    made_late().wait();
  });
  made_late().add(1);
  made_late().done();
}
void a_threads_own() {
  for (int i = 0; i != 20; ++i)
    std::thread([] {
      static thread_local wait_group own;
      own.go([] {});
      own.wait();
    }).join();
}
// The next ones at that place: made, made without a destructor before, and of another kind.
void others_there() {
  for (int i = 0; i != 20; ++i) {
    auto* const group = new (memory()) wait_group;
    group->go([] {});
    group->wait();
    if (i % 2 == 0) group->~wait_group();
  }
  auto* const scope = new (memory()) goro::scope;
  scope->go([] {});
  scope->wait();
  scope->~scope();
  auto* const group = new (memory()) wait_group;
  group->~wait_group();
  auto* const other = new (memory()) goro::scope;
  other->go([] {});
  other->~scope();
  {
    goro::errgroup tasks;
    tasks.go([] {});
    tasks.wait();
    goro::worker_pool pool(1, 1);
    pool.submit([] {});
  }
}

constexpr struct {
  const char* name;
  void (*run)();
} cases[] = {
    {"leaves_the_frame", leaves_the_frame},
    {"is_deleted", is_deleted},
    {"throws_past_it", throws_past_it},
    {"held_by_its_own", held_by_its_own},
    {"its_own_for_ever", its_own_for_ever},
    {"has_not_begun", has_not_begun},
    {"done_late", done_late},
    {"add_late", add_late},
    {"wait_late", wait_late},
    {"go_late", go_late},
    {"wait_by_a_thread_late", wait_by_a_thread_late},
    {"unchecked_done_late", unchecked_done_late},
    {"unchecked_wait_late", unchecked_wait_late},
    {"waited_for", waited_for},
    {"abandoned", abandoned},
    {"a_global", a_global},
    {"a_static_at_exit", a_static_at_exit},
    {"a_threads_own", a_threads_own},
    {"others_there", others_there},
};

// Registered before `global` is destroyed, so called after that.
[[gnu::constructor(65535)]] void before_all_others() { std::atexit(after_main); }

}  // namespace

int main(int argc, char** argv) {
  for (const auto& c : cases)
    if (argc == 2 && std::strcmp(argv[1], c.name) == 0) return goro::run(c.run);
  return 1;
}
