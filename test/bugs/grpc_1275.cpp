// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: no
// gRPC-Go issue 1275 (GoKer, no partner left): a stream's reader waits for data; closing the stream should
// have sent it an end, and does not.
#include "bugs/shape.hpp"

namespace bugs::grpc_1275 {

struct stream {
  chan<int> data = make_chan<int>();
};

int read(stream& s) { return s.data.recv().value_or(-1); }

void close(stream& s, bool fixed) {
  if (fixed) s.data.close();  // BUG: only the transport's own table is cleaned up
}

void run(bool fixed) {
  const auto s = std::make_shared<stream>();
  start("reader", [s] { (void)read(*s); });
  start("closer", [s, fixed] { close(*s, fixed); });
}

const shape self{"grpc_1275", run};

}  // namespace bugs::grpc_1275
