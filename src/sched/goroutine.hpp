// SPDX-License-Identifier: MIT
// G: a goroutine's block, two cache lines of memory that stays of this type for ever.
//
// States, and who may change them
//
//     dead -> fresh -> runnable -> running -> parked -> runnable -> running ... -> dead
//
//   dead      in a free list; nobody else holds a pointer to it, except walkers, who believe nothing.
//   fresh     go() is building it; only the builder touches it.
//   runnable  in exactly one queue, or on its way between two; whoever takes it out owns it.
//   running   one M runs it (`m`); it owns itself. Also while it blocks in the kernel, announced or not.
//   blocking  running, inside blocking(); a park in there makes it running again.
//   parked    linked into what it waits for. The one who wins the right to wake it (contract K1 of
//             park.hpp) owns it once `off_stack` is odd; a dump may hold it there for a moment (hold.hpp).
//
// A fresh goroutine has no stack (`stack` null): it is its closure. It gets a stack when an M first runs it.
// `context` is where a parked or yielded one goes on; it lies on its own stack.
//
// Fields without an atomic are touched by the owner as defined above. state, why, waits_on are relaxed
// atomics because dumps and tests walk all blocks while the program runs. For the same reason id, family,
// created_at, created_by and extra, which their owner reads as plain fields, are written by `publish`; who walks
// reads them by `peek` (see read_identity in hold.hpp), and a name by copy_name, since its memory is freed.
#pragma once

#include "base/stack_region.hpp"
#include "base/switch.hpp"
#include "sched/wait_reason.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace goro::detail {

struct machine;

enum class goroutine_state : std::uint8_t { dead, fresh, runnable, running, parked, blocking };

// For plain fields that walkers read: a release store, an acquire load. On x86 both are plain moves.
template <class T>
void publish(T& field, T value) noexcept {
  __atomic_store_n(&field, value, __ATOMIC_RELEASE);
}
template <class T>
T peek(const T& field) noexcept {
  return __atomic_load_n(&field, __ATOMIC_ACQUIRE);
}

// What a parked or yielded goroutine leaves on its own stack; `context` points to it.
struct stopped_context : saved_context {
  std::int64_t since;                 // coarse_now() when it stopped, for dumps
};

// What few goroutines have; made when first needed, freed when the goroutine ends.
struct goroutine_extra {
  char* name = nullptr;               // malloc'ed copy
  stack_region* stacks = nullptr;     // null: the default size
  void* locals = nullptr;             // locals.hpp
  machine* locked_to = nullptr;       // lock_os_thread
  int locks = 0;                      // how often
  void* exiting = nullptr;            // goexit.cpp: on its way out
  bool daemon = false;
};

// flags: any of these sends the goroutine through the M's own stack, where the rare cases are looked after.
inline constexpr std::uint8_t flag_locked = 1;      // bound to a thread
inline constexpr std::uint8_t flag_own_stack = 2;   // a stack of another size
inline constexpr std::uint8_t flag_daemon = 4;      // not a reason to take a slow path; see slow_flags
inline constexpr std::uint8_t flag_main = 8;        // run()'s main goroutine
inline constexpr std::uint8_t flag_big_closure = 16;  // `closure` holds address and size of the real one
inline constexpr std::uint8_t slow_flags = flag_locked | flag_own_stack;

inline constexpr std::size_t inline_closure_size = 40;

// What `closure` holds of one that does not fit (flag_big_closure).
struct big_closure {
  void* storage;  // first, where run_closure looks for it
  std::size_t size;
};

struct alignas(64) goroutine {
  saved_context* context = nullptr;   // null: never run
  goroutine* link = nullptr;          // queue or free list
  machine* m = nullptr;               // set by the M that takes it up; read by itself afresh after a switch
  stack_header* stack = nullptr;
  std::atomic<std::uint8_t> off_stack{0};  // odd: parked, off its stack (P1 of park.cpp); 2: held (hold.hpp)
  std::atomic<goroutine_state> state{goroutine_state::dead};
  std::atomic<wait_reason> why{wait_reason::none};
  std::atomic<std::uint8_t> flags{0};  // written by itself, or before it is published
  std::atomic<std::uint8_t> waking{0};  // 1: somebody is making it runnable (F1 of hold.hpp)
  std::uint16_t family = 0;           // of whom it descends: family.hpp
  std::atomic<const void*> waits_on{nullptr};
  std::uint64_t id = 0;
  goroutine_extra* extra = nullptr;

  void (*run)(void*) = nullptr;       // calls and destroys the closure
  std::uintptr_t created_at = 0;      // return address of go()
  alignas(8) std::byte closure[inline_closure_size];
  std::uint64_t created_by = 0;       // id; 0: a plain thread. Last, so that no address of the closure's, not
                                      // even one past its end, is another block's (debug/proof_marker.cpp)

  goroutine_extra& more();            // throws std::bad_alloc
  void drop_extra() noexcept;
};
static_assert(sizeof(goroutine) == 128, "two cache lines: queued_mem and spawn depend on it");

// Of a value of off_stack.
constexpr bool is_off_stack(std::uint8_t value) noexcept { return (value & 1) != 0; }

// The goroutine whose stack the caller runs on; null on a thread's own stack. The answer never changes for
// code that stays on one stack, so a compiler may keep it as long as it likes.
[[gnu::always_inline]] inline goroutine* current_goroutine() noexcept {
  const auto sp = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  if (default_stacks.contains(sp)) [[likely]]
    return default_stacks.header_at(sp)->owner;
  const stack_region* const region = region_of(sp);
  return region == nullptr ? nullptr : region->header_at(sp)->owner;
}

}  // namespace goro::detail
