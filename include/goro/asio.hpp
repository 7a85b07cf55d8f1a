// SPDX-License-Identifier: MIT
// Boost.Asio, and all that is built on it, in plain blocking style: a completion token that parks the
// goroutine.
//
//   goro::asio_runner io;                                    // an io_context, and a thread for it
//   boost::asio::ip::tcp::socket peer(io.context());
//   peer.async_connect(address, goro::use_goroutine);        // parks until it is connected
//   boost::asio::async_write(peer, boost::asio::buffer(request), goro::use_goroutine);
//   std::size_t n = peer.async_read_some(buffer, goro::use_goroutine(ctx));   // ends when ctx is done, too
//
// Beast, SSL streams, Boost.MySQL, Boost.Redis and timers take it as any token, and so do Asio's adapters
// (as_tuple, redirect_error, bind_executor). A goroutine parks, a plain thread sleeps. In Go all of this is
// how net.Conn works.
// Who may call: any goroutine or thread, except one that runs the io_context: it would wait for itself.
// Order: what happened before the operation completed is visible after the call.
// Lifetime: an io_context, and what runs it, must outlive the objects made on it: end the goroutines first.
//
// Needs Boost 1.81 or later, and only in programs that include this header. goro itself does not link to it.
#pragma once

#include <boost/asio/version.hpp>
#if BOOST_ASIO_VERSION < 102600
#error "goro: goro/asio.hpp needs Boost 1.81 or later; on Debian 12 it is the package libboost1.81-dev"
#endif

#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>

#include <type_traits>
#include <utility>

#include <goro/context.hpp>
#include <goro/detail/asio_core.hpp>
#include <goro/detail/asio_operation.hpp>

namespace goro {

namespace detail {
struct asio_token;
}

// use_goroutine(ctx): the same, and the operation is cancelled when ctx is done. See there.
class use_goroutine_with {
 public:
  explicit use_goroutine_with(context ctx, boost::system::error_code* code = nullptr) noexcept
      : ctx_(std::move(ctx)), code_(code) {}

  use_goroutine_with operator[](boost::system::error_code& code) const noexcept {
    return use_goroutine_with(ctx_, &code);
  }

 private:
  friend struct detail::asio_token;

  context ctx_;
  boost::system::error_code* code_;
};

// The type of use_goroutine. What a call returns depends on the operation's completion signature:
//
//   void(error_code, T...)            nothing, the T, or a std::tuple of the Ts
//   void(std::exception_ptr, T...)    the same
//   void(T...)                        the same: as_tuple makes this one
//
// Throws   boost::system::system_error of the error_code, if it is one; what the exception_ptr holds.
//          asio_abandoned: the operation will never complete, since its io_context has been destroyed.
// Waits    until the operation has completed; whatever happens, not less, as it uses the caller's buffers.
//          Somebody must run the io_context.
// Cost     nothing is allocated beyond what Asio does.
class use_goroutine_t {
 public:
  constexpr use_goroutine_t() noexcept = default;

  // use_goroutine[ec]: sets ec instead of throwing a system_error. The values are as the operation gave them.
  constexpr use_goroutine_t operator[](boost::system::error_code& code) const noexcept {
    return use_goroutine_t(&code);
  }

  // use_goroutine(ctx), use_goroutine(ctx)[ec]: cancels the operation when ctx is done, by a terminal
  // cancellation through its cancellation slot, and waits until it has ended. Its error is then
  // errc::canceled or deadline_exceeded of goro instead of operation_aborted, also inside as_tuple;
  // redirect_error keeps Asio's. An operation that completes all the same has its result. If ctx is done
  // already nothing is started.
  //
  // An operation that ignores cancellation is waited for. One that is composed of several works in a strand
  // of its own, so any number of threads may run the io_context; if bind_executor gives it another executor,
  // that must be a strand or have one thread.
  //
  // Cost     an allocation for the strand, and two more when it is cancelled.
  // Go       SetDeadline and Close of a net.Conn, DialContext
  use_goroutine_with operator()(context ctx) const noexcept {
    return use_goroutine_with(std::move(ctx), code_);
  }

  // The executor of an I/O object for which use_goroutine is the default, so that no token need be written.
  template <class Inner>
  struct executor_with_default : Inner {
    using default_completion_token_type = use_goroutine_t;

    template <class Other>
    requires(!std::is_same_v<Other, executor_with_default> && std::is_convertible_v<Other, Inner>)
        executor_with_default(const Other& executor)
    noexcept : Inner(executor) {}  // NOLINT: as Asio's tokens
  };
  // use_goroutine_t::as_default_on_t<tcp::socket>: with it, socket.async_read_some(buffer) is the whole call.
  template <class T>
  using as_default_on_t =
      typename T::template rebind_executor<executor_with_default<typename T::executor_type>>::other;

 private:
  friend struct detail::asio_token;

  constexpr explicit use_goroutine_t(boost::system::error_code* code) noexcept : code_(code) {}

  boost::system::error_code* code_ = nullptr;
};

inline constexpr use_goroutine_t use_goroutine{};

// An io_context and the threads that run it, from its construction on. They are threads of their own because
// an io_context blocks the one that runs it, and expects to stay in it.
//
// The destructor stops it: what is still under way is abandoned, and who waits for that gets asio_abandoned.
// A program that has ended its goroutines first (goro::scope) meets none of this.
class asio_runner {
 public:
  // Throws   std::invalid_argument for less than one thread, std::system_error if they cannot be had.
  explicit asio_runner(int threads = 1)
      : io_(threads),
        guard_(io_.get_executor()),
        threads_(threads, &asio_runner::run, &asio_runner::stop, &io_) {}
  asio_runner(const asio_runner&) = delete;
  asio_runner& operator=(const asio_runner&) = delete;
  ~asio_runner() {
    io_.stop();
    threads_.join();
  }

  boost::asio::io_context& context() noexcept { return io_; }
  boost::asio::io_context::executor_type get_executor() noexcept { return io_.get_executor(); }

  // Waits until no work is left, and the threads have ended. What is started later is not run any more.
  //
  // Waits    without limit; a goroutine parks, a plain thread sleeps. By one caller at a time.
  void join() noexcept {
    guard_.reset();
    threads_.join();
  }

 private:
  static void run(void* io) { static_cast<boost::asio::io_context*>(io)->run(); }
  static void stop(void* io) { static_cast<boost::asio::io_context*>(io)->stop(); }

  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_;
  detail::asio_threads threads_;
};

}  // namespace goro

struct goro::detail::asio_token {
  template <class... Args, class... Rest>
  static auto run(use_goroutine_t token, Rest&&... rest) {
    return asio_run<Args...>(token.code_, std::forward<Rest>(rest)...);
  }
  template <class... Args, class... Rest>
  static auto run(const use_goroutine_with& token, Rest&&... rest) {
    return asio_run<Args...>(token.ctx_, token.code_, std::forward<Rest>(rest)...);
  }
};

// How Asio finds what a token means. Nothing depends on a signature's qualifiers.
template <class R, class... Args>
class boost::asio::async_result<goro::use_goroutine_t, R(Args...)> {
 public:
  using return_type = goro::detail::asio_return_t<std::decay_t<Args>...>;

  template <class Initiation, class... InitArgs>
  static return_type initiate(Initiation&& init, goro::use_goroutine_t token, InitArgs&&... args) {
    return goro::detail::asio_token::run<std::decay_t<Args>...>(token, std::forward<Initiation>(init),
                                                                std::forward<InitArgs>(args)...);
  }
};

template <class R, class... Args>
class boost::asio::async_result<goro::use_goroutine_with, R(Args...)> {
 public:
  using return_type = goro::detail::asio_return_t<std::decay_t<Args>...>;

  template <class Initiation, class... InitArgs>
  static return_type initiate(Initiation&& init, goro::use_goroutine_with token, InitArgs&&... args) {
    return goro::detail::asio_token::run<std::decay_t<Args>...>(token, std::forward<Initiation>(init),
                                                                std::forward<InitArgs>(args)...);
  }
};
