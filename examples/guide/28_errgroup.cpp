// SPDX-License-Identifier: MIT
// ErrGroup: several fetches at once; the first that fails cancels the others, and its error is what wait
// gives.
//
// The servers are this program's own, on loopback: one thread with plain sockets, and a port at which nobody
// listens. A fetch is made of blocking calls, announced to the scheduler by goro::blocking. They know nothing
// of contexts; so once the context is done the socket is shut down under them, and the call that waits ends.
#include "guide.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

class tcp_socket {
 public:
  explicit tcp_socket(int fd) : fd_(fd) {}
  ~tcp_socket() {
    if (fd_ >= 0) close(fd_);
  }
  tcp_socket(const tcp_socket&) = delete;
  tcp_socket& operator=(const tcp_socket&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};
using shared_socket = std::shared_ptr<tcp_socket>;

shared_socket new_socket() {
  return std::make_shared<tcp_socket>(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return at;
}

// A socket at a port that the kernel chooses, and the port; 0: there is none to be had.
std::uint16_t bind_anywhere(const tcp_socket& s) {
  sockaddr_in at = loopback(0);
  socklen_t size = sizeof at;
  if (bind(s.fd(), reinterpret_cast<sockaddr*>(&at), size) != 0) return 0;
  if (getsockname(s.fd(), reinterpret_cast<sockaddr*>(&at), &size) != 0) return 0;
  return ntohs(at.sin_port);
}

// All that comes until the other side closes, or a blank line; nothing if it ends by an error.
bool read_all(const tcp_socket& s, bool until_blank_line, std::string& text) {
  std::array<char, 1024> buffer;
  for (;;) {
    const ssize_t n = ::recv(s.fd(), buffer.data(), buffer.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n == 0;
    text.append(buffer.data(), static_cast<std::size_t>(n));
    if (until_blank_line && text.find("\r\n\r\n") != std::string::npos) return true;
  }
}

bool write_all(const tcp_socket& s, const std::string& text) {
  for (std::size_t done = 0; done != text.size();) {
    const ssize_t n = ::send(s.fd(), text.data() + done, text.size() - done, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<std::size_t>(n);
  }
  return true;
}

// Answers /good, and leaves /slow without an answer until it ends itself. A plain thread; it tells of each
// request that it has read through a channel.
class server {
 public:
  server() : listener_(new_socket()), port_(bind_anywhere(*listener_)) {
    if (port_ == 0 || listen(listener_->fd(), 16) != 0) return;
    thread_ = std::thread([this] { serve(); });
  }
  ~server() {
    shutdown(listener_->fd(), SHUT_RDWR);  // accept ends
    if (thread_.joinable()) goro::blocking([this] { thread_.join(); });
  }
  bool works() const { return thread_.joinable(); }
  std::uint16_t port() const { return port_; }
  goro::recv_chan<std::string> requests() const { return requests_; }

 private:
  void serve() {
    std::vector<shared_socket> unanswered;
    for (;;) {
      const int fd = accept4(listener_->fd(), nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0 && errno == EINTR) continue;
      if (fd < 0) return;
      const auto client = std::make_shared<tcp_socket>(fd);
      std::string request;
      if (!read_all(*client, true, request)) continue;
      const std::string path = request.substr(0, request.find(' ', 4));
      if (path == "GET /slow")
        unanswered.push_back(client);
      else
        write_all(*client, "HTTP/1.0 200 OK\r\n\r\nhello");
      requests_.send(path);
    }
  }

  const shared_socket listener_;
  const std::uint16_t port_;
  const goro::chan<std::string> requests_ = goro::make_chan<std::string>(64);
  std::thread thread_;
};

struct url {
  std::uint16_t port;
  std::string path;
};

// The guide's http.Get, until http is there. Waits in the kernel for as long as the server likes, or until
// the context is done: then it gives the context's error.
std::error_code fetch(const goro::context& ctx, const url& u, std::string& body) {
  if (ctx.err()) return ctx.err();  // check the context before working
  const shared_socket s = new_socket();
  // The function shares the socket: it may come when this call is over, and must not meet another's
  // descriptor.
  const goro::stop_func no_longer = goro::after_func(ctx, [s] { shutdown(s->fd(), SHUT_RDWR); });
  bool good = false;
  int error = 0;
  goro::blocking([&] {
    const sockaddr_in at = loopback(u.port);
    good = connect(s->fd(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0 &&
           write_all(*s, "GET " + u.path + " HTTP/1.0\r\n\r\n") && read_all(*s, false, body);
    error = errno;
  });
  no_longer();
  if (good && !body.empty()) return {};
  if (ctx.err()) return ctx.err();
  return {good ? EPROTO : error, std::generic_category()};
}

}  // namespace

int main() {
  return goro::run([] {
    guide::outcome outcome;
    const std::size_t before = goro::num_goroutine();
    {
      server web;
      const shared_socket nobody = new_socket();  // bound, and nobody listens: connections are refused
      const url good{web.port(), "/good"}, slow{web.port(), "/slow"}, bad{bind_anywhere(*nobody), "/"};
      outcome.expect(web.works() && bad.port != 0, "there is a loopback network");
      if (!web.works()) return outcome.verdict("");

      // All is well.
      {
        auto [g, ctx] = goro::errgroup::with_context(goro::background());
        std::array<std::string, 3> bodies;
        for (std::string& body : bodies) g.go([&body, &good, ctx = ctx] { return fetch(ctx, good, body); });
        std::error_code error;
        g.wait(error);
        std::printf("3 good URLs: %s\n", error ? error.message().c_str() : "all fetches successful");
        outcome.expect(!error && bodies[2].find("hello") != std::string::npos, "the good ones are fetched");
        for (int i = 0; i != 3; ++i) (void)web.requests().recv();
      }

      // One fails. It starts when the server has the slow request, so that there is something to cancel.
      auto [g, ctx] = goro::errgroup::with_context(goro::background());
      std::string slow_body, bad_body;
      std::error_code slow_error;
      g.go([&, ctx = ctx] { return slow_error = fetch(ctx, slow, slow_body); });
      const std::string first_request = web.requests().recv().value_or("");
      g.go([&, ctx = ctx] { return fetch(ctx, bad, bad_body); });
      std::error_code error;
      g.wait(error);

      std::printf("a bad URL beside a slow one: wait says \"%s\"; the slow one ended with \"%s\"\n",
                  error.message().c_str(), slow_error.message().c_str());
      outcome.expect(first_request == "GET /slow", "the slow one was under way");
      outcome.expect(error == std::errc::connection_refused, "wait gives the error of the one that failed");
      outcome.expect(slow_error == goro::errc::canceled, "the slow one was cancelled");
      outcome.expect(ctx.err() == goro::errc::canceled, "through the context");

      std::string never;
      outcome.expect(fetch(ctx, good, never) == goro::errc::canceled, "what comes later does not even begin");
    }
    outcome.expect(guide::settles_at(before), "nothing is left");
    return outcome.verdict("the first error cancelled the others and came out of wait");
  });
}
