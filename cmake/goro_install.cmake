# SPDX-License-Identifier: MIT
# `cmake --install`: headers, library, the CMake package and goro.pc. Nothing in it names the prefix, so
# that an installed tree may be moved.
include(CMakePackageConfigHelpers)

get_property(goro_extra GLOBAL PROPERTY goro_extra_libraries)
set(goro_targets goro)
foreach(room IN LISTS goro_extra)
  list(APPEND goro_targets goro_${room})
endforeach()
install(TARGETS ${goro_targets} EXPORT goro_targets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/goro DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.hpp")

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/goro)
install(EXPORT goro_targets FILE goro_targets.cmake NAMESPACE goro:: DESTINATION ${package_folder})
string(JOIN " " goro_components runtime ${goro_extra})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/goro-config.cmake.in
                              ${PROJECT_BINARY_DIR}/goro-config.cmake
                              INSTALL_DESTINATION ${package_folder}
                              NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/goro-config-version.cmake
                                 VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/goro-config.cmake ${PROJECT_BINARY_DIR}/goro-config-version.cmake
        DESTINATION ${package_folder})

# goro.pc finds its prefix from where it lies: lib/pkgconfig is two steps below it, lib/<triplet>/pkgconfig
# three.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(goro_pc_prefix ${CMAKE_INSTALL_PREFIX})
  set(goro_pc_libdir ${CMAKE_INSTALL_LIBDIR})
else()
  file(RELATIVE_PATH up /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
  string(REGEX REPLACE "/$" "" up "${up}")
  set(goro_pc_prefix "\${pcfiledir}/${up}")
  set(goro_pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
endif()
if(IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  set(goro_pc_includedir ${CMAKE_INSTALL_INCLUDEDIR})
else()
  set(goro_pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
string(JOIN " " goro_pc_sanitizer ${goro_sanitizer_flags})
if(BUILD_SHARED_LIBS)
  set(goro_pc_keep "")
else()
  set(goro_pc_keep "-Wl,-u,goro_detail_last_words ")  # as in goro_room.cmake
endif()
configure_file(${PROJECT_SOURCE_DIR}/cmake/goro.pc.in ${PROJECT_BINARY_DIR}/goro.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/goro.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
foreach(goro_pc_room IN LISTS goro_extra)
  set(goro_pc_requires goro)
  foreach(lower IN LISTS goro_over_${goro_pc_room})
    if(lower IN_LIST goro_extra)
      string(APPEND goro_pc_requires ", goro-${lower}")
    endif()
  endforeach()
  list(TRANSFORM goro_needs_${goro_pc_room} PREPEND "-l" OUTPUT_VARIABLE goro_pc_needs)
  string(JOIN " " goro_pc_needs ${goro_pc_needs})
  set(goro_pc_room_keep "")
  if(DEFINED goro_keep_${goro_pc_room})
    set(goro_pc_room_keep "-Wl,-u,${goro_keep_${goro_pc_room}} ")  # as in goro_libraries.cmake
    if(BUILD_SHARED_LIBS)
      string(APPEND goro_pc_room_keep "-Wl,--no-as-needed ")
    endif()
  endif()
  configure_file(${PROJECT_SOURCE_DIR}/cmake/goro-room.pc.in ${PROJECT_BINARY_DIR}/goro-${goro_pc_room}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/goro-${goro_pc_room}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()
