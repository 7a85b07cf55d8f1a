// SPDX-License-Identifier: MIT
// Which handler answers a request: patterns of methods and paths.
//
//   goro::http::router routes;
//   routes.handle("GET /users/{id}", [](auto& w, auto& r) { w.write(name_of(r.path_value("id"))); });
//   routes.handle("POST /users", create_user);
//   routes.handle("/static/", files);                     // every path below, every method
//   goro::http::server web;
//   web.handle("/", routes);                              // a router is a handler
//
// Go's http.ServeMux, as it is since Go 1.22. A pattern is a method, or none for all, a blank, and a path. In the
// path {name} stands for one segment, {name...} at the end for all that is left, also for nothing; a last slash
// means the same without a name, and {$} at the end is the slash and nothing behind it. GET answers HEAD too.
//
// Of the patterns that match, the most specific one answers, whatever the order of registration: one is more
// specific than another if all that it matches the other matches too. If two overlap and neither is more specific,
// the second one is refused when it is registered.
//
// A path with //, . or .. in it is answered with a redirection to the clean one (307), and "/tree" with one to
// "/tree/" if only that is registered. 404 answers a path that nothing matches, 405 one that matches with other
// methods: these are in Allow.
//
// Registration is not for several goroutines at a time, and not while requests come; matching is.
#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include <goro/detail/closure.hpp>
#include <goro/detail/export.hpp>

namespace goro {

namespace http {
class request;
class response_writer;
}  // namespace http

namespace detail {

struct http_exchange;
struct route_tree;

// Any copyable function of these arguments, whose copies share it: so it is called by many goroutines at the same
// time. What std::function would be, without <functional>.
template <class... Args>
class shared_function {
  struct shared {
    virtual void call(Args... args) = 0;
    virtual ~shared() = default;
    std::uint32_t handles = 1;
  };

 public:
  shared_function() noexcept = default;
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, shared_function> &&
           std::is_invocable_v<std::decay_t<F>&, Args...>) shared_function(F&& f) {
    using own_type = std::decay_t<F>;
    if constexpr (can_be_empty<own_type> && !std::is_function_v<std::remove_reference_t<F>>) {
      if (f == nullptr) return;
    }
    struct box final : shared {
      explicit box(F&& from) : own(std::forward<F>(from)) {}
      void call(Args... args) override { static_cast<void>(own(std::forward<Args>(args)...)); }
      own_type own;
    };
    box_ = new box(std::forward<F>(f));
  }
  shared_function(const shared_function& other) noexcept : box_(other.box_) {
    if (box_ != nullptr) __atomic_fetch_add(&box_->handles, 1u, __ATOMIC_RELAXED);
  }
  shared_function(shared_function&& other) noexcept : box_(std::exchange(other.box_, nullptr)) {}
  shared_function& operator=(shared_function other) noexcept {
    std::swap(box_, other.box_);
    return *this;
  }
  ~shared_function() {
    if (box_ != nullptr && __atomic_fetch_sub(&box_->handles, 1u, __ATOMIC_ACQ_REL) == 1u) delete box_;
  }

  explicit operator bool() const noexcept { return box_ != nullptr; }
  void operator()(Args... args) const { box_->call(std::forward<Args>(args)...); }

 private:
  shared* box_ = nullptr;
};

}  // namespace detail

namespace http {

// A function of (response_writer&, request&). Empty: default-made; registering it throws std::invalid_argument.
using handler = goro::detail::shared_function<response_writer&, request&>;

class router {
 public:
  GORO_API router();
  GORO_API router(router&& other) noexcept;
  GORO_API router& operator=(router&& other) noexcept;
  GORO_API router(const router& other);  // shares the handlers
  GORO_API router& operator=(const router& other);
  GORO_API ~router();

  // Registers h for the requests that the pattern matches.
  //
  // Throws   std::invalid_argument: no pattern, or no handler; std::logic_error: it conflicts with one that is
  //          registered already, which the text names.
  // Go       ServeMux.Handle
  GORO_API void handle(std::string_view pattern, handler h);

  // Answers a request. What its pattern named is then in request::path_value().
  GORO_API void operator()(response_writer& w, request& r) const;

 private:
  goro::detail::route_tree* tree_;
};

}  // namespace http
}  // namespace goro
