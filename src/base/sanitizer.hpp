// SPDX-License-Identifier: MIT
// AddressSanitizer, ThreadSanitizer and Valgrind are told of every stack and every switch. All of it is
// empty in a build without them, and needs no option but -fsanitize=… in one with them.
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define GORO_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GORO_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define GORO_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GORO_TSAN 1
#endif
#endif

#if defined(GORO_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif
#if defined(GORO_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

// The function that switches TSan's fiber must not itself be instrumented: its entry would be recorded in
// one fiber and its exit in another.
#if defined(GORO_TSAN)
#define GORO_NO_TSAN __attribute__((no_sanitize("thread")))
// What such a function calls and TSan must see (a release, an acquire) must not be inlined into it.
#define GORO_HOT __attribute__((noinline))
#else
#define GORO_NO_TSAN
#define GORO_HOT __attribute__((always_inline)) inline
#endif

namespace goro::detail::sanitizer {

#if defined(GORO_ASAN)
inline constexpr bool asan = true;
// Before a switch away from a stack. `save` keeps this stack's fake frames; null: the stack is left for ever.
[[gnu::always_inline]] inline void leave(void** save, const void* bottom, std::size_t size) noexcept {
  __sanitizer_start_switch_fiber(save, bottom, size);
}
// First thing on the stack that was switched to.
[[gnu::always_inline]] inline void arrive(void* saved, const void** old_bottom = nullptr,
                                          std::size_t* old_size = nullptr) noexcept {
  __sanitizer_finish_switch_fiber(saved, old_bottom, old_size);
}
inline void unpoison(void* from, std::size_t size) noexcept { __asan_unpoison_memory_region(from, size); }
inline void about_to_unwind() noexcept { __asan_handle_no_return(); }
inline void keep_alive(const void* from, std::size_t size) noexcept { __lsan_register_root_region(from, size); }
#else
inline constexpr bool asan = false;
[[gnu::always_inline]] inline void leave(void**, const void*, std::size_t) noexcept {}
[[gnu::always_inline]] inline void arrive(void*, const void** = nullptr, std::size_t* = nullptr) noexcept {}
inline void unpoison(void*, std::size_t) noexcept {}
inline void about_to_unwind() noexcept {}
inline void keep_alive(const void*, std::size_t) noexcept {}
#endif

#if defined(GORO_TSAN)
inline constexpr bool tsan = true;
inline void* create_fiber() noexcept { return __tsan_create_fiber(0); }
inline void destroy_fiber(void* fiber) noexcept { __tsan_destroy_fiber(fiber); }
inline void* current_fiber() noexcept { return __tsan_get_current_fiber(); }
[[gnu::always_inline]] inline void switch_fiber(void* fiber) noexcept { __tsan_switch_to_fiber(fiber, 0); }
#else
inline constexpr bool tsan = false;
inline void* create_fiber() noexcept { return nullptr; }
inline void destroy_fiber(void*) noexcept {}
inline void* current_fiber() noexcept { return nullptr; }
[[gnu::always_inline]] inline void switch_fiber(void*) noexcept {}
#endif

}  // namespace goro::detail::sanitizer
