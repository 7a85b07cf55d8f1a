// SPDX-License-Identifier: MIT
// A small JSON API: notes that are kept in memory. Stops in good order at SIGTERM and Ctrl-C.
//
// usage: http_api [ADDRESS]      127.0.0.1:8080 by default
//        http_api --check        tries itself, on a port of its own
//
//   curl -d '{"text":"buy milk"}' localhost:8080/notes      {"id":1,"text":"buy milk"}
//   curl localhost:8080/notes/1
//   curl -X DELETE localhost:8080/notes/1
//   kill -TERM <pid>                                        requests under way are answered first
#include <goro/goro.hpp>
#include <goro/http.hpp>

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace {

namespace http = goro::http;

std::string quoted(std::string_view s) {
  std::string text = "\"";
  for (const char c : s) {
    if (c == '"' || c == '\\') {
      text.append("\\").append(1, c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char code[8];
      std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned>(c));
      text += code;
    } else {
      text += c;
    }
  }
  return text + '"';
}

// The string that is the value of "text" in a flat object: as much JSON as this API takes. A real one has a library.
std::optional<std::string> text_of(std::string_view json) {
  std::size_t at = json.find("\"text\"");
  if (at == std::string_view::npos) return std::nullopt;
  at = json.find_first_not_of(" \t\r\n", at + 6);
  if (at == std::string_view::npos || json[at] != ':') return std::nullopt;
  at = json.find_first_not_of(" \t\r\n", at + 1);
  if (at == std::string_view::npos || json[at] != '"') return std::nullopt;
  std::string text;
  for (++at; at < json.size() && json[at] != '"'; ++at) {
    if (json[at] != '\\') {
      text += json[at];
      continue;
    }
    if (++at == json.size()) return std::nullopt;
    switch (json[at]) {
      case 'n': text += '\n'; break;
      case 't': text += '\t'; break;
      case '"':
      case '\\':
      case '/': text += json[at]; break;
      default: return std::nullopt;
    }
  }
  return at < json.size() ? std::optional(text) : std::nullopt;
}

class notes {
 public:
  int add(std::string text) {
    const std::lock_guard hold(lock_);
    all_.emplace(++last_, std::move(text));
    return last_;
  }
  std::optional<std::string> find(int id) {
    const std::lock_guard hold(lock_);
    const auto at = all_.find(id);
    return at == all_.end() ? std::nullopt : std::optional(at->second);
  }
  bool erase(int id) {
    const std::lock_guard hold(lock_);
    return all_.erase(id) != 0;
  }
  std::string to_json() {
    const std::lock_guard hold(lock_);
    std::string text = "[";
    for (const auto& [id, note] : all_)
      text += (text.size() > 1 ? "," : "") + ("{\"id\":" + std::to_string(id)) + ",\"text\":" + quoted(note) +
              "}";
    return text + "]\n";
  }

 private:
  goro::mutex lock_;
  std::map<int, std::string> all_;
  int last_ = 0;
};

int id_of(const http::request& r) {
  int id = 0;
  for (const char c : r.path_value("id")) {
    if (c < '0' || c > '9' || id > 100'000'000) throw http::status_error(404, "there is no such note");
    id = id * 10 + (c - '0');
  }
  return id;
}

void answer(http::response_writer& w, std::string_view json) {
  w.headers().set("Content-Type", "application/json");
  w.write(json);
}

void add_routes(http::server& web, notes& all) {
  web.handle("GET /notes", [&](http::response_writer& w, http::request&) { answer(w, all.to_json()); });
  web.handle("POST /notes", [&](http::response_writer& w, http::request& r) {
    const auto text = text_of(r.body());
    if (!text) throw http::status_error(400, "send an object with a \"text\"");
    const std::string id = std::to_string(all.add(*text));
    w.status(201);
    w.headers().set("Location", "/notes/" + id);
    answer(w, "{\"id\":" + id + ",\"text\":" + quoted(*text) + "}\n");
  });
  web.handle("GET /notes/{id}", [&](http::response_writer& w, http::request& r) {
    const int id = id_of(r);
    const auto text = all.find(id);
    if (!text) throw http::status_error(404, "there is no such note");
    answer(w, "{\"id\":" + std::to_string(id) + ",\"text\":" + quoted(*text) + "}\n");
  });
  web.handle("DELETE /notes/{id}", [&](http::response_writer& w, http::request& r) {
    if (!all.erase(id_of(r))) throw http::status_error(404, "there is no such note");
    w.status(204);
  });
  web.handle("GET /slow", [](http::response_writer& w, http::request& r) {  // to see a stop wait for it
    (void)goro::sleep_for(std::chrono::milliseconds(200), r.context());
    answer(w, "{\"slow\":true}\n");
  });
}

http::server_options options() {
  http::server_options o;
  o.drain_timeout = std::chrono::seconds(10);
  o.on_error = [](const http::request& r, std::exception_ptr error) {
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& e) {
      std::fprintf(stderr, "%.*s: %s\n", static_cast<int>(r.target().size()), r.target().data(), e.what());
    } catch (...) {
    }
  };
  return o;
}

void serve(std::string_view address) {
  notes all;
  http::server web(options());
  add_routes(web, all);
  web.listen(address);
  auto [ctx, stop] = goro::notify_context(goro::background(), {SIGINT, SIGTERM});
  std::printf("listening on http://%s/notes\n", web.local_address().to_string().c_str());
  std::fflush(stdout);
  web.serve(ctx);
  std::printf("stopped\n");
}

// Asks itself all it can do, and stops by SIGTERM while a request is under way.
int check() {
  notes all;
  http::server web(options());
  add_routes(web, all);
  web.listen("127.0.0.1:0");
  const std::string at = "http://" + web.local_address().to_string();
  auto [ctx, stop] = goro::notify_context(goro::background(), {SIGTERM});
  auto served = goro::async([&, ctx = ctx] { web.serve(ctx); });
  int failed = 0;
  const auto expect = [&](bool holds, const char* what) {
    if (holds) return;
    std::printf("FAILED: %s\n", what);
    ++failed;
  };
  const auto none = goro::background();
  const http::response made =
      http::post(none, at + "/notes", "application/json", "{\"text\": \"say \\\"hi\\\"\"}");
  expect(made.status == 201 && made.body == "{\"id\":1,\"text\":\"say \\\"hi\\\"\"}\n", "a note is made");
  expect(http::get(none, at + std::string(made.headers.get("Location").value_or(""))).body == made.body,
         "and found where it is said to be");
  expect(http::get(none, at + "/notes").body == "[{\"id\":1,\"text\":\"say \\\"hi\\\"\"}]\n",
         "and in the list");
  expect(http::post(none, at + "/notes", "application/json", "[]").status == 400,
         "what is no note is refused");
  expect(http::get(none, at + "/notes/x").status == 404, "and a note that is not there");
  http::client client;
  expect(client.send(none, "PUT", at + "/notes", {}, "").headers.get("Allow") == "GET, HEAD, POST",
         "PUT is not known");
  expect(client.send(none, "DELETE", at + "/notes/1", {}, "").status == 204, "a note is taken away");
  expect(http::get(none, at + "/notes/1").status == 404, "and is gone");
  auto slow = goro::async([&] { return http::get(none, at + "/slow").status; });
  goro::sleep_for(std::chrono::milliseconds(50));
  ::kill(::getpid(), SIGTERM);
  expect(slow.get() == 200, "a request under way is answered although the server stops");
  served.get();
  std::printf(failed == 0 ? "ok: the API did all that it promises, and stopped at SIGTERM\n"
                          : "http_api failed\n");
  return failed;
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
      std::fprintf(stderr, "http_api: %s\n", e.what());
      return 1;
    }
  });
}
