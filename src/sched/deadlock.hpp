// SPDX-License-Identifier: MIT
// "All goroutines are asleep": found by the last M that goes to sleep, while run() is under way.
#pragma once

namespace goro::detail {

class fatal_text;

// Under idle.lock, by an M that has just counted itself asleep, or by who has just made a P idle. Ends the process with the report and code 2
// if nothing can ever wake anybody: no M at work or blocked, no timer, no work, and no plain thread but
// run's caller that uses goro.
void check_all_asleep() noexcept;

// Writes what is known of every goroutine to stderr: plain text; async-signal-safe. `except` is left out.
void write_goroutines() noexcept;

// One line: why the report above has not come. For dumps, at any time; a moment's picture.
void say_why_not_asleep(fatal_text& to) noexcept;

}  // namespace goro::detail
