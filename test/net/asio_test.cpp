// SPDX-License-Identifier: MIT
// A conn under Boost.Asio's own algorithms, which know it only as a SyncReadStream and SyncWriteStream.
#if __has_include(<boost/asio/read.hpp>)
#define BOOST_ERROR_CODE_HEADER_ONLY
#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include "net/connected.hpp"

#include <array>

namespace {

using namespace goro_test;
namespace asio = boost::asio;

class Asio : public OfEachKind {};
GORO_OF_EACH_KIND(Asio);

TEST_P(Asio, ReadsAndWritesWhole) {
  auto [client, server] = connect(GetParam());
  const std::string big(400'000, 'b');
  goro::scope s;
  s.go([&client = client, &big] {
    const std::array<asio::const_buffer, 3> parts = {asio::buffer("head", 4), asio::buffer(big),
                                                     asio::buffer("\n", 1)};
    EXPECT_EQ(asio::write(client, parts), big.size() + 5);
    client.close_write();
  });
  char head[4];
  EXPECT_EQ(asio::read(server, asio::buffer(head)), 4u);
  EXPECT_EQ(std::string(head, 4), "head");
  std::string line;
  EXPECT_EQ(asio::read_until(server, asio::dynamic_buffer(line), '\n'), big.size() + 1);
  EXPECT_EQ(line, big + "\n");
  boost::system::error_code ec;
  char rest[4];
  EXPECT_EQ(asio::read(server, asio::buffer(rest), ec), 0u);
  EXPECT_TRUE(ec == net::make_error_code(net::errc::end_of_stream)) << ec.message();
  s.wait();
}

TEST_P(Asio, ErrorsComeThrough) {
  auto [client, server] = connect(GetParam());
  client.set_read_deadline(goro::clock::now() - 1s);
  boost::system::error_code ec;
  char into[4];
  EXPECT_EQ(asio::read(client, asio::buffer(into), ec), 0u);
  EXPECT_TRUE(std::error_code(ec) == std::errc::timed_out) << ec.message();
  client.close();
  EXPECT_EQ(asio::write(client, asio::buffer("x", 1), ec), 0u);
  EXPECT_TRUE(std::error_code(ec) == net::errc::closed) << ec.message();
}

}  // namespace
#endif
