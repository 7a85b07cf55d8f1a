// SPDX-License-Identifier: MIT
// The network in plain blocking style: a goroutine waits, its thread goes on with others. Link goro::net.
#pragma once

#include <goro/net/address.hpp>
#include <goro/net/conn.hpp>
#include <goro/net/dial.hpp>
#include <goro/net/error.hpp>
#include <goro/net/file.hpp>
#include <goro/net/listener.hpp>
#include <goro/net/pipe.hpp>
#include <goro/net/stream.hpp>
#include <goro/net/udp.hpp>
