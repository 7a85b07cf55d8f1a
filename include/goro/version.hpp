// SPDX-License-Identifier: MIT
// The version of these headers, for the preprocessor and for programs.
//
//   static_assert(goro::version >= 100);                 // 0.1.0 or newer
//
// Versions follow semantic versioning; before 1.0 each minor version may change names and layouts.
#pragma once

#define GORO_VERSION_MAJOR 0
#define GORO_VERSION_MINOR 1
#define GORO_VERSION_PATCH 0
#define GORO_VERSION_STRING "0.1.0"

namespace goro {

inline constexpr int version_major = GORO_VERSION_MAJOR;
inline constexpr int version_minor = GORO_VERSION_MINOR;
inline constexpr int version_patch = GORO_VERSION_PATCH;

// One number that grows with every version: major * 10000 + minor * 100 + patch.
inline constexpr int version = version_major * 10000 + version_minor * 100 + version_patch;
inline constexpr const char* version_string = GORO_VERSION_STRING;

}  // namespace goro
