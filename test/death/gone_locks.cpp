// SPDX-License-Identifier: MIT
// Locks that are used when they are gone, without any setting, and such as are not: gone_locks CASE. Clean cases end
// with 0; the others are ended by a debug build.
#include <goro/goro.hpp>

#include <cstdlib>
#include <cstring>
#include <new>
#include <thread>

namespace {

// In a goroutine of its own, that has ended when this returns.
template <class F>
void in_turn(const char* name, F f) {
  goro::chan<int> done = goro::make_chan<int>();
  goro::go({.name = name}, [&] {
    f();
    done.send(1);
  });
  (void)done.recv();
}

// A lock in a block of a size that nobody else frees, so that free() finds no other of its kind and writes the block's
// own address, shifted by 12, over the word. Not from main's heap: in a thread's, bit 43 of addresses is set, which comes
// to lie on one that no lock has.
template <class Lock>
struct block {
  Lock lock;
  char rest[900];
};

template <class Lock, class F>
void gone(F use) {
  std::thread([use] {
    auto* const b = new block<Lock>;
    b->lock.lock();
    b->lock.unlock();
    Lock* volatile const lock = &b->lock;
    delete b;
    in_turn("late", [&] { use(*lock); });
  }).join();
}
// As if it lay in a frame that others have used since.
template <class Lock, class F>
void overwritten(F use) {
  alignas(Lock) unsigned char memory[sizeof(Lock)];
  Lock* const lock = new (memory) Lock;
  lock->lock();
  lock->unlock();
  lock->~Lock();
  std::memset(memory, 0xdd, sizeof memory);
  in_turn("late", [&] { use(*std::launder(lock)); });
}

using goro::mutex;
using goro::rw_mutex;

// A mutex finds that in all builds.
void lock_deleted() {
  gone<mutex>([](mutex& m) { m.lock(); });
}
void try_lock_deleted() {
  gone<mutex>([](mutex& m) { (void)m.try_lock(); });
}
void unlock_deleted() {
  gone<mutex>([](mutex& m) { m.unlock(); });
}
void lock_ctx_overwritten() {
  overwritten<mutex>([](mutex& m) { (void)m.lock(goro::background()); });
}

void rw_lock_deleted() {
  gone<rw_mutex>([](rw_mutex& m) { m.lock(); });
}
void rw_unlock_deleted() {
  gone<rw_mutex>([](rw_mutex& m) { m.unlock(); });
}
void rw_lock_shared_overwritten() {
  overwritten<rw_mutex>([](rw_mutex& m) { m.lock_shared(); });
}
void rw_unlock_shared_overwritten() {
  overwritten<rw_mutex>([](rw_mutex& m) { m.unlock_shared(); });
}
// Compiled in the library, in all builds.
void rw_lock_ctx_overwritten() {
  overwritten<rw_mutex>([](rw_mutex& m) { (void)m.lock(goro::background()); });
}
void by_a_thread() {
  alignas(rw_mutex) unsigned char memory[sizeof(rw_mutex)];
  std::memset(memory, 0xdd, sizeof memory);
  std::thread([&] { std::launder(reinterpret_cast<rw_mutex*>(memory))->lock(); }).join();
}
// Only one of them reports.
void by_many() {
  alignas(rw_mutex) unsigned char memory[sizeof(rw_mutex)];
  std::memset(memory, 0xdd, sizeof memory);
  std::thread all[4];
  for (std::thread& t : all) t = std::thread([&] { std::launder(reinterpret_cast<rw_mutex*>(memory))->lock(); });
  for (std::thread& t : all) t.join();
}

// A lock in the same memory again and again, with all that happens in it.
void made_anew() {
  alignas(rw_mutex) unsigned char memory[sizeof(rw_mutex)];
  for (int i = 0; i != 50; ++i) {
    std::memset(memory, 0xdd, sizeof memory);
    auto* const m = new (memory) rw_mutex;
    int written = 0;
    {
      goro::scope all;
      for (int k = 0; k != 8; ++k)
        all.go([&, k] {
          for (int n = 0; n != 20; ++n)
            if (n % 8 == k) {
              m->lock();
              ++written;
              goro::yield();
              m->unlock();
            } else {
              m->lock_shared();
              if (n % 3 == 0) goro::yield();
              m->unlock_shared();
            }
        });
      all.wait();
    }
    m->~rw_mutex();
  }
}

constexpr struct {
  const char* name;
  void (*run)();
} cases[] = {
    {"lock_deleted", lock_deleted},
    {"try_lock_deleted", try_lock_deleted},
    {"unlock_deleted", unlock_deleted},
    {"lock_ctx_overwritten", lock_ctx_overwritten},
    {"rw_lock_deleted", rw_lock_deleted},
    {"rw_unlock_deleted", rw_unlock_deleted},
    {"rw_lock_shared_overwritten", rw_lock_shared_overwritten},
    {"rw_unlock_shared_overwritten", rw_unlock_shared_overwritten},
    {"rw_lock_ctx_overwritten", rw_lock_ctx_overwritten},
    {"by_a_thread", by_a_thread},
    {"by_many", by_many},
    {"made_anew", made_anew},
};

}  // namespace

int main(int argc, char** argv) {
  for (const auto& c : cases)
    if (argc == 2 && std::strcmp(argv[1], c.name) == 0) return goro::run(c.run);
  return 1;
}
