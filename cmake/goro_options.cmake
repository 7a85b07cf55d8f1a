# SPDX-License-Identifier: MIT
# The build options, and what they do to every target of this tree. There are no others: what a program
# may want to change is a run-time setting (src/base/settings.cpp).
option(BUILD_SHARED_LIBS "Build libgoro as a shared library" OFF)
option(GORO_ROOMS_APART "Build each room as a library against lower rooms only: a check, not for use" OFF)
option(GORO_MUTANTS "Compile the faults that the tests must find (GORO_MUTANT points)" OFF)
option(GORO_BUILD_TESTS "Build goro's tests" ${PROJECT_IS_TOP_LEVEL})
option(GORO_BUILD_BENCH "Build goro's benchmarks" ${PROJECT_IS_TOP_LEVEL})
option(GORO_BUILD_EXAMPLES "Build goro's examples" ${PROJECT_IS_TOP_LEVEL})
option(GORO_PCH "Precompile the headers that the library's sources and the guide include" ON)
option(GORO_TEST_PCH "Precompile the headers that most tests include" ON)
option(GORO_QUICK_TO_BUILD "Tests (but stress) and benchmarks unoptimised, with line tables only" OFF)
set(GORO_SANITIZE "" CACHE STRING "Sanitizers for the whole tree: empty, \"address;undefined\" or \"thread\"")

foreach(sanitizer IN LISTS GORO_SANITIZE)
  if(NOT sanitizer MATCHES "^(address|undefined|thread)$")
    message(FATAL_ERROR "goro: GORO_SANITIZE=${GORO_SANITIZE}: \"${sanitizer}\" is not known; "
                        "allowed are address, undefined and thread, separated by semicolons")
  endif()
endforeach()
if("thread" IN_LIST GORO_SANITIZE AND "address" IN_LIST GORO_SANITIZE)
  message(FATAL_ERROR "goro: GORO_SANITIZE=${GORO_SANITIZE}: address and thread exclude each other; "
                      "choose one")
endif()

if(PROJECT_IS_TOP_LEVEL)
  if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release, RelWithDebInfo" FORCE)
  endif()
  # A compiler cache makes the second checkout quick. Who sets a launcher keeps it.
  find_program(GORO_CCACHE ccache)
  mark_as_advanced(GORO_CCACHE)
  if(GORO_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${GORO_CCACHE})
  endif()
  if((GORO_PCH OR GORO_TEST_PCH) AND CMAKE_CXX_COMPILER_LAUNCHER MATCHES "(^|/)ccache$")
    # It takes no source with a precompiled header unless told that macros and times in there do not matter.
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros
                                    ${CMAKE_CXX_COMPILER_LAUNCHER})
  endif()
  add_compile_options(-Wall -Wextra -Wpedantic)
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # GCC 12 takes "text" + std::string at -O3 for an overlapping copy (GCC bug 105651).
    add_compile_options(-Wno-restrict)
  endif()
endif()

# Flags that the library, and whoever links an instrumented library, must agree on.
set(goro_sanitizer_flags "")
if(GORO_SANITIZE)
  string(REPLACE ";" "," names "${GORO_SANITIZE}")
  set(goro_sanitizer_flags -fsanitize=${names})
  add_compile_options(${goro_sanitizer_flags} -fno-omit-frame-pointer)
  add_link_options(${goro_sanitizer_flags})
  if("undefined" IN_LIST GORO_SANITIZE)
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
  if("address" IN_LIST GORO_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # Its checks keep GCC 12 from seeing that an optional's value is read only when there is one.
    add_compile_options(-Wno-maybe-uninitialized)
  endif()
  if("thread" IN_LIST GORO_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # GCC says at each fence that TSan does not model it. That must be seen, and is no reason to stop.
    # … and between its checks GCC 12 sees strings grow beyond their ends (as with -Wrestrict above).
    add_compile_options(-Wno-error=tsan -Wno-array-bounds -Wno-stringop-overflow)
  endif()
endif()
