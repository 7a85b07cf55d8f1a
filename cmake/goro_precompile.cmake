# SPDX-License-Identifier: MIT
# The std headers that many of the rooms' sources include, most by way of others, are compiled once, in the first room,
# for all of them, most libraries of their own among them. Only for speed and in goro's own builds: where goro is part
# of another project (test/package/add_subdirectory) each source stands alone.
function(goro_precompile_rooms)
  if(NOT PROJECT_IS_TOP_LEVEL OR NOT GORO_PCH OR GORO_ROOMS_APART)
    return()
  endif()
  get_property(rooms GLOBAL PROPERTY goro_room_targets)
  list(POP_FRONT rooms first)
  set(headers algorithm array atomic cerrno chrono concepts csignal cstdint cstdlib cstring exception memory mutex new
              optional span stdexcept string system_error tuple type_traits utility variant vector)
  get_property(extra GLOBAL PROPERTY goro_library_room_objects)
  if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    list(REMOVE_ITEM extra http)  # where GCC 12 warns of lines of std at -O3
  endif()
  list(TRANSFORM extra PREPEND goro_room_)
  list(APPEND rooms ${extra})
  list(TRANSFORM headers REPLACE "(.+)" "<\\1>")
  target_precompile_headers(${first} PRIVATE ${headers})
  foreach(room IN LISTS rooms)
    target_precompile_headers(${room} REUSE_FROM ${first})
  endforeach()
endfunction()

# goro_precompiled_header(<name> <header> <library> <compile options>...)  An object library that is nothing but this
# header, precompiled, for programs that link the library and are compiled with these options:
# target_precompile_headers(<program> REUSE_FROM <name>).
function(goro_precompiled_header name header library)
  if(TARGET ${name})
    return()
  endif()
  file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp "")
  add_library(${name} OBJECT EXCLUDE_FROM_ALL ${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp)
  target_link_libraries(${name} PRIVATE ${library})
  target_compile_options(${name} PRIVATE ${ARGN})
  set_target_properties(${name} PROPERTIES CXX_EXTENSIONS OFF)
  target_precompile_headers(${name} PRIVATE ${header})
endfunction()
