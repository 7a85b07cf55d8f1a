// SPDX-License-Identifier: MIT
// All of goro, for those who want one include. The headers below can be had one by one, which compiles faster.
#pragma once

#include <goro/chan.hpp>
#include <goro/clock.hpp>
#include <goro/context.hpp>
#include <goro/debug.hpp>
#include <goro/defer.hpp>
#include <goro/errc.hpp>
#include <goro/errgroup.hpp>
#include <goro/go.hpp>
#include <goro/leak.hpp>
#include <goro/local.hpp>
#include <goro/select.hpp>
#include <goro/signal.hpp>
#include <goro/sync.hpp>
#include <goro/time.hpp>
#include <goro/version.hpp>
#include <goro/worker_pool.hpp>
