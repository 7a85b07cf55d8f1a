// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: no
// gRPC-Go issue 862 (GoKer, context never cancelled): dialling fails and returns no connection, but the
// goroutine that resets the transport waits for the context that only closing the connection would have
// cancelled.
#include "bugs/shape.hpp"

namespace bugs::grpc_862 {

struct connection {
  context ctx;
  cancel_func cancel;
};

std::shared_ptr<connection> dial(bool fixed) {
  auto [ctx, cancel] = with_cancel(background());
  const auto c = std::make_shared<connection>(connection{ctx, cancel});
  start("reset transport", [c] { (void)c->ctx.done().recv(); });
  const bool reached = false;
  if (!reached) {
    if (fixed) cancel();
    return nullptr;  // BUG
  }
  return c;
}

void run(bool fixed) { (void)dial(fixed); }

const shape self{"grpc_862", run};

}  // namespace bugs::grpc_862
