// SPDX-License-Identifier: MIT
// Everything of the room sync: waiting for goroutines and for their results.
#pragma once

#include <goro/cond.hpp>
#include <goro/condition_variable.hpp>
#include <goro/future.hpp>
#include <goro/mutex.hpp>
#include <goro/once.hpp>
#include <goro/rw_mutex.hpp>
#include <goro/concurrent_map.hpp>
#include <goro/future.hpp>
#include <goro/pool.hpp>
#include <goro/scope.hpp>
#include <goro/semaphore.hpp>
#include <goro/singleflight.hpp>
#include <goro/wait_group.hpp>
