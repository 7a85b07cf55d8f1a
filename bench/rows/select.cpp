// SPDX-License-Identifier: MIT
// Select: select2, select8, select_default.
#include "rows.hpp"

#include <array>
#include <variant>

#include <goro/chan.hpp>
#include <goro/select.hpp>

namespace bench {
namespace {

void select2() {
  constexpr number count = 1'000'000;
  const auto a = goro::make_chan<number>();
  const auto b = goro::make_chan<number>();
  const auto done = goro::make_chan<std::monostate>();
  const auto start = clock::now();
  for (const auto& c : {a, b}) {
    goro::go([c] {
      for (number i = 0; i < count / 2; ++i) c.send(i);
    });
  }
  goro::go([a, b, done] {
    number sum = 0;
    number v = 0;
    for (number i = 0; i < count; ++i) {
      switch (goro::select(goro::recv(a, v), goro::recv(b, v))) {
        case 0:
          sum += v;
          break;
        case 1:
          sum += v;
          break;
      }
    }
    sink = sum;
    done.close();
  });
  (void)done.recv();
  per_op("select2", clock::now() - start, count);
}

void select8() {
  constexpr number count = 500'000;
  std::array<goro::chan<number>, 8> c;
  const auto done = goro::make_chan<std::monostate>();
  const auto start = clock::now();
  for (auto& channel : c) {
    channel = goro::make_chan<number>();
    goro::go([channel] {
      for (number k = 0; k < count / 8; ++k) channel.send(k);
    });
  }
  goro::go([c, done] {
    using goro::recv;
    number sum = 0;
    number v = 0;
    for (number i = 0; i < count; ++i) {
      switch (goro::select(recv(c[0], v), recv(c[1], v), recv(c[2], v), recv(c[3], v), recv(c[4], v),
                           recv(c[5], v), recv(c[6], v), recv(c[7], v))) {
        case 0:
          sum += v;
          break;
        case 1:
          sum += v;
          break;
        case 2:
          sum += v;
          break;
        case 3:
          sum += v;
          break;
        case 4:
          sum += v;
          break;
        case 5:
          sum += v;
          break;
        case 6:
          sum += v;
          break;
        case 7:
          sum += v;
          break;
      }
    }
    sink = sum;
    done.close();
  });
  (void)done.recv();
  per_op("select8", clock::now() - start, count);
}

// select_default: one empty channel and otherwise; select_default2: two of them.
void select_default() {
  constexpr number count_one = 50'000'000;
  const auto one = goro::make_chan<number>(1);
  const auto done_one = goro::make_chan<std::monostate>();
  auto start = clock::now();
  goro::go([one, done_one] {
    number received = 0;
    for (number i = 0; i < count_one; ++i) {
      if (goro::select(goro::recv(one), goro::otherwise) == 0) ++received;
    }
    sink = received;
    done_one.close();
  });
  (void)done_one.recv();
  per_op("select_default", clock::now() - start, count_one);

  constexpr number count_two = 5'000'000;
  const auto two = goro::make_chan<number>(1);
  const auto done_two = goro::make_chan<std::monostate>();
  start = clock::now();
  goro::go([one, two, done_two] {
    number received = 0;
    for (number i = 0; i < count_two; ++i) {
      switch (goro::select(goro::recv(one), goro::recv(two), goro::otherwise)) {
        case 0:
          ++received;
          break;
        case 1:
          ++received;
          break;
        default:
          break;
      }
    }
    sink = received;
    done_two.close();
  });
  (void)done_two.recv();
  per_op("select_default2", clock::now() - start, count_two);
}

const row entries[] = {
    {"select2", select2},
    {"select8", select8},
    {"select_default", select_default},
};

}  // namespace
}  // namespace bench
