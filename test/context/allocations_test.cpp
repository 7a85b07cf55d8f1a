// SPDX-License-Identifier: MIT
// CX12: what each kind of deriving, cancelling and asking allocates. The bounds are goro's own:
//
//   with_cancel, with_cancel_cause, with_timeout, with_value, without_cancel, with_stop_token, after_func   1
//   cancel, a second cancel, err, deadline, value, copies, waits that take a context                        0
//   the first done(), the first to_stop_token (with the token's state)                                      1
#include "context/fixture.hpp"

#include <chrono>
#include <cstdlib>
#include <new>
#include <stop_token>

namespace {

// Only the calling thread's: the runtime's threads may allocate meanwhile.
thread_local int allocations = 0;

void* counted(std::size_t size, std::size_t align) {
  ++allocations;
  void* const at = align <= alignof(std::max_align_t)
                       ? std::malloc(size)
                       : std::aligned_alloc(align, (size + align - 1) / align * align);
  if (at == nullptr) throw std::bad_alloc();
  return at;
}

}  // namespace

[[gnu::noinline]] void* operator new(std::size_t size) { return counted(size == 0 ? 1 : size, 1); }
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t align) {
  return counted(size == 0 ? 1 : size, static_cast<std::size_t>(align));
}
[[gnu::noinline]] void operator delete(void* at) noexcept { std::free(at); }
[[gnu::noinline]] void operator delete(void* at, std::size_t) noexcept { std::free(at); }
[[gnu::noinline]] void operator delete(void* at, std::align_val_t) noexcept { std::free(at); }
[[gnu::noinline]] void operator delete(void* at, std::size_t, std::align_val_t) noexcept { std::free(at); }

namespace {

using namespace std::chrono_literals;

template <class F>
int counted_in(F f) {
  const int before = allocations;
  f();
  return allocations - before;
}

class Allocations : public goro_test::ContextTest {};

TEST_F(Allocations, CX12_AtMostOneEach) {
  static const goro::context_key<int> key;
  const auto [parent, cancel_parent] = goro::with_cancel(goro::background());
  std::stop_source source;
  // What is made once for the whole program: the runtime, the heap of timers.
  goro::with_timeout(parent, 1h).second();
  for (const goro::context& from : {goro::background(), parent}) {
    std::pair<goro::context, goro::cancel_func> made;
    std::pair<goro::context, goro::cancel_cause_func> made_cause;
    goro::context ctx;
    goro::stop_func stop;
    EXPECT_EQ(counted_in([&] { made = goro::with_cancel(from); }), 1);
    EXPECT_EQ(counted_in([&] { made.second(); }), 0);
    EXPECT_EQ(counted_in([&] { made.second(); }), 0);
    EXPECT_EQ(counted_in([&] { made_cause = goro::with_cancel_cause(from); }), 1);
    EXPECT_EQ(counted_in([&] { made_cause.second(nullptr); }), 0);
    EXPECT_EQ(counted_in([&] { made = goro::with_timeout(from, 1h); }), 1);
    EXPECT_EQ(counted_in([&] { made.second(); }), 0);
    EXPECT_EQ(counted_in([&] { ctx = goro::with_value(from, key, 1); }), 1);
    EXPECT_EQ(counted_in([&] { ctx = goro::without_cancel(from); }), 1);
    EXPECT_EQ(counted_in([&] { ctx = goro::with_stop_token(from, source.get_token()); }), 1);
    EXPECT_EQ(counted_in([&] { stop = goro::after_func(from, [] {}); }), 1);
    EXPECT_EQ(counted_in([&] { stop(); }), 0);
  }
}

TEST_F(Allocations, CX12_AskingAllocatesNothingButTheChannelOnce) {
  const auto [ctx, cancel] = goro::with_timeout(goro::background(), 1h);
  static const goro::context_key<int> key;
  EXPECT_EQ(counted_in([&, ctx = ctx] {
              const goro::context copy = ctx;
              EXPECT_FALSE(copy.err());
              EXPECT_FALSE(copy.cause());
              EXPECT_TRUE(copy.deadline().has_value());
              EXPECT_EQ(copy.value(key), nullptr);
              EXPECT_EQ(copy.children(), 0u);
            }),
            0);
  EXPECT_EQ(counted_in([&, ctx = ctx] { (void)ctx.done(); }), 1);
  EXPECT_EQ(counted_in([&, ctx = ctx] { (void)ctx.done(); }), 0);
  EXPECT_EQ(counted_in([&, ctx = ctx] { (void)goro::to_stop_token(ctx); }), 1);
  EXPECT_EQ(counted_in([&, ctx = ctx] { (void)goro::to_stop_token(ctx); }), 0);
  EXPECT_EQ(counted_in([&, cancel = cancel] { cancel(); }), 0);
}

TEST_F(Allocations, CX12_WaitsThatTakeAContextAllocateNothing) {
  const auto [ctx, cancel] = goro::with_timeout(goro::background(), 1ms);
  const auto ch = goro::make_chan<int>();
  EXPECT_EQ(counted_in([&, ctx = ctx] { (void)ch.recv(ctx); }), 0);
  EXPECT_TRUE(ctx.err());
}

}  // namespace
