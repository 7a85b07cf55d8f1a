# SPDX-License-Identifier: MIT
# Rooms: tools/rooms.txt says which there are and on which floor; a room sees the rooms of lower floors.

# Reads tools/rooms.txt. Sets <out> to the rooms, lowest floor first, and goro_floor_<room> for each.
function(goro_read_rooms out)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tools/rooms.txt)
  file(STRINGS ${PROJECT_SOURCE_DIR}/tools/rooms.txt lines REGEX "^[0-9]")
  set(rooms "")
  foreach(line IN LISTS lines)
    string(REGEX MATCH "^([0-9]+)[ \t]+([a-z_]+)" _ "${line}")
    set(goro_floor_${CMAKE_MATCH_2} ${CMAKE_MATCH_1} PARENT_SCOPE)
    list(APPEND rooms ${CMAKE_MATCH_2})
  endforeach()
  list(REMOVE_DUPLICATES rooms)
  set(${out} ${rooms} PARENT_SCOPE)
endfunction()

# The target goro_check_rooms runs tools/check_rooms.py before anything compiles, once per change of any
# source. Only in goro's own builds: a consumer needs no Python.
function(goro_check_rooms)
  if(NOT PROJECT_IS_TOP_LEVEL)
    return()
  endif()
  file(GLOB_RECURSE watched CONFIGURE_DEPENDS
       ${PROJECT_SOURCE_DIR}/src/*.[ch]pp ${PROJECT_SOURCE_DIR}/src/*.S ${PROJECT_SOURCE_DIR}/include/*.hpp
       ${PROJECT_SOURCE_DIR}/test/*.[ch]pp)
  file(GLOB documents CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/ARCHITECTURE.md)
  set(stamp ${PROJECT_BINARY_DIR}/rooms.stamp)
  add_custom_command(
    OUTPUT ${stamp}
    COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tools/check_rooms.py ${PROJECT_SOURCE_DIR}
    COMMAND ${CMAKE_COMMAND} -E touch ${stamp}
    DEPENDS ${PROJECT_SOURCE_DIR}/tools/check_rooms.py ${PROJECT_SOURCE_DIR}/tools/rooms.txt
            ${watched} ${documents}
    COMMENT "Checking that every include goes down"
    VERBATIM)
  add_custom_target(goro_check_rooms ALL DEPENDS ${stamp})
endfunction()

# goro_room(<room> [OVER <lower rooms>...])  compiles src/<room>; nothing happens while there is none.
#
# Normally a room is an OBJECT library that goes into libgoro, or becomes a library of its own (goro_libraries.cmake).
# With GORO_ROOMS_APART (preset "rooms",
# part of `make check`) it is a shared library of its own, linked with -z defs against lower rooms only:
# a symbol that it takes from a higher room is a link error, even one that was only forward-declared.
function(goro_room room)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "OVER")
  set(folder ${PROJECT_SOURCE_DIR}/src/${room})
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.cpp ${folder}/arch/*.cpp ${folder}/arch/*.S)
  set(foreign x86_64 aarch64)  # of the files made for one processor, ours only
  list(REMOVE_ITEM foreign ${CMAKE_SYSTEM_PROCESSOR})
  foreach(processor IN LISTS foreign)
    list(FILTER sources EXCLUDE REGEX "_${processor}\\.(cpp|S)$")
  endforeach()
  if(NOT sources)
    return()
  endif()
  if(sources MATCHES "\\.S(;|$)")
    enable_language(ASM)
  endif()
  if(EXISTS ${folder}/goro_gdb.py)  # gdb_layout.cpp has it in it
    set_source_files_properties(${folder}/gdb_layout.cpp PROPERTIES OBJECT_DEPENDS ${folder}/goro_gdb.py)
  endif()

  set(name goro_${room})
  if(room IN_LIST goro_library_rooms)
    goro_library_room_needs(${room})
    set(goro_skip_${room} ${goro_skip_${room}} PARENT_SCOPE)
    if(goro_skip_${room})
      return()
    endif()
    set(goro_needs_${room} "${goro_needs_${room}}" PARENT_SCOPE)
    if(NOT GORO_ROOMS_APART)
      set(name goro_room_${room})
    endif()
  endif()

  if(GORO_ROOMS_APART)
    add_library(${name} SHARED ${sources})
    if(NOT GORO_SANITIZE)
      target_link_options(${name} PRIVATE -Wl,-z,defs)
    endif()
  else()
    add_library(${name} OBJECT ${sources})
    set_target_properties(${name} PROPERTIES CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
    if(BUILD_SHARED_LIBS)
      set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    endif()
  endif()
  target_compile_features(${name} PUBLIC cxx_std_20)
  set_target_properties(${name} PROPERTIES CXX_EXTENSIONS OFF)
  # Profilers, sanitizers and goro's own dumps walk frames: it is worth the register.
  target_compile_options(${name} PRIVATE -fno-omit-frame-pointer)
  # A stack that is left is found again by a pointer into itself: what this warning of GCC 12 takes for a fault.
  target_compile_options(${name} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-dangling-pointer>)
  target_compile_definitions(${name} PRIVATE $<$<BOOL:${GORO_MUTANTS}>:GORO_MUTANTS=1>
                                             ${goro_definitions_${room}})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR}/include PRIVATE ${PROJECT_SOURCE_DIR}/src)
  if(goro_includes_${room})
    target_include_directories(${name} SYSTEM PRIVATE ${goro_includes_${room}})
  endif()
  target_link_libraries(${name} PUBLIC Threads::Threads)
  if(GORO_ROOMS_APART)
    target_link_libraries(${name} PRIVATE ${goro_needs_${room}})
    foreach(lower IN LISTS arg_OVER)
      if(TARGET goro_${lower})
        target_link_libraries(${name} PUBLIC goro_${lower})
      endif()
    endforeach()
  endif()
  if(TARGET goro_check_rooms)
    add_dependencies(${name} goro_check_rooms)
  endif()
  if(GORO_ROOMS_APART OR NOT room IN_LIST goro_library_rooms)
    set_property(GLOBAL APPEND PROPERTY goro_room_targets ${name})
  else()
    set_property(GLOBAL APPEND PROPERTY goro_library_room_objects ${room})
  endif()
endfunction()

# All rooms of tools/rooms.txt, each over those on lower floors.
function(goro_rooms)
  goro_read_rooms(rooms)
  foreach(room IN LISTS rooms)
    set(lower "")
    foreach(other IN LISTS rooms)
      if(goro_floor_${other} LESS goro_floor_${room})
        list(APPEND lower ${other})
      endif()
    endforeach()
    goro_room(${room} OVER ${lower})
  endforeach()
  foreach(room IN LISTS goro_library_rooms)
    set(goro_needs_${room} "${goro_needs_${room}}" PARENT_SCOPE)
  endforeach()
endfunction()

# The target goro (alias goro::goro), and goro_internal: the same code with every symbol in reach, which
# the tests link, since the shared library hides what its headers do not declare.
function(goro_library)
  get_property(rooms GLOBAL PROPERTY goro_room_targets)
  if(NOT rooms)
    message(FATAL_ERROR "goro: src/ holds no room of tools/rooms.txt; is the checkout complete?")
  endif()
  if(GORO_ROOMS_APART)
    add_library(goro INTERFACE)
    target_link_libraries(goro INTERFACE ${rooms})
    target_link_options(goro INTERFACE LINKER:-u,goro_detail_last_words)
    add_library(goro::goro ALIAS goro)
    add_library(goro_internal ALIAS goro)
    return()
  endif()

  set(objects "")
  foreach(room IN LISTS rooms)
    list(APPEND objects $<TARGET_OBJECTS:${room}>)
  endforeach()
  add_library(goro ${objects})
  goro_library_usage(goro)
  set_target_properties(goro PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
                                        LINKER_LANGUAGE CXX)
  add_library(goro::goro ALIAS goro)
  if(BUILD_SHARED_LIBS)
    set(script ${PROJECT_SOURCE_DIR}/cmake/exports.map)
    target_link_options(goro PRIVATE -Wl,--version-script=${script})
    set_target_properties(goro PROPERTIES LINK_DEPENDS ${script})
    if(NOT GORO_SANITIZE)
      target_link_options(goro PRIVATE -Wl,-z,defs)
    endif()
    add_library(goro_internal STATIC EXCLUDE_FROM_ALL ${objects})
    goro_library_usage(goro_internal)
    set_target_properties(goro_internal PROPERTIES LINKER_LANGUAGE CXX)
  else()
    add_library(goro_internal ALIAS goro)
  endif()
  get_property(extra GLOBAL PROPERTY goro_library_room_objects)
  foreach(room IN LISTS extra)
    goro_extra_library(${room})
  endforeach()
endfunction()

function(goro_library_usage target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                              $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(${target} PUBLIC Threads::Threads)
  # What fills the scheduler's hooks before main is referred to by nobody: programs ask for it by name.
  if(NOT BUILD_SHARED_LIBS OR target STREQUAL goro_internal)
    target_link_options(${target} INTERFACE LINKER:-u,goro_detail_last_words)
  endif()
  if(goro_sanitizer_flags)
    target_compile_options(${target} INTERFACE ${goro_sanitizer_flags})
    target_link_options(${target} INTERFACE ${goro_sanitizer_flags})
  endif()
endfunction()
