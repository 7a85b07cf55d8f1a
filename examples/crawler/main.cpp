// SPDX-License-Identifier: MIT
// A crawler: follows the links of a site, so many fetches at a time, with a progress bar; then says which are broken.
//
// usage: crawler URL [PARALLEL [SECONDS]]      8 at a time and 60 seconds by default; only pages of URL's host
//        crawler --check                       tries itself on a site of its own
//
// Exit code 0: all links lead somewhere. 1: some do not. 2: the arguments make no sense.
#include <goro/goro.hpp>
#include <goro/http.hpp>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace http = goro::http;

// http://host:port of a URL.
std::string_view origin_of(std::string_view url) {
  const std::size_t host = url.find("://");
  return host == std::string_view::npos ? url : url.substr(0, url.find_first_of("/?#", host + 3));
}

// A link as a whole URL without its fragment; "" for one that leaves the host, or is none.
std::string resolved(std::string_view page_url, std::string_view link) {
  const std::string_view origin = origin_of(page_url);
  link = link.substr(0, link.find('#'));
  if (link.empty() || link.find_first_of(" <>\n") != std::string_view::npos || link.substr(0, 2) == "//")
    return "";
  if (link.front() == '/') return std::string(origin).append(link);
  if (link.find(':') != std::string_view::npos) return origin_of(link) == origin ? std::string(link) : "";
  std::string folder(page_url.substr(0, page_url.find_first_of("?#")));
  if (folder.size() == origin.size()) folder += '/';
  return folder.substr(0, folder.rfind('/') + 1).append(link);
}

std::vector<std::string> links_of(std::string_view page_url, std::string_view html) {
  std::vector<std::string> links;
  for (std::size_t at = 0; (at = html.find("href=\"", at)) != std::string_view::npos;) {
    at += 6;
    std::string link = resolved(page_url, html.substr(at, std::min(html.find('"', at), html.size()) - at));
    if (!link.empty()) links.push_back(std::move(link));
  }
  return links;
}

class crawl {
 public:
  crawl(std::string start, int parallel) : start_(std::move(start)), parallel_(parallel) {}

  // Until all is visited or ctx is done. Level by level, so that a page is asked for once and the limit holds.
  void run(const goro::context& parent) {
    std::vector<std::string> level = {start_};
    seen_.insert(start_);
    while (!level.empty() && !parent.err()) {
      std::vector<std::string> next;
      auto [group, ctx] = goro::errgroup::with_context(parent);
      group.set_limit(parallel_);
      for (const std::string& url : level) group.go([&, ctx = ctx] { visit(ctx, url, next); });
      group.wait();
      level = std::move(next);
    }
  }

  int visited() const { return visited_; }
  std::size_t known() {
    const std::lock_guard hold(lock_);
    return seen_.size();
  }
  const std::map<std::string, std::string>& broken() const { return broken_; }  // after run

 private:
  void visit(const goro::context& ctx, const std::string& url, std::vector<std::string>& next) {
    std::string fault;
    std::vector<std::string> links;
    try {
      const http::response page = client_.get(ctx, url);
      if (page.status >= 400) fault = "status " + std::to_string(page.status);
      if (page.headers.get("Content-Type").value_or("").substr(0, 9) == "text/html")
        links = links_of(url, page.body);
      if (const auto where = page.headers.get("Location"); where && page.status / 100 == 3)
        if (std::string link = resolved(url, *where); !link.empty()) links.push_back(std::move(link));
    } catch (const std::system_error& e) {
      if (ctx.err()) return;  // stopped
      fault = e.code().message();
    }
    ++visited_;
    const std::lock_guard hold(lock_);
    if (!fault.empty()) broken_.emplace(url, fault);
    for (std::string& link : links)
      if (seen_.insert(link).second) next.push_back(std::move(link));
  }

  const std::string start_;
  const int parallel_;
  // A redirection is a page with one link: so each is seen once, and links are resolved where they stand.
  http::client client_{{.max_redirects = 0, .timeout = std::chrono::seconds(10), .max_body = 8u << 20}};
  std::atomic<int> visited_{0};
  goro::mutex lock_;
  std::set<std::string> seen_;                 // under lock_
  std::map<std::string, std::string> broken_;  // under lock_
};

// Draws until it is told to stop; only on a terminal.
void draw(crawl& c, const goro::context& until) {
  if (isatty(STDERR_FILENO) == 0) return;
  constexpr int width = 40;
  goro::ticker tick(std::chrono::milliseconds(100));
  do {
    const std::size_t known = std::max<std::size_t>(c.known(), 1);
    const int done = static_cast<int>(static_cast<std::size_t>(c.visited()) * width / known);
    std::fprintf(stderr, "\r[%.*s%*s] %d of %zu", done, "########################################",
                 width - done, "", c.visited(), known);
  } while (tick.c().recv(until));
  std::fprintf(stderr, "\r%*s\r", width + 30, "");
}

int report(crawl& c, std::string_view start, int parallel, const goro::context& ctx) {
  {
    auto [drawing, stop] = goro::with_cancel(goro::background());
    goro::scope bar;
    bar.go([&, ctx = drawing] { draw(c, ctx); });
    c.run(ctx);
    stop();
  }
  for (const auto& [url, fault] : c.broken()) std::printf("broken: %s (%s)\n", url.c_str(), fault.c_str());
  std::printf("%d pages of %.*s, %d at a time: %zu broken%s\n", c.visited(), static_cast<int>(start.size()),
              start.data(), parallel, c.broken().size(), ctx.err() ? "; the time was up" : "");
  return c.broken().empty() ? 0 : 1;
}

// A site of 31 pages in a tree, one of which is missing and one a redirection; counts how many are asked for at once.
int check() {
  std::atomic<int> now{0};
  std::atomic<int> most{0};
  http::server site;
  site.handle("GET /page/{n}", [&](http::response_writer& w, http::request& r) {
    const int at_once = ++now;
    const goro::defer leave([&] { --now; });
    for (int seen = most; seen < at_once && !most.compare_exchange_weak(seen, at_once);) {
    }
    goro::sleep_for(std::chrono::milliseconds(2));
    const int n = std::atoi(std::string(r.path_value("n")).c_str());
    w.headers().set("Content-Type", "text/html");
    if (n >= 16) return w.write("a leaf, with a link back: <a href=\"/page/1#top\">up</a>");
    w.write("<a href=\"" + std::to_string(2 * n) + "\">left</a> <a href=\"/page/" +
            std::to_string(2 * n + 1) + "\">right</a>");
    w.write("<a href=\"http://elsewhere.example/\">not ours</a> <a href=\"mailto:a@b\">nor this</a>");
    if (n == 3) w.write("<a href=\"/missing\">broken</a> <a href=\"/moved\">moved</a>");
  });
  site.handle("GET /moved", [](auto& w, auto&) {
    w.headers().set("Location", "/page/1");
    w.status(301);
  });
  site.listen("127.0.0.1:0");
  auto [ctx, stop] = goro::with_cancel(goro::background());
  auto served = goro::async([&, ctx = ctx] { site.serve(ctx); });
  const std::string start = "http://" + site.local_address().to_string() + "/page/1";
  int code;
  bool good;
  {
    crawl c(start, 4);
    code = report(c, start, 4, goro::background());
    good = code == 1 && c.visited() == 33 && c.broken().size() == 1 && most == 4;
  }
  stop();
  served.get();
  std::printf(good ? "ok: each page was visited once, 4 at a time, and the broken link found\n"
                   : "FAILED: the crawler\n");
  return good ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 4) {
    std::fprintf(stderr, "usage: crawler URL [PARALLEL [SECONDS]] | crawler --check\n");
    return 2;
  }
  const std::string start = argv[1];
  const int parallel = argc > 2 ? std::atoi(argv[2]) : 8;
  const int seconds = argc > 3 ? std::atoi(argv[3]) : 60;
  if (parallel < 1 || seconds < 1) {
    std::fprintf(stderr, "crawler: PARALLEL and SECONDS are at least 1\n");
    return 2;
  }
  return goro::run([&] {
    if (start == "--check") return check();
    auto [ctx, cancel] = goro::with_timeout(goro::background(), std::chrono::seconds(seconds));
    crawl c(start, parallel);
    return report(c, start, parallel, ctx);
  });
}
