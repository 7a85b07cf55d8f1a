# SPDX-License-Identifier: MIT
# Run by CTest when it starts, once for each test program that was built: makes a test of each GoogleTest case.
# CMake's own gtest_discover_tests stops all of CTest when one program cannot start; here that is one failed test.
#
# Given: program, prefix, properties (a list for set_tests_properties).
if(NOT EXISTS "${program}")
  return()  # only some kinds were built
endif()
execute_process(COMMAND "${program}" --gtest_list_tests TIMEOUT 60
                RESULT_VARIABLE status OUTPUT_VARIABLE listed ERROR_QUIET)
if(NOT status EQUAL 0)
  get_filename_component(name "${program}" NAME)
  add_test("${prefix}${name}.starts" "${program}" --gtest_list_tests)
  set_tests_properties("${prefix}${name}.starts" PROPERTIES ${properties})
  return()
endif()

string(REGEX REPLACE " *#[^\n]*" "" listed "${listed}")  # GetParam() = ..., TypeParam = ...
string(REPLACE "\n" ";" listed "${listed}")
set(suite "")
foreach(line IN LISTS listed)
  if(line MATCHES "^([A-Za-z0-9_/]+\\.)$")
    set(suite "${CMAKE_MATCH_1}")
  elseif(suite AND line MATCHES "^  ([A-Za-z0-9_/]+)$")
    set(case "${suite}${CMAKE_MATCH_1}")
    if(case MATCHES "(^|[./])DISABLED_")
      continue()
    endif()
    add_test("${prefix}${case}" "${program}" "--gtest_filter=${case}")
    set_tests_properties("${prefix}${case}" PROPERTIES ${properties})
  endif()
endforeach()
