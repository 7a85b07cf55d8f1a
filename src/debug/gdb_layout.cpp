// SPDX-License-Identifier: MIT
// What a debugger needs to find goroutines in a process or a core file, and the script that does.
//
// The script (goro_gdb.py) reads the table below by the one name that it must find, and nothing else of goro's debug
// information, so both work in a release build. The numbers are taken from the types themselves. Who changes what
// they mean, rather than where they lie, raises `version` here and VERSION in the script.
//
// The script lies in the section .debug_gdb_scripts, which is not loaded when the program runs; gdb runs it when it
// opens the file, if that is in its auto-load safe-path.
#include <goro/debug.hpp>
#include <goro/errc.hpp>

#include "chan/hchan.hpp"
#include "context/core.hpp"
#include "sched/coarse_clock.hpp"
#include "sched/goroutines.hpp"
#include "sched/machine.hpp"
#include "sched/wait_reason.hpp"

#include <cstddef>
#include <iterator>

// The type of the entry (4: Python, in full), then its name, its text and a zero.
asm(R"(
  .pushsection .debug_gdb_scripts, "MS", %progbits, 1
  .byte 4
  .ascii "gdb.inlined-goro-script\n"
  .incbin "debug/goro_gdb.py"
  .byte 0
  .popsection
)");

// Of types that have both private and public members, or bases: GCC and Clang give the offset all the same.
#pragma GCC diagnostic ignored "-Winvalid-offsetof"

namespace goro::detail {

struct core_layout {
  static constexpr std::size_t status = offsetof(cancel_core, status_);
  static constexpr std::size_t child_count = offsetof(cancel_core, child_count_);
};

namespace {

constexpr const char* state_words[] = {"dead", "fresh", "runnable", "running", "parked", "blocking"};
static_assert(static_cast<int>(goroutine_state::blocking) == 5);

constexpr const char* kind_words[] = {"background", "todo",     "value",      "without_cancel",
                                      "cancel",     "deadline", "stop_token", "signal"};
static_assert(static_cast<int>(context_kind::signal) == 7);

}  // namespace

constinit const layout_entry gdb_layout[] = {
    {"version", nullptr, 1},
    {"blocks", &the_blocks, 0},  // where two addresses are
    {"coarse_clock", &the_coarse_clock.ns, 0},
    {"state", state_words, 0},
    {"state.count", nullptr, std::size(state_words)},
    {"why", wait_reason_words, 0},
    {"why.count", nullptr, static_cast<std::uint64_t>(wait_reason::count)},
    {"context_kind", kind_words, 0},
    {"context_kind.count", nullptr, std::size(kind_words)},
    {"g.size", nullptr, sizeof(goroutine)},
    {"g.id", nullptr, offsetof(goroutine, id)},
    {"g.state", nullptr, offsetof(goroutine, state)},
    {"g.why", nullptr, offsetof(goroutine, why)},
    {"g.waits_on", nullptr, offsetof(goroutine, waits_on)},
    {"g.created_by", nullptr, offsetof(goroutine, created_by)},
    {"g.created_at", nullptr, offsetof(goroutine, created_at)},
    {"g.extra", nullptr, offsetof(goroutine, extra)},
    {"g.machine", nullptr, offsetof(goroutine, m)},
    {"g.context", nullptr, offsetof(goroutine, context)},
    {"extra.name", nullptr, offsetof(goroutine_extra, name)},
    {"machine.tid", nullptr, offsetof(machine, tid)},
    {"context.since", nullptr, offsetof(stopped_context, since)},
    {"chan.length", nullptr, offsetof(hchan, length)},
    {"chan.capacity", nullptr, offsetof(hchan, capacity)},
    {"chan.closed", nullptr, offsetof(hchan, closed)},
    {"chan.unbounded", nullptr, offsetof(hchan, unbounded)},
    {"chan.hooks", nullptr, offsetof(hchan, hooks)},
    {"context.kind", nullptr, offsetof(context_node, kind)},
    {"context.breaker", nullptr, offsetof(context_node, breaker)},
    {"core.status", nullptr, core_layout::status},
    {"core.child_count", nullptr, core_layout::child_count},
    {"errc.canceled", nullptr, static_cast<std::uint64_t>(errc::canceled)},
    {"errc.deadline_exceeded", nullptr, static_cast<std::uint64_t>(errc::deadline_exceeded)},
    {nullptr, nullptr, 0},
};

}  // namespace goro::detail
