// SPDX-License-Identifier: MIT
// System calls as bare instructions, for code that has no errno of its own: the helper of stop_world.cpp runs in
// our memory with the thread pointer of the thread that made it. They return what the kernel does, -errno on
// failure. And the mark for functions that no sanitizer may instrument.
#pragma once

#define GORO_BARE __attribute__((no_sanitize("address", "thread", "undefined"), noinline))

namespace goro::detail {

GORO_BARE inline long raw_call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0,
                               long f = 0) noexcept {
#if defined(__x86_64__)
  long result;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 asm("x8") = number;
  register long x0 asm("x0") = a;
  register long x1 asm("x1") = b;
  register long x2 asm("x2") = c;
  register long x3 asm("x3") = d;
  register long x4 asm("x4") = e;
  register long x5 asm("x5") = f;
  asm volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory", "cc");
  return x0;
#endif
}

template <class T>
long as_argument(T* p) noexcept {
  return reinterpret_cast<long>(p);
}

}  // namespace goro::detail
