// SPDX-License-Identifier: MIT
// Symbol visibility: the library is built with everything hidden, and GORO_API names the exceptions.
#pragma once

// Marks a class or function that programs link to. All other symbols stay inside the library, so that nobody
// can come to depend on them.
#define GORO_API __attribute__((visibility("default")))

// Keeps a function out of line, where its frame or its cold code must not end up in the caller.
#define GORO_NOINLINE __attribute__((noinline))
