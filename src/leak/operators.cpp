// SPDX-License-Identifier: MIT
// operator new and operator delete of the whole program, which tell the records of each block (records.hpp). They
// do what the C++ library's do: malloc and free, the new handler, and each form by way of the one that the standard
// says, so that a program that replaces some of them itself gets what it expects.
//
// All of them are here in one file, since they are a set; and weak, so that a program that has its own keeps those
// (and no records of them) instead of not linking at all. The sanitizers have theirs, which know more: under them
// this file is empty.
#include "leak/records.hpp"

#include "base/sanitizer.hpp"

#include <cstddef>
#include <cstdlib>
#include <new>

// Naming it brings this file, and by it the records, into a program (cmake/goro_libraries.cmake).
extern "C" __attribute__((visibility("default"))) constinit const void* const goro_detail_heap_records =
    &goro::detail::the_records;

#if !defined(GORO_ASAN) && !defined(GORO_TSAN)

#define GORO_REPLACED __attribute__((weak, visibility("default"), noinline))

namespace {

using goro::detail::forget;
using goro::detail::may_record;
using goro::detail::record;

// Until there is memory, or nobody who can make any.
template <class Allocate>
inline void* get(std::size_t n, Allocate allocate) {
  void* block;
  while ((block = allocate()) == nullptr) {
    const std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) throw std::bad_alloc();
    handler();
  }
  if (may_record()) [[unlikely]]
    record(block, n);
  return block;
}

inline void give_back(void* block) noexcept {
  if (may_record() && block != nullptr) [[unlikely]]
    forget(block);
  std::free(block);
}

}  // namespace

GORO_REPLACED void* operator new(std::size_t n) {
  return get(n, [n] { return std::malloc(n != 0 ? n : 1); });
}

GORO_REPLACED void* operator new(std::size_t n, std::align_val_t alignment) {
  std::size_t align = static_cast<std::size_t>(alignment);
  if (align < sizeof(void*)) align = sizeof(void*);
  if (n > PTRDIFF_MAX - align) throw std::bad_alloc();
  const std::size_t whole = (n + align - 1) / align * align;
  return get(n, [=] { return std::aligned_alloc(align, whole != 0 ? whole : align); });
}

GORO_REPLACED void operator delete(void* block) noexcept { give_back(block); }
GORO_REPLACED void operator delete(void* block, std::align_val_t) noexcept { give_back(block); }

// ---- by way of those

GORO_REPLACED void* operator new[](std::size_t n) { return ::operator new(n); }
GORO_REPLACED void* operator new[](std::size_t n, std::align_val_t align) { return ::operator new(n, align); }

GORO_REPLACED void* operator new(std::size_t n, const std::nothrow_t&) noexcept {
  try {
    return ::operator new(n);
  } catch (...) {
    return nullptr;
  }
}
GORO_REPLACED void* operator new[](std::size_t n, const std::nothrow_t&) noexcept {
  try {
    return ::operator new[](n);
  } catch (...) {
    return nullptr;
  }
}
GORO_REPLACED void* operator new(std::size_t n, std::align_val_t align, const std::nothrow_t&) noexcept {
  try {
    return ::operator new(n, align);
  } catch (...) {
    return nullptr;
  }
}
GORO_REPLACED void* operator new[](std::size_t n, std::align_val_t align, const std::nothrow_t&) noexcept {
  try {
    return ::operator new[](n, align);
  } catch (...) {
    return nullptr;
  }
}

GORO_REPLACED void operator delete[](void* p) noexcept { ::operator delete(p); }
GORO_REPLACED void operator delete[](void* p, std::align_val_t align) noexcept {
  ::operator delete(p, align);
}
GORO_REPLACED void operator delete(void* p, std::size_t) noexcept { ::operator delete(p); }
GORO_REPLACED void operator delete[](void* p, std::size_t) noexcept { ::operator delete[](p); }
GORO_REPLACED void operator delete(void* p, std::size_t, std::align_val_t align) noexcept {
  ::operator delete(p, align);
}
GORO_REPLACED void operator delete[](void* p, std::size_t, std::align_val_t align) noexcept {
  ::operator delete[](p, align);
}
GORO_REPLACED void operator delete(void* p, const std::nothrow_t&) noexcept { ::operator delete(p); }
GORO_REPLACED void operator delete[](void* p, const std::nothrow_t&) noexcept { ::operator delete[](p); }
GORO_REPLACED void operator delete(void* p, std::align_val_t align, const std::nothrow_t&) noexcept {
  ::operator delete(p, align);
}
GORO_REPLACED void operator delete[](void* p, std::align_val_t align, const std::nothrow_t&) noexcept {
  ::operator delete[](p, align);
}

#endif
