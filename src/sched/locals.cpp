// SPDX-License-Identifier: MIT
// Goroutine-local values.
//
// Two sides know a value: the table of its goroutine, which only that goroutine touches, and the list of its
// local, which ~local walks from another goroutine.
//
// Invariants
//   I1  A value is on its core's list exactly while `linked`; both change under the core's lock. Whoever
//       unlinks it destroys the object: the goroutine at its end or at reset, or ~local.
//   I2  The block of a value that ~local has unlinked stays in the table as an empty shell. It is freed by
//       the last of two: ~local when it has destroyed the object, the table when it drops the entry. A table
//       drops its shells before it grows.
//   I3  Each block counts in its core's `users`, so no core's address, which is the key of the tables, is
//       used again while a table may still hold the old one.
// Tests: test/sched/local_{test,stress_test}.cpp.
#include "sched/locals.hpp"

#include "base/lock_rank.hpp"

#include <cxxabi.h>
#include <atomic>
#include <cstdint>
#include <new>

extern "C" void* __dso_handle;

namespace goro::detail {

struct local_value {
  local_core* core;
  void* object;
  void (*destroy)(void*) noexcept;
  std::size_t align;
  local_value* next = nullptr;  // the core's list, under its lock
  local_value* prev = nullptr;
  bool linked = false;
  std::atomic<bool> empty{false};  // a shell; set by ~local after its last use of the object
  std::atomic<int> sides{2};       // I2
  local_value* older = nullptr;    // the table's, in order of making
  local_value* newer = nullptr;
};

struct local_core {
  std::uint64_t number;  // spreads the locals over a table
  ranked_spin_lock<lock_rank::leaf> lock;
  local_value* first = nullptr;       // under lock
  std::atomic<std::size_t> users{1};  // the local and each block
};

namespace {

std::atomic<std::uint64_t> cores_made{0};

void drop_core(local_core* core) noexcept {
  if (core->users.fetch_sub(1, std::memory_order_acq_rel) == 1) delete core;
}

void free_block(local_value* value) noexcept {
  local_core* const core = value->core;
  const std::align_val_t align{value->align};
  value->~local_value();
  ::operator delete(static_cast<void*>(value), align);
  drop_core(core);
}

// One of the two sides of I2 has no further use for the block.
void drop_side(local_value* value) noexcept {
  if (value->sides.fetch_sub(1, std::memory_order_acq_rel) == 1) free_block(value);
}

// Under the core's lock.
void unlink(local_value* value) noexcept {
  (value->prev != nullptr ? value->prev->next : value->core->first) = value->next;
  if (value->next != nullptr) value->next->prev = value->prev;
  value->linked = false;
}

// The table has let go of the entry: ends the object unless ~local does.
void drop_entry(local_value* value) noexcept {
  value->core->lock.lock();
  const bool ours = value->linked;  // I1
  if (ours) unlink(value);
  value->core->lock.unlock();
  if (!ours) {
    drop_side(value);
    return;
  }
  value->destroy(value->object);
  free_block(value);
}

// Open addressing, linear, at most three quarters full. The table itself never moves, only its slots do, so
// that a destructor may add to it while destroy_locals empties it.
class local_table {
 public:
  local_table() noexcept = default;
  local_table(const local_table&) = delete;
  local_table& operator=(const local_table&) = delete;
  ~local_table() {
    if (slots_ != few_) delete[] slots_;
  }

  local_value* find(const local_core* core) const noexcept {
    for (std::size_t i = core->number & mask_;; i = (i + 1) & mask_) {
      local_value* const value = slots_[i];
      if (value == nullptr || value->core == core) return value;
    }
  }

  void insert(local_value* value) {
    make_room();
    place(value);
    value->older = newest_;
    if (newest_ != nullptr) newest_->newer = value;
    newest_ = value;
    ++used_;
  }

  void remove(local_value* value) noexcept {
    (value->newer != nullptr ? value->newer->older : newest_) = value->older;
    if (value->older != nullptr) value->older->newer = value->newer;
    --used_;
    std::size_t hole = value->core->number & mask_;
    while (slots_[hole] != value) hole = (hole + 1) & mask_;
    // What follows moves up, unless it would pass its own first place.
    for (std::size_t i = (hole + 1) & mask_; slots_[i] != nullptr; i = (i + 1) & mask_) {
      const std::size_t wanted = slots_[i]->core->number & mask_;
      if (((i - wanted) & mask_) < ((i - hole) & mask_)) continue;
      slots_[hole] = slots_[i];
      hole = i;
    }
    slots_[hole] = nullptr;
  }

  local_value* newest() const noexcept { return newest_; }

 private:
  static constexpr std::size_t few = 4;

  void place(local_value* value) noexcept {
    std::size_t i = value->core->number & mask_;
    while (slots_[i] != nullptr) i = (i + 1) & mask_;
    slots_[i] = value;
  }

  void make_room() {
    if (used_ < (mask_ + 1) / 4 * 3) return;
    for (local_value* value = newest_; value != nullptr;) {
      local_value* const older = value->older;
      if (value->empty.load(std::memory_order_acquire)) {
        remove(value);
        drop_side(value);
      }
      value = older;
    }
    if (used_ < (mask_ + 1) / 2) return;
    const std::size_t larger = (mask_ + 1) * 2;
    local_value** const fresh = new local_value*[larger]();
    if (slots_ != few_) delete[] slots_;
    slots_ = fresh;
    mask_ = larger - 1;
    for (local_value* value = newest_; value != nullptr; value = value->older) place(value);
  }

  local_value** slots_ = few_;
  std::size_t mask_ = few - 1;
  std::size_t used_ = 0;
  local_value* newest_ = nullptr;
  local_value* few_[few] = {};
};

thread_local constinit void* thread_slot = nullptr;

void end_thread(void*) noexcept {
  if (thread_slot != nullptr) destroy_locals(thread_slot);
}

// The caller's table, made if it has none. A thread's is given back at its end: registered each time that one
// is made, because destructors of other thread_locals may come back for a new one after the first has gone.
local_table& own_table() {
  void*& slot = current_locals();
  if (slot == nullptr) {
    slot = new local_table();
    if (&slot == &thread_locals_slot()) abi::__cxa_thread_atexit(&end_thread, nullptr, &__dso_handle);
  }
  return *static_cast<local_table*>(slot);
}

}  // namespace

GORO_NOINLINE void*& thread_locals_slot() noexcept {
  asm volatile("");  // keeps the call from being taken for one without effects
  return thread_slot;
}

local_core* make_local_core() {
  local_core* const core = new local_core();
  core->number = cores_made.fetch_add(1, std::memory_order_relaxed);
  return core;
}

void end_local_core(local_core* core) noexcept {
  core->lock.lock();
  local_value* const all = core->first;
  core->first = nullptr;
  for (local_value* value = all; value != nullptr; value = value->next) value->linked = false;
  core->lock.unlock();
  for (local_value* value = all; value != nullptr;) {
    local_value* const next = value->next;
    value->destroy(value->object);
    value->empty.store(true, std::memory_order_release);
    drop_side(value);
    value = next;
  }
  drop_core(core);
}

void* find_local(const local_core* core) noexcept {
  const void* const table = current_locals();
  if (table == nullptr) return nullptr;
  local_value* const value = static_cast<const local_table*>(table)->find(core);
  return value == nullptr ? nullptr : value->object;
}

void* make_local(local_core* core, const local_type& type, const void* maker) {
  const std::size_t align = type.align > alignof(local_value) ? type.align : alignof(local_value);
  const std::size_t offset = (sizeof(local_value) + align - 1) / align * align;
  void* const block = ::operator new (offset + type.size, std::align_val_t{align});
  void* const object = static_cast<char*>(block) + offset;
  core->users.fetch_add(1, std::memory_order_relaxed);
  local_value* const value = ::new (block) local_value{core, object, type.destroy, align};
  bool made = false;
  try {
    type.make(maker, object);  // may park, and may use locals, this one too
    made = true;
    local_table& table = own_table();
    if (local_value* const there = table.find(core); there != nullptr) {
      type.destroy(object);
      free_block(value);
      return there->object;
    }
    table.insert(value);
  } catch (...) {
    if (made) type.destroy(object);
    free_block(value);
    throw;
  }
  const spin_guard guard(core->lock);
  value->next = core->first;
  if (core->first != nullptr) core->first->prev = value;
  core->first = value;
  value->linked = true;
  return object;
}

void reset_local(local_core* core) noexcept {
  void* const locals = current_locals();
  if (locals == nullptr) return;
  local_table* const table = static_cast<local_table*>(locals);
  local_value* const value = table->find(core);
  if (value == nullptr) return;
  table->remove(value);
  drop_entry(value);
}

void destroy_locals(void* locals) noexcept {
  while (locals != nullptr) {
    local_table* const table = static_cast<local_table*>(locals);
    while (local_value* const value = table->newest()) {
      table->remove(value);
      drop_entry(value);
    }
    void*& slot = current_locals();
    if (slot == table) slot = nullptr;
    delete table;
    locals = slot;  // null, unless a destructor found the pointer empty and started anew
  }
}

}  // namespace goro::detail
