// SPDX-License-Identifier: MIT
// A chat room in the browser: each message goes to everybody. WebSocket, one goroutine to read and one to write for
// each visitor.
//
// usage: chat [ADDRESS]      127.0.0.1:8080 by default; then open http://127.0.0.1:8080/ in two windows
//        chat --check        tries itself, with visitors of its own
//
// A visitor who does not read keeps nobody waiting: messages wait in a channel of 64, and who has that many unread is
// sent away.
#include "page.hpp"

#include <goro/goro.hpp>
#include <goro/http.hpp>

#include <csignal>
#include <cstdio>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace {

using goro::http::websocket;
using messages = goro::chan<std::string>;

class room {
 public:
  // What the visitor is to be told comes out of the channel, which is closed when he is to go.
  std::pair<int, messages> enter() {
    const messages inbox = goro::make_chan<std::string>(64);
    int id;
    {
      const std::lock_guard hold(lock_);
      id = ++last_;
      visitors_.emplace(id, inbox);
    }
    say("-- visitor " + std::to_string(id) + " has come");
    return {id, inbox};
  }
  void leave(int id) {
    {
      const std::lock_guard hold(lock_);
      const auto at = visitors_.find(id);
      if (at == visitors_.end()) return;
      at->second.close();
      visitors_.erase(at);
    }
    say("-- visitor " + std::to_string(id) + " has gone");
  }
  void say(const std::string& text) {
    const std::lock_guard hold(lock_);
    for (auto at = visitors_.begin(); at != visitors_.end();) {
      std::string copy = text;
      if (at->second.try_send(std::move(copy))) {
        ++at;
      } else {
        at->second.close();
        at = visitors_.erase(at);
      }
    }
  }

 private:
  goro::mutex lock_;
  std::map<int, messages> visitors_;
  int last_ = 0;
};

void visit(room& r, websocket socket) {
  const auto [id, inbox] = r.enter();
  goro::scope both;
  both.go([&, inbox = inbox] {
    try {
      for (const std::string& text : inbox) socket.write(text);
      socket.close(1000, "goodbye");
    } catch (const std::system_error&) {  // he is gone; the reader sees it as well
    }
  });
  try {
    while (auto m = socket.read()) r.say(std::to_string(id) + ": " + m->data);
  } catch (const std::system_error&) {  // gone without a word, or the server is to stop
  }
  r.leave(id);
}

void add_routes(goro::http::server& web, room& r) {
  web.handle("GET /{$}", [](auto& w, auto&) {
    w.headers().set("Content-Type", "text/html; charset=utf-8");
    w.write(page);
  });
  web.handle("GET /socket",
             [&](auto& w, auto& request) { visit(r, websocket::accept(w, request, {.max_message = 4096})); });
}

void serve(std::string_view address) {
  room r;
  goro::http::server web;
  add_routes(web, r);
  web.listen(address);
  auto [ctx, stop] = goro::notify_context(goro::background(), {SIGINT, SIGTERM});
  std::printf("open http://%s/\n", web.local_address().to_string().c_str());
  std::fflush(stdout);
  web.serve(ctx);
}

int check() {
  room r;
  goro::http::server web;
  add_routes(web, r);
  web.listen("127.0.0.1:0");
  const std::string at = web.local_address().to_string();
  auto [ctx, stop] = goro::with_cancel(goro::background());
  auto served = goro::async([&, ctx = ctx] { web.serve(ctx); });
  bool good = goro::http::get(goro::background(), "http://" + at + "/").body == page;

  // Each visitor speaks once, and hears until all have been heard.
  constexpr int visitors = 20;
  std::vector<websocket> sockets;
  for (int i = 0; i != visitors; ++i) {
    sockets.push_back(websocket::dial(goro::background(), "ws://" + at + "/socket"));
    good = good && sockets.back().read();  // who has heard of his own coming is in the room, and misses nothing
  }
  std::vector<int> heard(visitors);
  {
    goro::scope all;
    for (int i = 0; i != visitors; ++i)
      all.go([&, i] {
        websocket& socket = sockets[static_cast<std::size_t>(i)];
        socket.write("hello from " + std::to_string(i));
        while (heard[static_cast<std::size_t>(i)] != visitors) {
          const auto m = socket.read();
          if (!m) return;
          if (m->data.find(": hello from ") != std::string::npos) ++heard[static_cast<std::size_t>(i)];
        }
      });
  }
  for (const int n : heard) good = good && n == visitors;
  stop();
  served.get();
  while (sockets[0].read()) {
  }
  good = good && sockets[0].close_code() == 1001;  // the server has said that it stops
  std::printf(good ? "ok: %d visitors heard each other, and the server's goodbye\n"
                   : "FAILED: chat with %d visitors\n",
              visitors);
  return good ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view argument = argc > 1 ? argv[1] : "127.0.0.1:8080";
  return goro::run([&] {
    try {
      if (argument == "--check") return check();
      serve(argument);
      return 0;
    } catch (const std::exception& e) {
      std::fprintf(stderr, "chat: %s\n", e.what());
      return 1;
    }
  });
}
