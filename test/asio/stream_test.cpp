// SPDX-License-Identifier: MIT
// What is built on Asio: SSL streams, and HTTP by Beast over one.
#include "asio/fixture.hpp"
#include "support/certificates.hpp"

#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/version.hpp>

#include <string>
#include <vector>

namespace {

using namespace goro_test;
namespace ssl = boost::asio::ssl;
namespace beast = boost::beast;
namespace http = boost::beast::http;

class AsioStream : public AsioTest {
 protected:
  AsioStream() {
    const certificate own = authority_.issue({.names = {"localhost"}});
    server_.use_certificate_chain(asio::buffer(own.pem));
    server_.use_private_key(asio::buffer(own.key), ssl::context::pem);
    client_.add_certificate_authority(asio::buffer(authority_.pem()));
    client_.set_verify_mode(ssl::verify_peer);
    client_.set_verify_callback(ssl::host_name_verification("localhost"));
  }

  certificate_authority authority_;
  ssl::context server_{ssl::context::tls_server};
  ssl::context client_{ssl::context::tls_client};
  goro::asio_runner io_{2};
};

TEST_F(AsioStream, AS30_ASecureStream) {
  from_both([this] {
    auto ends = connection(io_.context());
    goro::scope s;
    constexpr std::size_t bytes = 300'000;
    s.go([&] {
      ssl::stream<tcp::socket> stream(std::move(ends.second), server_);
      stream.async_handshake(ssl::stream_base::server, use_goroutine);
      std::vector<char> data(bytes);
      EXPECT_EQ(asio::async_read(stream, asio::buffer(data), use_goroutine), bytes);
      EXPECT_EQ(asio::async_write(stream, asio::buffer(data), use_goroutine), bytes);
      error_code ec;
      stream.async_shutdown(use_goroutine[ec]);
    });
    ssl::stream<tcp::socket> stream(std::move(ends.first), client_);
    stream.async_handshake(ssl::stream_base::client, use_goroutine);
    std::vector<char> data(bytes, 'x');
    std::vector<char> back(bytes);
    EXPECT_EQ(asio::async_write(stream, asio::buffer(data), use_goroutine), bytes);
    EXPECT_EQ(asio::async_read(stream, asio::buffer(back), use_goroutine), bytes);
    EXPECT_EQ(data, back);
    error_code ec;
    stream.async_shutdown(use_goroutine[ec]);
    s.wait();
  });
}

TEST_F(AsioStream, AS30_AHandshakeEndsWithItsContext) {
  from_both([this] {
    auto ends = connection(io_.context());  // nobody answers
    ssl::stream<tcp::socket> stream(std::move(ends.first), client_);
    const auto [ctx, cancel] = goro::with_timeout(goro::background(), 20ms);
    EXPECT_EQ(std::error_code(code_of_failure(
                  [&, &ctx = ctx] { stream.async_handshake(ssl::stream_base::client, use_goroutine(ctx)); })),
              goro::errc::deadline_exceeded);
  });
}

TEST_F(AsioStream, AS31_BeastInBlockingStyle) {
  from_both([this] {
    tcp::acceptor acceptor(io_.context(), loopback());
    goro::scope s;
    s.go([&] {
      beast::ssl_stream<beast::tcp_stream> stream(beast::tcp_stream(acceptor.async_accept(use_goroutine)),
                                                  server_);
      stream.async_handshake(ssl::stream_base::server, use_goroutine);
      beast::flat_buffer buffer;
      for (int i = 0; i != 3; ++i) {
        http::request<http::string_body> request;
        http::async_read(stream, buffer, request, use_goroutine);
        http::response<http::string_body> answer(http::status::ok, request.version());
        answer.body() = "you said " + request.body();
        answer.prepare_payload();
        http::async_write(stream, answer, use_goroutine);
      }
    });
    beast::ssl_stream<beast::tcp_stream> stream(io_.context(), client_);
    beast::get_lowest_layer(stream).async_connect(acceptor.local_endpoint(), use_goroutine);
    stream.async_handshake(ssl::stream_base::client, use_goroutine);
    const auto [ctx, cancel] = goro::with_cancel(goro::background());
    beast::flat_buffer buffer;
    for (int i = 0; i != 3; ++i) {
      http::request<http::string_body> request(http::verb::post, "/", 11);
      request.body() = std::to_string(i);
      request.prepare_payload();
      http::async_write(stream, request, use_goroutine(ctx));
      http::response<http::string_body> answer;
      http::async_read(stream, buffer, answer, use_goroutine(ctx));
      EXPECT_EQ(answer.body(), "you said " + std::to_string(i));
    }
    s.wait();
  });
}

}  // namespace
