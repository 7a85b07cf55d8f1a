// SPDX-License-Identifier: MIT
// Boost.Asio in blocking style: an echo server with a goroutine a connection, its clients, and a deadline.
#include <goro/asio.hpp>
#include <goro/goro.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include <chrono>
#include <cstdio>
#include <string>

namespace asio = boost::asio;
using asio::ip::tcp;
using goro::use_goroutine;

void echo(tcp::socket peer) try {
  for (std::string line;;) {
    const std::size_t n = asio::async_read_until(peer, asio::dynamic_buffer(line), '\n', use_goroutine);
    asio::async_write(peer, asio::buffer(line, n), use_goroutine);
    line.erase(0, n);
  }
} catch (const boost::system::system_error& e) {
  if (e.code() != asio::error::eof) std::printf("echo: %s\n", e.what());
}

void serve(tcp::acceptor& acceptor, const goro::context& ctx) try {
  goro::scope connections;
  for (;;) {
    tcp::socket peer = acceptor.async_accept(use_goroutine(ctx));
    connections.go([peer = std::move(peer)]() mutable { echo(std::move(peer)); });
  }
} catch (const boost::system::system_error& e) {
  std::printf("serve: %s\n", e.code().message().c_str());
}

bool ask(asio::io_context& io, const tcp::endpoint& server, int number) {
  tcp::socket socket(io);
  socket.async_connect(server, use_goroutine);
  const std::string question = "hello " + std::to_string(number) + "\n";
  asio::async_write(socket, asio::buffer(question), use_goroutine);
  std::string answer;
  const auto [ctx, cancel] = goro::with_timeout(goro::background(), std::chrono::seconds(10));
  asio::async_read_until(socket, asio::dynamic_buffer(answer), '\n', use_goroutine(ctx));
  return answer == question;
}

int main() {
  goro::asio_runner io(2);
  tcp::acceptor acceptor(io.context(), {asio::ip::address_v4::loopback(), 0});
  const auto [ctx, stop] = goro::with_cancel(goro::background());
  goro::scope server;
  server.go([&, &ctx = ctx] { serve(acceptor, ctx); });

  int right = 0;
  {
    auto answers = goro::make_chan<bool>();
    for (int i = 0; i != 100; ++i)
      goro::go([&, answers, i] { answers.send(ask(io.context(), acceptor.local_endpoint(), i)); });
    for (int i = 0; i != 100; ++i) right += *answers.recv();
  }
  stop();
  server.wait();
  std::printf("%d of 100 answers were right\n", right);
  return right == 100 ? 0 : 1;
}
