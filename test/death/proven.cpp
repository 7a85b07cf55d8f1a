// SPDX-License-Identifier: MIT
// Goroutines that can be woken and goroutines that cannot: proven CASE EXPECTED sets some up, asks leak::prove, and
// prints the names of those that it has proven stuck, in order, or why there is no proof.
//
// A process for each case, because a scan of memory takes what is left over of earlier things for references; and
// everything is made in goroutines that end, since the frames of their stacks are then nobody's.
#include <goro/goro.hpp>

#include "sched/introspect.hpp"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using goro::detail::parked_count;
using reason = goro::detail::wait_reason;

goro::chan<int> global_channel;
goro::mutex global_mutex;
std::uint64_t hidden = 0;  // an address, negated: no reference

void until_parked(reason why, std::size_t n = 1) {
  while (parked_count(why) != n) goro::sleep_for(1ms);
}

// Runs `body` in a goroutine of its own; what it leaves on that stack is nobody's.
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

// A count that nobody gives back, and the address as a number.
[[gnu::noinline]] void hide(goro::chan<int> ch) {
  alignas(goro::chan<int>) unsigned char bytes[8];
  new (bytes) goro::chan<int>(std::move(ch));
  std::memcpy(&hidden, bytes, 8);
  hidden = ~hidden;
}

void receiver(const char* name) {
  elsewhere([name] {
    auto ch = goro::make_chan<int>();
    hide(ch);
    goro::go({.name = name}, [ch] { (void)ch.recv(); });
  });
  until_parked(reason::chan_receive);
}

// ---- channels

void sender() {
  elsewhere([] {
    auto ch = goro::make_chan<int>();
    goro::go({.name = "sender"}, [ch] { ch.send(1); });
  });
  until_parked(reason::chan_send);
}

void full_buffer() {
  elsewhere([] {
    auto ch = goro::make_chan<int>(1);
    goro::go({.name = "second value"}, [ch] {
      ch.send(1);
      ch.send(2);
    });
  });
  until_parked(reason::chan_send);
}

void global_handle() {
  elsewhere([] {
    global_channel = goro::make_chan<int>();
    goro::go({.name = "receiver"}, [ch = global_channel] { (void)ch.recv(); });
  });
  until_parked(reason::chan_receive);
}

void nil_and_no_cases() {
  goro::go({.name = "no cases"}, [] { goro::select(); });
  goro::go({.name = "receive from nil"}, [] { (void)goro::chan<int>().recv(); });
  goro::go({.name = "send to nil"}, [] { goro::chan<int>().send(1); });
  until_parked(reason::select_no_cases);
  until_parked(reason::chan_receive_nil);
  until_parked(reason::chan_send_nil);
}

void nil_with_limits() {
  static auto made = goro::with_cancel(goro::background());
  goro::go({.name = "nil for a time"}, [] { (void)goro::chan<int>().recv_for(1h); });
  goro::go({.name = "nil until done"}, [c = made.first] { (void)goro::chan<int>().recv(c); });
  until_parked(reason::chan_receive_nil, 2);
}

void select_all_lost() {
  elsewhere([] {
    auto a = goro::make_chan<int>();
    auto b = goro::make_chan<int>();
    goro::go({.name = "selecter"}, [a, b] { goro::select(goro::recv(a), goro::recv(b)); });
  });
  until_parked(reason::select);
}

void select_one_global() {
  elsewhere([] {
    auto a = goro::make_chan<int>();
    global_channel = goro::make_chan<int>();
    goro::go({.name = "selecter"}, [a, b = global_channel] { goro::select(goro::recv(a), goro::recv(b)); });
    goro::go({.name = "its partner"}, [a] { (void)a.recv(); });  // the selecter, once awake, has `a`
  });
  until_parked(reason::select);
  until_parked(reason::chan_receive);
}

void limits() {
  static auto made = goro::with_cancel(goro::background());
  elsewhere([] {
    auto ch = goro::make_chan<int>();
    goro::go({.name = "for a time"}, [ch] { (void)ch.recv_for(1h); });
    goro::go({.name = "until done"}, [ch, c = made.first] { (void)ch.recv(c); });
    goro::go({.name = "select"}, [ch] { goro::select(goro::recv(ch), goro::timeout(1h, [] {})); });
  });
  until_parked(reason::chan_receive, 2);
  until_parked(reason::select);
}

void time_only() {
  elsewhere([] {
    auto ch = goro::make_chan<int>();
    goro::go({.name = "for a time"}, [ch] { (void)ch.recv_for(1h); });
  });
  elsewhere([] {
    auto ch = goro::make_chan<int>();
    goro::go({.name = "select"}, [ch] { goro::select(goro::recv(ch), goro::timeout(1h, [] {})); });
  });
  until_parked(reason::chan_receive);
  until_parked(reason::select);
}

void sleeper_has_it() {
  elsewhere([] {
    auto ch = goro::make_chan<int>();
    goro::go({.name = "receiver"}, [ch] { (void)ch.recv(); });
    goro::go({.name = "sleeper"}, [ch] {
      goro::sleep_for(1h);
      use(ch);
    });
  });
  until_parked(reason::chan_receive);
  until_parked(reason::sleep);
}

void runner_has_it() {
  static std::atomic<bool> runs{false};
  elsewhere([] {
    auto ch = goro::make_chan<int>();
    goro::go({.name = "receiver"}, [ch] { (void)ch.recv(); });
    goro::go({.name = "runner"}, [ch] {
      for (runs = true; runs;) use(ch);
    });
  });
  while (!runs) goro::sleep_for(1ms);
  until_parked(reason::chan_receive);
}

void timer_has_it() {
  elsewhere([] {
    auto ch = goro::make_chan<int>();
    goro::go({.name = "receiver"}, [ch] { (void)ch.recv(); });
    static auto later = goro::after_func(1h, [ch] { ch.close(); });
  });
  until_parked(reason::chan_receive);
}

void value_in_lost_channel() {
  elsewhere([] {
    auto inner = goro::make_chan<int>();
    auto outer = goro::make_chan<goro::chan<int>>(1);
    outer.send(inner);
    goro::go({.name = "inner"}, [inner] { (void)inner.recv(); });
    goro::go({.name = "outer"}, [outer] {
      outer.send(goro::chan<int>());
      use(outer);
    });
  });
  until_parked(reason::chan_receive);
  until_parked(reason::chan_send);
}

void daemon() {
  elsewhere([] {
    auto ch = goro::make_chan<int>();
    goro::go({.name = "daemon", .daemon = true}, [ch] { (void)ch.recv(); });
  });
  until_parked(reason::chan_receive);
}

void big_closure() {
  elsewhere([] {
    struct {
      goro::chan<int> ch;
      char much[104];
    } big{goro::make_chan<int>(), {}};
    goro::go({.name = "big"}, [big] { (void)big.ch.recv(); });
  });
  until_parked(reason::chan_receive);
}

template <int Links>
void chain() {
  elsewhere([] {
    auto next = goro::make_chan<int>();
    for (int i = 0; i != Links; ++i) {
      auto mine = goro::make_chan<int>();
      goro::go({.name = "link"}, [mine, next] {
        (void)mine.recv();
        use(next);
      });
      next = mine;
    }
    hide(next);
  });
  until_parked(reason::chan_receive, Links);
}

void chain_held() {
  chain<1000>();
  elsewhere([] {
    std::uint64_t word = ~hidden;
    std::memcpy(static_cast<void*>(&global_channel), &word, 8);
  });
}

// ---- where the only reference is

void in_global_interior() {
  receiver("receiver");
  static std::uint64_t word = 0;
  word = ~hidden + 20;
  use(word);
}

void in_heap() {
  receiver("receiver");
  static std::uint64_t* block = new std::uint64_t[4];
  block[2] = ~hidden;
  use(*block);
}

void in_tls() {
  receiver("receiver");
  static std::atomic<bool> set{false};
  std::thread([] {
    static thread_local std::uint64_t word;
    word = ~hidden;
    use(word);
    for (set = true;;) std::this_thread::sleep_for(1h);
  }).detach();
  while (!set) goro::sleep_for(1ms);
}

#if defined(__x86_64__)
void in_register() {
  receiver("receiver");
  static std::uint64_t spins = 0;
  std::thread([] {
    asm volatile("movq %0, %%r12; notq %%r12; 1: incq %1; pause; jmp 1b" : : "m"(hidden), "m"(spins) : "r12");
  }).detach();
  while (__atomic_load_n(&spins, __ATOMIC_RELAXED) == 0) goro::sleep_for(1ms);
}

void in_vector_register() {
  receiver("receiver");
  static std::uint64_t spins = 0;
  std::thread([] {
    asm volatile(
        "movq %0, %%r12; notq %%r12; movq %%r12, %%xmm9; xorl %%r12d, %%r12d; 1: incq %1; pause; jmp 1b"
        :
        : "m"(hidden), "m"(spins)
        : "r12", "xmm9");
  }).detach();
  while (__atomic_load_n(&spins, __ATOMIC_RELAXED) == 0) goro::sleep_for(1ms);
}
#endif

void in_epoll() {
  receiver("receiver");
  const int poll = epoll_create1(0);
  const int other = epoll_create1(0);
  elsewhere([=] {
    epoll_event e{};
    e.events = EPOLLIN;
    e.data.u64 = ~hidden;
    epoll_ctl(poll, EPOLL_CTL_ADD, other, &e);
  });
}

void nowhere() { receiver("receiver"); }

// ---- other waits

void mutex_own() {
  goro::go({.name = "twice"}, [] {
    goro::mutex m;
    m.lock();
    m.lock();
  });
  until_parked(reason::mutex);
}

void mutex_global() {
  goro::go({.name = "twice"}, [] {
    global_mutex.lock();
    global_mutex.lock();
  });
  until_parked(reason::mutex);
}

void by_reference_from_live() {
  static goro::wait_group* seen = nullptr;
  goro::go({.name = "waiter"}, [] {
    goro::wait_group group;
    group.add(1);
    goro::go({.name = "worker"}, [&group] {
      goro::sleep_for(1h);
      group.done();
    });
    group.wait();
  });
  until_parked(reason::wait_group);
  until_parked(reason::sleep);
}

void by_reference_from_stuck() {
  goro::go({.name = "waiter"}, [] {
    goro::wait_group group;
    group.add(1);
    goro::go({.name = "worker"}, [&group] {
      auto ch = goro::make_chan<int>();
      (void)ch.recv();
      group.done();
    });
    group.wait();
  });
  until_parked(reason::wait_group);
  until_parked(reason::chan_receive);
}

void many_kinds() {
  goro::go({.name = "cond"}, [] {
    goro::mutex m;
    goro::cond c(m);
    m.lock();
    c.wait();
  });
  goro::go({.name = "rw write"}, [] {
    goro::rw_mutex m;
    m.lock_shared();
    m.lock();
  });
  goro::go({.name = "rw read"}, [] {
    goro::rw_mutex m;
    m.lock();
    m.lock_shared();
  });
  goro::go({.name = "semaphore"}, [] {
    goro::semaphore s(1);
    s.acquire();
    s.acquire();
  });
  goro::go({.name = "future"}, [] {
    goro::promise<int> p;
    auto f = p.get_future();
    (void)f.get();
  });
  for (const reason why :
       {reason::cond, reason::rw_mutex_write, reason::rw_mutex_read, reason::semaphore, reason::future})
    until_parked(why);
}

void future_with_promise() {
  static goro::promise<int> p;
  elsewhere([] {
    goro::go({.name = "getter"},
             [f = std::make_shared<goro::future<int>>(p.get_future())] { (void)f->get(); });
  });
  until_parked(reason::future);
}

// ---- the rest

void kept_records() {
  receiver("receiver");
  static const auto all = goro::goroutines();
}

void ptrace_refused() {
  receiver("receiver");
  const sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{4, const_cast<sock_filter*>(filter)};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

// Ten times as many goroutines: ten times the waits, and some ten times the words; the square would be a hundred.
std::size_t parked_already = 0;

void work(int n) {
  elsewhere([n] {
    for (int i = 0; i != n; ++i) {
      auto ch = goro::make_chan<int>();
      goro::go({.name = "many"}, [ch] { (void)ch.recv(); });
    }
  });
  until_parked(reason::chan_receive, parked_already += n);
}

void work_is_linear() {
  work(10'000);
  const auto few = goro::leak::prove();
  work(100'000 - 10'000);
  const auto many = goro::leak::prove();
  const bool linear = many.waits == 100'000 && few.waits == 10'000 && many.words < 30 * few.words;
  std::printf("%s: %zu and %zu words, %zu and %zu waits; ", linear ? "linear" : "not linear", few.words,
              many.words, few.waits, many.waits);
}

std::string names_of(const std::vector<goro::goroutine_info>& all) {
  std::vector<std::string> names;
  for (const auto& g : all) names.push_back(g.name);
  std::sort(names.begin(), names.end());
  std::string text;
  for (std::size_t i = 0; i != names.size();) {
    const std::size_t n = std::count(names.begin(), names.end(), names[i]);
    text += (text.empty() ? "" : ", ") + names[i] + (n > 1 ? " x" + std::to_string(n) : "");
    i += n;
  }
  return text.empty() ? "nobody" : text;
}

// A proof may miss somebody, by a word that a thread on its way to sleep has left: so it is asked again, a few
// times, for those who are expected. It may never name anybody else, and so the first that does is the answer.
void report(const std::string& expected) {
  std::string text;
  for (int tries = 0; tries != 20 && text != expected; ++tries) {
    if (tries != 0) goro::sleep_for(5ms);
    const goro::leak::proof proof = goro::leak::prove();
    text = proof.unavailable.empty() ? names_of(proof.leaked) : "unavailable: " + proof.unavailable;
    if (expected == "nobody" && text != expected) break;
  }
  if (text == expected) {  // what was proven stays so
    const goro::leak::proof again = goro::leak::prove();
    for (const auto& g : again.leaked)
      if (expected.find(g.name) == std::string::npos) text += "; then " + names_of(again.leaked);
  }
  std::printf("%s\n", text.c_str());
}

struct {
  const char* name;
  void (*set_up)();
} const cases[] = {
    {"sender", sender},
    {"full_buffer", full_buffer},
    {"global_handle", global_handle},
    {"nil_and_no_cases", nil_and_no_cases},
    {"nil_with_limits", nil_with_limits},
    {"select_all_lost", select_all_lost},
    {"select_one_global", select_one_global},
    {"limits", limits},
    {"time_only", time_only},
    {"sleeper_has_it", sleeper_has_it},
    {"runner_has_it", runner_has_it},
    {"timer_has_it", timer_has_it},
    {"value_in_lost_channel", value_in_lost_channel},
    {"daemon", daemon},
    {"big_closure", big_closure},
    {"chain", chain<1000>},
    {"chain_held", chain_held},
    {"nowhere", nowhere},
    {"in_global_interior", in_global_interior},
    {"in_heap", in_heap},
    {"in_tls", in_tls},
#if defined(__x86_64__)
    {"in_register", in_register},
    {"in_vector_register", in_vector_register},
#endif
    {"in_epoll", in_epoll},
    {"mutex_own", mutex_own},
    {"mutex_global", mutex_global},
    {"by_reference_from_live", by_reference_from_live},
    {"by_reference_from_stuck", by_reference_from_stuck},
    {"many_kinds", many_kinds},
    {"future_with_promise", future_with_promise},
    {"kept_records", kept_records},
    {"ptrace_refused", ptrace_refused},
    {"work_is_linear", work_is_linear},
};

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "main_waits") == 0)
    goro::run([] {
      elsewhere([] {
        global_channel = {};
        goro::go({.name = "asker"}, [] {
          until_parked(reason::chan_receive);
          report("nobody");
          std::fflush(stdout);
          std::_Exit(0);
        });
      });
      (void)goro::make_chan<int>().recv();
    });
  for (const auto& each : cases)
    if (argc > 1 && std::strcmp(argv[1], each.name) == 0) {
      each.set_up();
      report(argc > 2 ? argv[2] : "receiver");
      std::fflush(stdout);
      std::_Exit(0);
    }
  return 3;
}
