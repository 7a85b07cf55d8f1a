// SPDX-License-Identifier: MIT
// What the programs of this folder share. Each is one shape of a bug, as a function that leads its goroutines into
// the state in which they stick, or, with `fixed`, does the same with the fix. All are linked into one program
// (driver.cpp), which runs one of them in a process of its own and asks goro's detectors.
//
// A shape's file begins with what must be found, which bugs_test.cpp reads and compares:
//
//   find: 2; proven: 2; deadlock: yes
//
//   find      how many leak::find gives; its fixed form leaves none
//   proven    how many of them leak::proven gives
//   deadlock  what GORO_DEBUG=deadlock,leak does: yes: it reports; no: it must not; -: not its business, may do either
//   grows     optional: by how many leak::growth says that some line grew
//
// The program records heap blocks (goro::leak, GORO_DEBUG=leak). Where it cannot, because sanitizers replace the
// operators, less may be proven and reported, and never more.
// In the fixed form nothing is reported by any of them, and everything ends by itself.
//
// State is held by the goroutines alone (shared_ptr in their closures), so nothing that lives can reach it, unless
// the shape is about something that does. Who must be stuck first is waited for by until_parked, not by a sleep.
#pragma once

#include <goro/goro.hpp>

#include "sched/introspect.hpp"

#include <unistd.h>
#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace bugs {

using namespace std::chrono_literals;
using namespace goro;
using detail::wait_reason;

struct unit {};
using signal_chan = chan<unit>;

struct shape {
  shape(const char* called, void (*function)(bool fixed)) noexcept;

  const char* name;
  void (*run)(bool fixed);
  const shape* next;
};
extern const shape* first_shape;

inline void start(const char* name, auto f) { go({.name = name}, std::move(f)); }

// Returns once `n` goroutines are parked for this reason. The driver's hang guard ends the process otherwise.
void until_parked(wait_reason why, std::size_t n = 1);

// Returns once the shape has `n` goroutines, whoever calls run() left out.
void until_left(std::size_t n);

// Says so and fails the process, if what the shape itself claims does not hold.
void expect(bool holds, const char* what);

// Both are in the middle of something: returns when the other has arrived.
class meeting {
 public:
  void arrive() {
    missing_.done();
    missing_.wait();
  }

 private:
  struct two : wait_group {
    two() { add(2); }
  } missing_;
};

}  // namespace bugs
