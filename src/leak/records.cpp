// SPDX-License-Identifier: MIT
#include "leak/records.hpp"

#include "base/sanitizer.hpp"

#include <goro/detail/heap_records.hpp>

#include <sys/mman.h>
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace goro::detail {

namespace {

constexpr unsigned address_bits = 48;
constexpr unsigned chunk_bits = 26;
constexpr unsigned grain_bits = 4;
constexpr std::size_t grain = std::size_t{1} << grain_bits;
constexpr std::size_t chunk_count = std::size_t{1} << (address_bits - chunk_bits);
constexpr std::size_t entry_count = std::size_t{1} << (chunk_bits - grain_bits);
constexpr std::size_t page = 4096;
constexpr std::size_t entries_of_page = page / sizeof(std::uint32_t);
constexpr std::size_t large = std::size_t{128} << 10;  // cleared by the kernel

std::uintptr_t number(const void* p) noexcept { return reinterpret_cast<std::uintptr_t>(p); }

}  // namespace

struct record_chunk {
  record_chunk* older;
  std::uintptr_t first;  // address of the memory that it is about
  alignas(page) unsigned char touched[entry_count / entries_of_page];
  alignas(page) std::uint32_t bytes[entry_count];
};

struct record_table {
  std::atomic<record_chunk*> newest;  // linked by `older`: those that a proof reads
  std::atomic<record_chunk*> chunks[chunk_count];
};

namespace {

// Its address says that nobody has looked into the environment yet; the rest is never touched.
constinit char undecided = 0;

record_table* decided(void* known) noexcept { return static_cast<record_table*>(known); }

// Zeros that come as they are touched.
template <class T>
T* reserve() noexcept {
  void* const p =
      mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return p == MAP_FAILED ? nullptr : static_cast<T*>(p);
}

// GORO_DEBUG has the item "leak". Values that mean nothing are refused when the runtime starts (base/settings.cpp).
bool is_asked_for() noexcept {
  constexpr const char item[] = "leak";
  const char* at = std::getenv("GORO_DEBUG");
  while (at != nullptr && *at != '\0') {
    const char* const comma = std::strchr(at, ',');
    const std::size_t n = comma == nullptr ? std::strlen(at) : static_cast<std::size_t>(comma - at);
    if (n == sizeof item - 1 && std::memcmp(at, item, n) == 0) return true;
    at = comma == nullptr ? nullptr : comma + 1;
  }
  return false;
}

// Once, or by a few threads at the same time: the first one's word stays.
[[gnu::cold, gnu::noinline]] record_table* decide() noexcept {
  const int error = errno;
  record_table* const made = is_asked_for() ? reserve<record_table>() : nullptr;
  void* known = &undecided;
  if (the_records.compare_exchange_strong(known, made, std::memory_order_acq_rel)) known = made;
  if (made != nullptr && known != made) munmap(made, sizeof *made);
  errno = error;
  return decided(known);
}

// Acquire: the table's and the chunks' words were zero before they were published. The kernel made them so, but a
// reader of `first` and `older` needs it.
record_table* table() noexcept {
  void* const known = the_records.load(std::memory_order_acquire);
  return known != &undecided ? decided(known) : decide();
}

[[gnu::cold, gnu::noinline]] record_chunk* make_chunk(record_table& t, std::uintptr_t at) noexcept {
  const int error = errno;
  auto* const made = reserve<record_chunk>();
  errno = error;
  if (made == nullptr) return nullptr;
  made->first = at >> chunk_bits << chunk_bits;
  record_chunk* known = nullptr;
  if (!t.chunks[at >> chunk_bits].compare_exchange_strong(known, made, std::memory_order_acq_rel)) {
    munmap(made, sizeof *made);
    return known;
  }
  // In between, others may record here what no proof sees yet: I3.
  made->older = t.newest.load(std::memory_order_relaxed);
  while (!t.newest.compare_exchange_weak(made->older, made, std::memory_order_release)) {
  }
  return made;
}

std::size_t entry_of(std::uintptr_t at) noexcept { return at >> grain_bits & (entry_count - 1); }

// The compiler must not find out that nobody reads these words again.
void clear(void* block, std::size_t n) noexcept {
  auto* const first = static_cast<char*>(block);
  char* middle = first;
  char* rest = first;
  if (n >= large) {
    middle = first + (page - number(first) % page) % page;
    rest = middle + (n - static_cast<std::size_t>(middle - first)) / page * page;
    const int error = errno;
    if (madvise(middle, static_cast<std::size_t>(rest - middle), MADV_DONTNEED) != 0)
      rest = middle;  // locked pages
    errno = error;
  }
  std::memset(first, 0, static_cast<std::size_t>(middle - first));
  std::memset(rest, 0, n - static_cast<std::size_t>(rest - first));
  asm volatile("" : : "r"(first) : "memory");
}

const record_table* table_if_decided() noexcept {
  void* const known = the_records.load(std::memory_order_acquire);
  return known != &undecided ? decided(known) : nullptr;
}

void show_blocks(heap_records::shower show, void* to) noexcept {
  const record_table* const t = table_if_decided();
  if (t == nullptr) return;
  for (const record_chunk* c = t->newest.load(std::memory_order_acquire); c != nullptr; c = c->older)
    for (std::size_t p = 0; p != entry_count / entries_of_page; ++p) {
      if (__atomic_load_n(&c->touched[p], __ATOMIC_RELAXED) == 0) continue;
      for (std::size_t i = p * entries_of_page; i != (p + 1) * entries_of_page; ++i)
        if (const std::uint32_t n = __atomic_load_n(&c->bytes[i], __ATOMIC_RELAXED); n != 0)
          show(to, c->first + i * grain, n);
    }
}

void show_own_memory(heap_records::shower show, void* to) noexcept {
  const record_table* const t = table_if_decided();
  if (t == nullptr) return;
  show(to, number(t), sizeof *t);
  for (const record_chunk* c = t->newest.load(std::memory_order_acquire); c != nullptr; c = c->older)
    show(to, number(c), sizeof *c);
}

constexpr const char* why_not() noexcept {
  if (sanitizer::asan) return "AddressSanitizer has operators new and delete of its own";
  if (sanitizer::tsan) return "ThreadSanitizer has operators new and delete of its own";
  return nullptr;
}

constinit const heap_records seam{why_not(), &show_blocks, &show_own_memory};

[[gnu::constructor]] void tell() noexcept { set_heap_records(&seam); }

}  // namespace

constinit std::atomic<void*> the_records{&undecided};

void record(void* block, std::size_t n) noexcept {
  record_table* const t = table();
  const std::uintptr_t at = number(block);
  if (t == nullptr || n == 0 || n > UINT32_MAX || at % grain != 0 || at >> address_bits != 0) return;
  record_chunk* c = t->chunks[at >> chunk_bits].load(std::memory_order_acquire);
  if (c == nullptr && (c = make_chunk(*t, at)) == nullptr) return;
  const std::size_t i = entry_of(at);
  unsigned char& touched = c->touched[i / entries_of_page];
  if (__atomic_load_n(&touched, __ATOMIC_RELAXED) == 0) __atomic_store_n(&touched, 1, __ATOMIC_RELAXED);
  __atomic_store_n(&c->bytes[i], static_cast<std::uint32_t>(n), __ATOMIC_RELEASE);
}

void forget(void* block) noexcept {
  record_table* const t = table();
  const std::uintptr_t at = number(block);
  if (t == nullptr || at % grain != 0 || at >> address_bits != 0) return;
  record_chunk* const c = t->chunks[at >> chunk_bits].load(std::memory_order_acquire);
  if (c == nullptr) return;
  std::uint32_t& bytes = c->bytes[entry_of(at)];
  const std::uint32_t n = __atomic_load_n(&bytes, __ATOMIC_RELAXED);
  if (n == 0) return;
  __atomic_store_n(&bytes, 0, __ATOMIC_RELEASE);
  clear(block, n);
}

}  // namespace goro::detail
