// SPDX-License-Identifier: MIT
// HTTP/1.1 in plain blocking style: server, client, WebSocket. Link goro::http.
#pragma once

#include <goro/http/client.hpp>
#include <goro/http/message.hpp>
#include <goro/http/router.hpp>
#include <goro/http/server.hpp>
#include <goro/http/websocket.hpp>
