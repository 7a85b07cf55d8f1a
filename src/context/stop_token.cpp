// SPDX-License-Identifier: MIT
// The bridge to std::stop_token, in both directions.
#include "context/core.hpp"

#include <optional>
#include <stop_token>

namespace goro {

namespace detail {
namespace {

// A context that a token ends. The call-back runs in the thread that stops the token, and takes a count so that
// the core lasts while it ends it; if the count is 0 the core is on its way out, and whoever frees it waits for
// the call-back to return. The registration ends with the context: by the ender, unless that is the call-back
// itself, which would wait for its own return.
class token_core final : public cancel_core {
 public:
  explicit token_core(context_node* parent) noexcept : cancel_core(parent, context_kind::stop_token, 1) {}

  // Before attach(): so the ender, who ends the registration, is not here before it is made.
  void watch(std::stop_token token) { watch_.emplace(std::move(token), stopped{this}); }

 private:
  struct stopped {
    token_core* core;

    void operator()() const noexcept {
      if (!try_share(core)) return;
      core->cancel(errc::canceled, nullptr, ended_by::itself);
      drop(core);
    }
  };

  void ended(ended_by by) noexcept override {
    if (by != ended_by::itself) watch_.reset();
  }

  std::optional<std::stop_callback<stopped>> watch_;
};

}  // namespace
}  // namespace detail

std::stop_token to_stop_token(const context& ctx) {
  detail::context_node* const node = raw(ctx);
  if (node == nullptr || node->breaker == nullptr) return {};
  return node->breaker->token();
}

context with_stop_token(const context& parent, std::stop_token token) {
  auto* const core = new detail::token_core(detail::parent_of(parent, "with_stop_token"));
  context made = detail::as_context(core);
  core->watch(std::move(token));
  core->attach();
  return made;
}

}  // namespace goro
