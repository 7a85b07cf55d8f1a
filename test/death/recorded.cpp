// SPDX-License-Identifier: MIT
// Goroutines whose channels lie in blocks of the heap: recorded CASE EXPECTED sets some up, asks leak::prove, and
// prints the names of those that it has proven stuck, as proven.cpp does. Linked with goro::leak, which records
// blocks if GORO_DEBUG=leak says so. A process for each case, and all in goroutines that end: see proven.cpp.
#include <goro/goro.hpp>

#include "sched/introspect.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace {

using namespace std::chrono_literals;
using goro::detail::parked_count;
using reason = goro::detail::wait_reason;

// What goroutines have between them: a block of 40 bytes, and the channel's own.
struct worker {
  goro::chan<int> inbox = goro::make_chan<int>();
  std::shared_ptr<worker> other{};
  std::uint64_t words[2] = {};
};
using worker_ref = std::shared_ptr<worker>;

std::uint64_t hidden = 0;  // an address, complemented: no reference

void until_parked(reason why, std::size_t n = 1) {
  while (parked_count(why) != n) goro::sleep_for(1ms);
}

// In a goroutine of its own; what it leaves on that stack is nobody's.
template <class F>
void elsewhere(F body) {
  goro::wait_group done;
  done.go([&body] { body(); });
  done.wait();
}

template <class T>
[[gnu::noinline]] void use(const T& kept) {
  asm volatile("" : : "r"(&kept) : "memory");
}

[[gnu::noinline]] void hide(const void* address) { hidden = ~reinterpret_cast<std::uint64_t>(address); }

void receive(const worker_ref& w) {
  goro::go({.name = "receiver"}, [w] { (void)w->inbox.recv(); });
}

void receiver() {
  elsewhere([] {
    const auto w = std::make_shared<worker>();
    hide(w.get());
    receive(w);
  });
  until_parked(reason::chan_receive);
}

// Puts into a word what has been hidden, some bytes further on.
void reveal(std::uint64_t& word, std::uint64_t beyond = 0) {
  elsewhere([&word, beyond] { word = ~hidden + beyond; });
  use(word);
}

// ---- where the reference is

void nowhere() { receiver(); }

void in_global() {
  static worker_ref kept;
  elsewhere([] {
    kept = std::make_shared<worker>();
    receive(kept);
  });
  until_parked(reason::chan_receive);
}

void in_live_stack() {
  elsewhere([] {
    const auto w = std::make_shared<worker>();
    receive(w);
    goro::go({.name = "sleeper"}, [raw = std::unique_ptr<worker_ref>(new worker_ref(w))] {
      goro::sleep_for(1h);
      use(raw);
    });
  });
  until_parked(reason::chan_receive);
  until_parked(reason::sleep);
}

struct node {
  std::unique_ptr<node> next;
  worker_ref last;
};

std::unique_ptr<node> list_to(worker_ref w, int length) {
  std::unique_ptr<node> first(new node{nullptr, std::move(w)});
  for (int i = 0; i != length; ++i) first.reset(new node{std::move(first), nullptr});
  return first;
}

void at_end_of_list() {
  static std::unique_ptr<node> kept;
  elsewhere([] {
    const auto w = std::make_shared<worker>();
    receive(w);
    kept = list_to(w, 1000);
  });
  until_parked(reason::chan_receive);
}

void list_of_stuck() {
  elsewhere([] {
    const auto w = std::make_shared<worker>();
    goro::go({.name = "receiver"}, [w, kept = list_to(w, 1000)] {
      (void)w->inbox.recv();
      use(kept);
    });
  });
  until_parked(reason::chan_receive);
}

void in_malloc() {
  receiver();
  auto* const block = static_cast<std::uint64_t*>(std::malloc(64));
  reveal(block[5]);
}

void in_containers() {
  static std::map<std::string, std::unordered_map<int, std::vector<std::function<void()>>>> kept;
  elsewhere([] {
    const auto w = std::make_shared<worker>();
    receive(w);
    kept["a name that is longer than a string has room for"][7].push_back([w] { w->inbox.close(); });
  });
  until_parked(reason::chan_receive);
}

void in_value_of_channel() {
  static goro::chan<worker_ref> kept;
  elsewhere([] {
    const auto w = std::make_shared<worker>();
    receive(w);
    kept = goro::make_chan<worker_ref>(goro::unbounded);
    kept.send(w);
  });
  until_parked(reason::chan_receive);
}

void in_goroutine_local() {
  elsewhere([] {
    static goro::local<worker_ref> mine;
    const auto w = std::make_shared<worker>();
    receive(w);
    goro::go({.name = "sleeper"}, [w]() mutable {
      *mine = std::move(w);
      goro::sleep_for(1h);
    });
  });
  until_parked(reason::chan_receive);
  until_parked(reason::sleep);
}

void in_timer() {
  elsewhere([] {
    const auto w = std::make_shared<worker>();
    receive(w);
    goro::after_func(1h, [w, much = std::vector<worker_ref>(3, w)] { w->inbox.close(); });
  });
  until_parked(reason::chan_receive);
}

void in_big_closure() {
  elsewhere([] {
    const auto w = std::make_shared<worker>();
    receive(w);
    struct {
      worker_ref w;
      char much[200];
    } big{w, {}};
    goro::go({.name = "sleeper"}, [big] {
      goro::sleep_for(1h);
      use(big);
    });
  });
  until_parked(reason::chan_receive);
  until_parked(reason::sleep);
}

void circle() {
  elsewhere([] {
    const auto w = std::make_shared<worker>();
    w->other = std::make_shared<worker>();
    w->other->other = w;
    receive(w);
  });
  until_parked(reason::chan_receive);
}

void freed() {
  receiver();
  static std::uint64_t* block = nullptr;
  elsewhere([] { block = new std::uint64_t[100]; });
  reveal(block[50]);
  elsewhere([] { delete[] block; });
}

void freed_large() {
  receiver();
  static std::uint64_t* block = nullptr;
  elsewhere([] {
    block = new std::uint64_t[1 << 17];
    delete[] block;  // from now on, so large ones are not given back to the kernel when they are freed
    block = new std::uint64_t[1 << 17];
    use(*new char[100]);
  });
  reveal(block[50'000]);
  elsewhere([] { delete[] block; });
}

void interior() {
  receiver();
  static std::uint64_t word = 0;
  reveal(word, 21);
}

// The worker lies in a block that make_shared has got: its end is the worker's.
void one_past_end() {
  receiver();
  static std::uint64_t word = 0;
  reveal(word, sizeof(worker));
}

void beyond_end() {
  receiver();
  static std::uint64_t word = 0;
  reveal(word, sizeof(worker) + 1);
}

#if defined(__x86_64__)
void in_register() {
  receiver();
  static std::uint64_t spins = 0;
  std::thread([] {
    asm volatile("movq %0, %%r12; notq %%r12; 1: incq %1; pause; jmp 1b" : : "m"(hidden), "m"(spins) : "r12");
  }).detach();
  while (__atomic_load_n(&spins, __ATOMIC_RELAXED) == 0) goro::sleep_for(1ms);
}
#endif

// As netpoll does it: a number above the address.
void in_epoll_tagged() {
  receiver();
  const int poll = epoll_create1(0);
  const int other = epoll_create1(0);
  elsewhere([=] {
    epoll_event e{};
    e.events = EPOLLIN;
    e.data.u64 = ~hidden | std::uint64_t{5} << 48;
    epoll_ctl(poll, EPOLL_CTL_ADD, other, &e);
  });
}

// ---- forms of new

template <class Holder>
void hold_in(Holder* h) {
  h->w = std::make_shared<worker>();
  goro::go({.name = "receiver"}, [h] {
    (void)h->w->inbox.recv();
    use(*h);
  });
}

struct alignas(256) aligned_holder {
  char much[300];
  worker_ref w;
};

void aligned() {
  elsewhere([] { hold_in(new aligned_holder); });
  until_parked(reason::chan_receive);
}

void aligned_kept() {
  static char* kept = nullptr;
  elsewhere([] {
    auto* const h = new (std::nothrow) aligned_holder;
    hold_in(h);
    kept = h->much + 7;
  });
  use(kept);
  until_parked(reason::chan_receive);
}

struct array_holder {
  worker_ref w;
  ~array_holder() {}
};

void array() {
  elsewhere([] { hold_in(new array_holder[10] + 3); });
  until_parked(reason::chan_receive);
}

void array_kept() {
  static array_holder* kept = nullptr;
  elsewhere([] {
    auto* const all = new (std::nothrow) array_holder[10];
    hold_in(all + 3);
    kept = all + 10;
  });
  use(kept);
  until_parked(reason::chan_receive);
}

struct large_holder {
  char much[3 << 20];  // most pages of which are never touched
  worker_ref w;
};

void large() {
  elsewhere([] { hold_in(new large_holder); });
  until_parked(reason::chan_receive);
}

void large_kept() {
  static large_holder* kept = nullptr;
  elsewhere([] { hold_in(kept = new large_holder); });
  use(kept);
  until_parked(reason::chan_receive);
}

// 4 GiB and more are not recorded: it stays open memory.
void too_large() {
  receiver();
  static std::uint64_t* block = nullptr;
  elsewhere([] { block = new (std::nothrow) std::uint64_t[(std::size_t{4} << 30) / 8 + 2]; });
  if (block == nullptr) block = static_cast<std::uint64_t*>(std::malloc(1 << 20));
  reveal(block[100'000]);
  block = nullptr;
}

// ---- other waits

struct locks {
  goro::mutex a;
  goro::mutex b;
};

void lock_both(const std::shared_ptr<locks>& l, bool a_first) {
  goro::go({.name = a_first ? "a then b" : "b then a"}, [l, a_first] {
    (a_first ? l->a : l->b).lock();
    while (!(l->a.try_lock() ? (l->a.unlock(), false) : true) ||
           !(l->b.try_lock() ? (l->b.unlock(), false) : true))
      goro::yield();
    (a_first ? l->b : l->a).lock();
  });
}

void mutexes() {
  elsewhere([] {
    const auto l = std::make_shared<locks>();
    lock_both(l, true);
    lock_both(l, false);
  });
  until_parked(reason::mutex, 2);
}

void mutexes_kept() {
  static goro::mutex* kept = nullptr;
  elsewhere([] {
    const auto l = std::make_shared<locks>();
    kept = &l->b;
    lock_both(l, true);
    lock_both(l, false);
  });
  use(kept);
  until_parked(reason::mutex, 2);
}

void group() {
  elsewhere([] {
    const auto g = std::make_shared<goro::wait_group>();
    g->add(1);
    goro::go({.name = "waiter"}, [g] { g->wait(); });
  });
  until_parked(reason::wait_group);
}

void context_dropped() {
  elsewhere([] {
    auto made = goro::with_cancel(goro::background());
    goro::go({.name = "watcher"}, [done = made.first.done()] { (void)done.recv(); });
  });
  until_parked(reason::chan_receive);
}

// ---- many

void million() {
  static std::unique_ptr<node> kept;
  static std::vector<std::unique_ptr<std::uint64_t>> more;
  elsewhere([] {
    const auto w = std::make_shared<worker>();
    goro::go({.name = "at the end"}, [w] { (void)w->inbox.recv(); });
    kept = list_to(w, 500'000);
    for (int i = 0; i != 500'000; ++i) more.emplace_back(new std::uint64_t(i));
    receive(std::make_shared<worker>());
  });
  until_parked(reason::chan_receive, 2);
  const goro::leak::proof proof = goro::leak::prove();
  std::fprintf(stderr, "%zu blocks, %lld ms\n", proof.blocks,
               static_cast<long long>(proof.stopped.count() / 1'000'000));
  if (proof.blocks < 1'000'000) std::printf("too few blocks; ");
}

// ---- early and late

struct early {
  worker_ref w = std::make_shared<worker>();
};
const std::unique_ptr<early> before_main(new early);

void made_before_main() {
  elsewhere([] { receive(before_main->w); });
  until_parked(reason::chan_receive);
}

std::string names_of(const std::vector<goro::goroutine_info>& all) {
  std::vector<std::string> names;
  for (const auto& g : all) names.push_back(g.name);
  std::sort(names.begin(), names.end());
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "nobody" : text;
}

// As in proven.cpp: asked again for those who are expected, and the first wrong answer is the answer.
void report(const std::string& expected) {
  std::string text;
  for (int tries = 0; tries != 20 && text != expected; ++tries) {
    if (tries != 0) goro::sleep_for(5ms);
    const goro::leak::proof proof = goro::leak::prove();
    text = proof.unavailable.empty() ? names_of(proof.leaked) : "unavailable: " + proof.unavailable;
    for (const auto& g : proof.leaked)
      if (expected.find(g.name) == std::string::npos) tries = 19;
  }
  std::printf("%s\n", text.c_str());
}

struct {
  const char* name;
  void (*set_up)();
} const cases[] = {
    {"nowhere", nowhere},
    {"in_global", in_global},
    {"in_live_stack", in_live_stack},
    {"at_end_of_list", at_end_of_list},
    {"list_of_stuck", list_of_stuck},
    {"in_malloc", in_malloc},
    {"in_containers", in_containers},
    {"in_value_of_channel", in_value_of_channel},
    {"in_goroutine_local", in_goroutine_local},
    {"in_timer", in_timer},
    {"in_big_closure", in_big_closure},
    {"circle", circle},
    {"freed", freed},
    {"freed_large", freed_large},
    {"interior", interior},
    {"one_past_end", one_past_end},
    {"beyond_end", beyond_end},
#if defined(__x86_64__)
    {"in_register", in_register},
#endif
    {"in_epoll_tagged", in_epoll_tagged},
    {"aligned", aligned},
    {"aligned_kept", aligned_kept},
    {"array", array},
    {"array_kept", array_kept},
    {"large", large},
    {"large_kept", large_kept},
    {"too_large", too_large},
    {"mutexes", mutexes},
    {"mutexes_kept", mutexes_kept},
    {"group", group},
    {"context_dropped", context_dropped},
    {"million", million},
    {"made_before_main", made_before_main},
};

}  // namespace

int main(int argc, char** argv) {
  for (const auto& each : cases)
    if (argc > 2 && std::strcmp(argv[1], each.name) == 0) {
      each.set_up();
      report(argv[2]);
      std::fflush(stdout);
      std::_Exit(0);
    }
  return 3;
}
