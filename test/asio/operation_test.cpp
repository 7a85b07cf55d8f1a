// SPDX-License-Identifier: MIT
#include "asio/fixture.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/strand.hpp>

#include <memory>
#include <stdexcept>
#include <tuple>
#include <vector>

namespace {

using namespace goro_test;

class AsioOperation : public AsioTest {
 protected:
  goro::asio_runner io_;
};

// An operation that completes with `values`, on the executor, or at once inside the initiating function.
template <class Signature, class Token, class... Values>
auto complete_with(bool at_once, asio::io_context& io, Token&& token, Values... values) {
  return asio::async_initiate<Token, Signature>(
      [at_once, &io](auto handler, auto... all) {
        auto call = [handler = std::move(handler), all = std::make_tuple(std::move(all)...)]() mutable {
          std::apply([&](auto&... each) { std::move(handler)(std::move(each)...); }, all);
        };
        if (at_once)
          call();
        else
          asio::post(io, std::move(call));
      },
      token, std::move(values)...);
}

TEST_F(AsioOperation, AS01_ReadsAndWritesAsIfTheyBlocked) {
  from_both([this] {
    tcp::acceptor acceptor(io_.context(), loopback());
    goro::scope both;
    both.go([&] {
      tcp::socket peer = acceptor.async_accept(use_goroutine);
      std::string text;
      const std::size_t n = asio::async_read_until(peer, asio::dynamic_buffer(text), '\n', use_goroutine);
      asio::async_write(peer, asio::buffer(text.substr(0, n)), use_goroutine);
    });
    tcp::socket socket(io_.context());
    socket.async_connect(acceptor.local_endpoint(), use_goroutine);
    EXPECT_EQ(asio::async_write(socket, asio::buffer("hello\n", 6), use_goroutine), 6u);
    char answer[6];
    EXPECT_EQ(asio::async_read(socket, asio::buffer(answer), use_goroutine), 6u);
    EXPECT_EQ(std::string(answer, 6), "hello\n");
    EXPECT_EQ(code_of_failure([&] { socket.async_read_some(asio::buffer(answer), use_goroutine); }),
              asio::error::eof);
  });
}

TEST_F(AsioOperation, AS01_AGoroutineParksAndItsThreadGoesOn) {
  const procs_for_now one(1);
  asio::steady_timer timer(io_.context(), asio::steady_timer::time_point::max());
  auto waits = goro::async([&] { return code_of_failure([&] { timer.async_wait(use_goroutine); }); });
  ASSERT_TRUE(eventually([] { return waiting() == 1; }));
  EXPECT_EQ(goro::async([] { return 7; }).get(), 7);
  asio::post(io_.context(), [&] { timer.cancel(); });
  EXPECT_EQ(waits.get(), asio::error::operation_aborted);
}

TEST_F(AsioOperation, AS02_SignaturesBecomeResults) {
  from_both([this] {
    auto& io = io_.context();
    for (const bool at_once : {false, true}) {
      complete_with<void()>(at_once, io, use_goroutine);
      complete_with<void(error_code)>(at_once, io, use_goroutine, error_code());
      EXPECT_EQ(complete_with<void(int)>(at_once, io, use_goroutine, 3), 3);
      EXPECT_EQ(complete_with<void(error_code, int)>(at_once, io, use_goroutine, error_code(), 3), 3);
      const std::tuple<int, std::string> two = complete_with<void(error_code, int, std::string)>(
          at_once, io, use_goroutine, error_code(), 3, std::string("x"));
      EXPECT_EQ(two, std::make_tuple(3, std::string("x")));
      const std::tuple<int, int> plain = complete_with<void(int, int)>(at_once, io, use_goroutine, 1, 2);
      EXPECT_EQ(plain, std::make_tuple(1, 2));
      EXPECT_EQ(
          complete_with<void(std::exception_ptr, int)>(at_once, io, use_goroutine, std::exception_ptr(), 4),
          4);
      EXPECT_EQ(*complete_with<void(error_code, std::unique_ptr<int>)>(
                    at_once, io, use_goroutine, error_code(), std::make_unique<int>(5)),
                5);
    }
  });
}

TEST_F(AsioOperation, AS03_ErrorsAreThrownOrStored) {
  from_both([this] {
    auto& io = io_.context();
    const error_code bad = asio::error::make_error_code(asio::error::connection_reset);
    EXPECT_EQ(
        code_of_failure([&] { complete_with<void(error_code, int)>(false, io, use_goroutine, bad, 1); }),
        bad);
    EXPECT_THROW(complete_with<void(std::exception_ptr)>(false, io, use_goroutine,
                                                         std::make_exception_ptr(std::out_of_range("x"))),
                 std::out_of_range);
    error_code ec;
    EXPECT_EQ((complete_with<void(error_code, int)>(false, io, use_goroutine[ec], bad, 9)), 9);
    EXPECT_EQ(ec, bad);
    EXPECT_EQ((complete_with<void(error_code, int)>(false, io, use_goroutine[ec], error_code(), 9)), 9);
    EXPECT_FALSE(ec);
    EXPECT_EQ(
        (complete_with<void(error_code, int)>(false, io, asio::redirect_error(use_goroutine, ec), bad, 9)),
        9);
    EXPECT_EQ(ec, bad);
    const auto [code, n] =
        complete_with<void(error_code, int)>(false, io, asio::as_tuple(use_goroutine), bad, 8);
    EXPECT_EQ(code, bad);
    EXPECT_EQ(n, 8);
  });
}

// Its move throws once it is told to: while the handler puts it where the waiter is.
struct explosive {
  explicit explosive(int n) : left(n) {}
  explosive(explosive&& other) : left(other.left - 1) {
    if (left == 0) throw std::runtime_error("moved too often");
  }
  int left;
};

TEST_F(AsioOperation, AS03_AValueThatCannotBeMovedIsThrownWhereItIsWaitedFor) {
  from_both([this] {
    EXPECT_THROW((initiate<void(explosive)>(
                     [this](auto handler) {
                       asio::post(io_.context(),
                                  [handler = std::move(handler)]() mutable { handler(explosive(1)); });
                     },
                     use_goroutine)),
                 std::runtime_error);
  });
}

TEST_F(AsioOperation, AS03_WhatAnInitiatingFunctionThrowsComesOut) {
  from_both([] {
    EXPECT_THROW((initiate<void(int)>(
                     [](auto handler) {
                       auto inside = std::move(handler);
                       throw std::out_of_range("not started");
                     },
                     use_goroutine)),
                 std::out_of_range);
  });
}

TEST_F(AsioOperation, AS04_TimersAndNumericHosts) {
  from_both([this] {
    asio::steady_timer timer(io_.context(), 1ms);
    timer.async_wait(use_goroutine);
    tcp::resolver resolver(io_.context());
    const auto found = resolver.async_resolve("127.0.0.1", "80", tcp::resolver::numeric_host, use_goroutine);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found.begin()->endpoint().port(), 80);
  });
}

TEST_F(AsioOperation, AS05_StrandsAndGroups) {
  from_both([this] {
    auto strand = asio::make_strand(io_.context());
    bool inside = false;
    const auto started = [&](auto handler) {
      asio::post(io_.context(), [&inside, strand, handler = std::move(handler)]() mutable {
        auto own = asio::get_associated_executor(handler, strand);
        asio::dispatch(own, [&inside, strand, handler = std::move(handler)]() mutable {
          inside = strand.running_in_this_thread();
          handler();
        });
      });
    };
    const auto bound = asio::bind_executor(strand, use_goroutine);
    initiate<void()>(started, bound);
    EXPECT_TRUE(inside);

    asio::steady_timer first(io_.context(), 1ms);
    asio::steady_timer never(io_.context(), asio::steady_timer::time_point::max());
    const auto [order, one, other] = asio::experimental::make_parallel_group(first.async_wait(asio::deferred),
                                                                             never.async_wait(asio::deferred))
                                         .async_wait(asio::experimental::wait_for_one(), use_goroutine);
    EXPECT_EQ(order[0], 0u);
    EXPECT_FALSE(one);
    EXPECT_EQ(other, asio::error::operation_aborted);
  });
}

TEST_F(AsioOperation, AS05_ACoroutineCanBeWaitedFor) {
  from_both([this] {
    const int got = asio::co_spawn(
        io_.context(),
        [this]() -> asio::awaitable<int> {
          asio::steady_timer timer(io_.context(), 1ms);
          co_await timer.async_wait(asio::use_awaitable);
          co_return 6;
        },
        use_goroutine);
    EXPECT_EQ(got, 6);
    EXPECT_THROW(asio::co_spawn(
                     io_.context(),
                     []() -> asio::awaitable<void> {
                       throw std::out_of_range("x");
                       co_return;
                     },
                     use_goroutine),
                 std::out_of_range);
  });
}

TEST_F(AsioOperation, AS06_TheTokenCanBeTheDefault) {
  from_both([this] {
    using timer = goro::use_goroutine_t::as_default_on_t<asio::steady_timer>;
    timer t(io_.context(), 1ms);
    t.async_wait();
  });
}

TEST_F(AsioOperation, AS07_ManyAtOnce) {
  auto [left, right] = connection(io_.context());
  goro::scope all;
  constexpr int bytes = 200'000;
  all.go([&, &out = left] {
    const std::vector<char> data(bytes, 'x');
    EXPECT_EQ(asio::async_write(out, asio::buffer(data), use_goroutine), data.size());
  });
  all.go([&, &in = right] {
    std::vector<char> data(bytes);
    EXPECT_EQ(asio::async_read(in, asio::buffer(data), use_goroutine), data.size());
  });
  for (int i = 0; i != 200; ++i)
    all.go([this, i] {
      asio::steady_timer timer(io_.context(), std::chrono::microseconds(i));
      timer.async_wait(use_goroutine);
    });
  all.wait();
}

TEST_F(AsioOperation, AS08_ARunnerIsJoined) {
  from_both([] {
    bool ran = false;
    goro::asio_runner io(3);
    asio::post(io.context(), [&] { ran = true; });
    asio::steady_timer timer(io.context(), 5ms);
    bool rang = false;
    timer.async_wait([&](error_code) { rang = true; });
    io.join();
    EXPECT_TRUE(ran);
    EXPECT_TRUE(rang);
    io.join();
    EXPECT_THROW(goro::asio_runner(0), std::invalid_argument);
  });
}

// Were it taken for a deadlock, the process would end.
TEST_F(AsioOperation, AS09_WaitingForAsioIsNoDeadlock) {
  EXPECT_EQ(goro::run([] {
              goro::asio_runner io;
              asio::steady_timer timer(io.context(), 20ms);
              timer.async_wait(use_goroutine);
              timer.expires_after(20ms);
              timer.async_wait([](error_code) {});
              io.join();
              return 3;
            }),
            3);
}

}  // namespace
