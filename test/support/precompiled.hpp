// SPDX-License-Identifier: MIT
// What most tests include, compiled once (GORO_TEST_PCH in test/CMakeLists.txt). Only for speed: a test includes
// what it uses all the same, and the preset "clang" compiles the tests without this.
#pragma once

#include "support/at_procs.hpp"
#include "support/child.hpp"
#include "support/eventually.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>
