# SPDX-License-Identifier: MIT
# The std headers that half of the rooms' sources include are compiled once, in the first room. Only for speed and in
# goro's own builds: where goro is part of another project (test/package/add_subdirectory) each source stands alone.
function(goro_precompile_rooms)
  if(NOT PROJECT_IS_TOP_LEVEL OR NOT GORO_PCH OR GORO_ROOMS_APART)
    return()
  endif()
  get_property(rooms GLOBAL PROPERTY goro_room_targets)
  list(POP_FRONT rooms first)
  set(headers algorithm atomic cerrno concepts csignal cstdint cstdlib cstring exception mutex new optional stdexcept
              string system_error type_traits utility vector)
  list(TRANSFORM headers REPLACE "(.+)" "<\\1>")
  target_precompile_headers(${first} PRIVATE ${headers})
  foreach(room IN LISTS rooms)
    target_precompile_headers(${room} REUSE_FROM ${first})
  endforeach()
endfunction()
