// SPDX-License-Identifier: MIT
// Whole programs made of channels: the prime sieve and power series on demand.
#include "chan/parked.hpp"
#include "support/at_procs.hpp"

#include <goro/goro.hpp>
#include <goro/wait_group.hpp>

#include <array>
#include <cstdint>
#include <deque>
#include <numeric>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

using namespace goro_test;
using goro::chan;
using goro::make_chan;

namespace {

class ChanPrograms : public AtProcs {};
GORO_AT_PROCS(ChanPrograms);

// ---- CH26: each prime found gets a goroutine that lets through what it does not divide.

std::vector<int> sieve(std::size_t how_many, std::size_t capacity) {
  const auto stop = make_chan<int>();  // closed at the end: all stages leave
  goro::wait_group stages;
  auto numbers = make_chan<int>(capacity);
  stages.go([stop, out = numbers] {
    for (int i = 2; goro::select(goro::send(out, i), goro::recv(stop)) == 0; ++i) {
    }
  });
  std::vector<int> primes;
  while (primes.size() != how_many) {
    const int prime = *numbers.recv();
    primes.push_back(prime);
    const auto rest = make_chan<int>(capacity);
    stages.go([stop, prime, in = numbers, out = rest] {
      for (int v = 0; goro::select(goro::recv(in, v), goro::recv(stop)) == 0;)
        if (v % prime != 0 && goro::select(goro::send(out, v), goro::recv(stop)) != 0) return;
    });
    numbers = rest;
  }
  stop.close();
  stages.wait();
  return primes;
}

std::vector<int> primes_by_division(std::size_t how_many) {
  std::vector<int> primes;
  for (int n = 2; primes.size() != how_many; ++n) {
    bool prime = true;
    for (const int p : primes) prime = prime && n % p != 0;
    if (prime) primes.push_back(n);
  }
  return primes;
}

TEST_P(ChanPrograms, CH26_PrimeSieve) { EXPECT_EQ(sieve(100, 0), primes_by_division(100)); }

TEST_P(ChanPrograms, CH26_PrimeSieveWithBufferedStages) {
  EXPECT_EQ(sieve(100, 1), primes_by_division(100));
  EXPECT_EQ(sieve(60, 10), primes_by_division(60));
}

// ---- CH27: a series is a pair of channels. Its goroutine computes a coefficient only when asked for it.

struct rational {
  std::int64_t num = 0;
  std::int64_t den = 1;
  rational(std::int64_t n = 0, std::int64_t d = 1) {  // implicit: 1 is a rational
    const std::int64_t common = std::gcd(n, d) * (d < 0 ? -1 : 1);
    num = n / common;
    den = d / common;
  }
  friend rational operator+(rational a, rational b) { return {a.num * b.den + b.num * a.den, a.den * b.den}; }
  friend rational operator*(rational a, rational b) { return {a.num * b.num, a.den * b.den}; }
  friend rational operator-(rational a) { return {-a.num, a.den}; }
  friend rational operator/(rational a, rational b) { return {a.num * b.den, a.den * b.num}; }
  friend bool operator==(rational, rational) = default;
};

struct series {
  chan<std::monostate> request = make_chan<std::monostate>();
  chan<rational> data = make_chan<rational>();
};

class calculus {
 public:
  // The first n coefficients of s, which is used up by it.
  std::vector<rational> first(std::size_t n, series s) const {
    std::vector<rational> all;
    while (all.size() != n) {
      const auto coefficient = get(s);
      if (!coefficient) break;
      all.push_back(*coefficient);
    }
    return all;
  }

  series constant_then_zero(rational c) {
    return produce([c](std::size_t n) { return std::optional(n == 0 ? c : rational(0)); });
  }

  series all_ones() {  // 1/(1-x)
    return produce([](std::size_t) { return std::optional(rational(1)); });
  }

  series add(series a, series b) {
    return produce([this, a, b](std::size_t) -> std::optional<rational> {
      const auto x = get(a);
      const auto y = get(b);
      if (!x || !y) return std::nullopt;
      return *x + *y;
    });
  }

  series multiply(series a, series b) {
    return produce([this, a, b, xs = std::vector<rational>(),
                    ys = std::vector<rational>()](std::size_t n) mutable -> std::optional<rational> {
      const auto x = get(a);
      const auto y = get(b);
      if (!x || !y) return std::nullopt;
      xs.push_back(*x);
      ys.push_back(*y);
      rational sum;
      for (std::size_t i = 0; i <= n; ++i) sum = sum + xs[i] * ys[n - i];
      return sum;
    });
  }

  series derivative(series a) {
    return produce([this, a](std::size_t n) -> std::optional<rational> {
      if (n == 0 && !get(a)) return std::nullopt;
      const auto x = get(a);
      if (!x) return std::nullopt;
      return rational(static_cast<std::int64_t>(n) + 1) * *x;
    });
  }

  series integral(rational c, series a) {
    return produce([this, c, a](std::size_t n) -> std::optional<rational> {
      if (n == 0) return c;
      const auto x = get(a);
      if (!x) return std::nullopt;
      return *x / rational(static_cast<std::int64_t>(n));
    });
  }

  series negate(series a) {
    return produce([this, a](std::size_t) -> std::optional<rational> {
      const auto x = get(a);
      return x ? std::optional(-*x) : std::nullopt;
    });
  }

  // Two copies that may be read at different paces. While it waits for the original it still answers the
  // copy that is behind: a series defined by its own copy needs that.
  std::pair<series, series> split(series from) {
    const std::pair<series, series> copies;
    all_.go([this, from, out = std::array{copies.first, copies.second}] { serve_copies(from, out); });
    return copies;
  }

  series exponential() {  // E = 1 + integral of E
    const series e = lazily();
    const auto [copy, back] = split(e);
    feed(e, integral(1, back));
    return copy;
  }

  std::pair<series, series> sine_and_cosine() {  // S = integral of C, C = 1 - integral of S
    const series s = lazily();
    const series c = lazily();
    const auto [sine, sine_back] = split(s);
    const auto [cosine, cosine_back] = split(c);
    feed(s, integral(0, cosine_back));
    feed(c, integral(1, negate(sine_back)));
    return {sine, cosine};
  }

  void end() {
    stop_.close();
    all_.wait();
  }

 private:
  std::optional<rational> get(const series& s) const {
    if (goro::select(goro::send(s.request, std::monostate()), goro::recv(stop_)) == 1) return std::nullopt;
    std::optional<rational> coefficient;
    goro::select(goro::recv(s.data, coefficient), goro::recv(stop_));
    return coefficient;
  }

  template <class F>
  series produce(F nth) {
    const series out;
    run(out, std::move(nth));
    return out;
  }

  template <class F>
  void run(const series& out, F nth) {
    all_.go([this, out, nth = std::move(nth)]() mutable {
      for (std::size_t n = 0; goro::select(goro::recv(out.request), goro::recv(stop_)) == 0; ++n) {
        const std::optional<rational> coefficient = nth(n);
        if (!coefficient) return;
        if (goro::select(goro::send(out.data, *coefficient), goro::recv(stop_)) == 1) return;
      }
    });
  }

  series lazily() const { return {}; }
  void feed(const series& s, series from) {
    run(s, [this, from](std::size_t) { return get(from); });
  }

  void serve_copies(const series& from, const std::array<series, 2>& out) const {
    std::array<std::deque<rational>, 2> ahead;
    std::array<bool, 2> wanted{};
    bool asked = false;
    const chan<std::monostate> no_request;
    for (;;) {
      bool starved = false;
      for (std::size_t i = 0; i != 2; ++i) {
        if (!wanted[i]) continue;
        if (ahead[i].empty()) {
          starved = true;
          continue;
        }
        if (goro::select(goro::send(out[i].data, ahead[i].front()), goro::recv(stop_)) == 1) return;
        ahead[i].pop_front();
        wanted[i] = false;
      }
      std::optional<rational> fresh;
      const std::size_t chosen =
          goro::select(goro::recv(wanted[0] ? no_request : out[0].request),
                       goro::recv(wanted[1] ? no_request : out[1].request),
                       goro::send(starved && !asked ? from.request : no_request, std::monostate()),
                       goro::recv(asked ? from.data : chan<rational>(), fresh), goro::recv(stop_));
      switch (chosen) {
        case 0: wanted[0] = true; break;
        case 1: wanted[1] = true; break;
        case 2: asked = true; break;
        case 3:
          asked = false;
          for (auto& queue : ahead) queue.push_back(*fresh);
          break;
        default: return;
      }
    }
  }

  chan<int> stop_ = make_chan<int>();
  goro::wait_group all_;
};

std::vector<rational> table(std::size_t n, rational (*coefficient)(std::int64_t)) {
  std::vector<rational> all;
  for (std::size_t i = 0; i != n; ++i) all.push_back(coefficient(static_cast<std::int64_t>(i)));
  return all;
}

std::int64_t factorial(std::int64_t n) { return n < 2 ? 1 : n * factorial(n - 1); }

TEST_P(ChanPrograms, CH27_PowerSeries) {
  calculus c;
  EXPECT_EQ(c.first(12, c.add(c.all_ones(), c.constant_then_zero(4))),
            table(12, [](std::int64_t n) { return rational(n == 0 ? 5 : 1); }));
  EXPECT_EQ(c.first(12, c.multiply(c.all_ones(), c.all_ones())),
            table(12, [](std::int64_t n) { return rational(n + 1); }));
  EXPECT_EQ(c.first(12, c.derivative(c.all_ones())),
            table(12, [](std::int64_t n) { return rational(n + 1); }));
  EXPECT_EQ(c.first(12, c.integral(7, c.all_ones())),
            table(12, [](std::int64_t n) { return n == 0 ? rational(7) : rational(1, n); }));

  const auto one_over_factorial = [](std::int64_t n) { return rational(1, factorial(n)); };
  EXPECT_EQ(c.first(12, c.exponential()), table(12, one_over_factorial));
  EXPECT_EQ(c.first(12, c.derivative(c.exponential())), table(12, one_over_factorial));
  EXPECT_EQ(c.first(12, c.multiply(c.exponential(), c.exponential())),
            table(12, [](std::int64_t n) { return rational(std::int64_t{1} << n, factorial(n)); }));
  c.end();
}

TEST_P(ChanPrograms, CH27_SineAndCosineDefineEachOther) {
  calculus c;
  const auto [sine, cosine] = c.sine_and_cosine();
  const auto [s1, s2] = c.split(sine);
  const auto [c1, c2] = c.split(cosine);
  EXPECT_EQ(c.first(10, c.add(c.multiply(s1, s2), c.multiply(c1, c2))),
            table(10, [](std::int64_t n) { return rational(n == 0 ? 1 : 0); }));
  c.end();
}

TEST_P(ChanPrograms, CH27_ManySeriesAtOnceAllQuiesce) {
  calculus c;
  series sum = c.constant_then_zero(0);
  for (int i = 0; i != 100; ++i) sum = c.add(sum, c.exponential());
  EXPECT_EQ(c.first(8, sum), table(8, [](std::int64_t n) { return rational(100, factorial(n)); }));
  c.end();
}

}  // namespace
