// SPDX-License-Identifier: MIT
// ErrGroup over http.Get: all is well; then one bad URL cancels the others.
//
// This is the guide's program as it stands there: errgroup.WithContext, http.Get with the context, Wait. The
// servers are this program's own, on loopback. (28 has the same without http.)
#include "guide.hpp"

#include <goro/http.hpp>

#include <string>
#include <vector>

namespace {

// Fetches all, and gives the first error, if there is one.
std::error_code fetch_all(const std::vector<std::string>& urls, std::vector<goro::http::response>& results) {
  auto [group, ctx] = goro::errgroup::with_context(goro::background());
  results.resize(urls.size());
  for (std::size_t i = 0; i != urls.size(); ++i)
    group.go([&, i, ctx = ctx] {
      results[i] = goro::http::get(ctx, urls[i]);
      if (results[i].status != 200)
        throw std::system_error(std::make_error_code(std::errc::no_message), urls[i]);
    });
  std::error_code error;
  group.wait(error);
  return error;
}

}  // namespace

int main() {
  return goro::run([] {
    guide::outcome outcome;
    const std::size_t before = goro::num_goroutine();
    {
      goro::http::server web;
      const auto slow_begun = goro::make_chan<int>(4);
      const auto slow_ended = goro::make_chan<std::error_code>(4);
      web.handle("GET /page/{n}", [](goro::http::response_writer& w, goro::http::request& r) {
        w.write("this is page ");
        w.write(r.path_value("n"));
      });
      web.handle("GET /slow", [=](auto&, auto& r) {  // as slow as a database that is down
        slow_begun.send(1);
        slow_ended.send(goro::sleep_for(1h, r.context()));
      });
      web.handle("GET /bad", [=](auto& w, auto&) {
        (void)slow_begun.recv();  // so that there is something to cancel
        w.status(500);
      });
      web.listen("127.0.0.1:0");
      const std::string at = "http://" + web.local_address().to_string();
      auto [ctx, stop] = goro::with_cancel(goro::background());
      auto served = goro::async([&, ctx = ctx] { web.serve(ctx); });

      std::vector<goro::http::response> results;
      std::error_code error = fetch_all({at + "/page/1", at + "/page/2", at + "/page/3"}, results);
      std::printf("3 good URLs: %s; the last says \"%s\"\n", error ? error.message().c_str() : "all fetched",
                  results[2].body.c_str());
      outcome.expect(!error && results[2].body == "this is page 3", "the good ones are fetched");

      const guide::stopwatch watch;
      error = fetch_all({at + "/page/1", at + "/slow", at + "/bad"}, results);
      const auto how = slow_ended.recv();
      std::printf(
          "a bad one beside one that takes an hour: \"%s\" after %.1f ms; the server's handler ended with "
          "\"%s\"\n",
          error.message().c_str(), watch.ms(), how->message().c_str());
      outcome.expect(error == std::errc::no_message, "wait gives the error of the one that failed");
      outcome.expect(*how == goro::errc::canceled,
                     "the slow request was cancelled, down to the server's handler");
      stop();
      served.get();
    }
    outcome.expect(guide::settles_at(before), "nothing is left");
    return outcome.verdict("one bad URL cancelled the rest, and the handler at the other end saw it");
  });
}
