// SPDX-License-Identifier: MIT
// How use_goroutine starts an operation and waits for it: the frame on the waiting stack, the handler that
// Asio gets, and what becomes of the results. Why it is right is argued in src/asio/operation.cpp, from which
// the numbers come.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/system_executor.hpp>
#include <boost/system/system_error.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include <goro/context.hpp>
#include <goro/detail/asio_core.hpp>
#include <goro/detail/canceller.hpp>

namespace goro::detail {

// What a completion signature's arguments mean: the first may say that it failed, the others are the result.
enum class asio_first { value, code, exception };

template <class... Args>
struct asio_signature {
  using values = std::tuple<Args...>;
  static constexpr asio_first first = asio_first::value;
};
template <class... Args>
struct asio_signature<boost::system::error_code, Args...> {
  using values = std::tuple<Args...>;
  static constexpr asio_first first = asio_first::code;
};
template <class... Args>
struct asio_signature<std::exception_ptr, Args...> {
  using values = std::tuple<Args...>;
  static constexpr asio_first first = asio_first::exception;
};

template <class Values>
struct asio_return {
  using type = Values;
};
template <class T>
struct asio_return<std::tuple<T>> {
  using type = T;
};
template <>
struct asio_return<std::tuple<>> {
  using type = void;
};
template <class... Args>
using asio_return_t = typename asio_return<typename asio_signature<Args...>::values>::type;

// The executor on which an operation works, as far as its initiation tells: its own, or that of what the
// token adapters of Boost 1.81 (bind_executor, as_tuple, redirect_error) have put around it.
template <class Initiation>
auto asio_executor_of(const Initiation& init) noexcept {
  if constexpr (requires { init.get_executor(); })
    return init.get_executor();
  else if constexpr (requires {
                       init.ex_;
                       init.initiation_;
                     })
    return init.ex_;
  else if constexpr (requires { init.initiation_; })
    return asio_executor_of(init.initiation_);
  else
    return boost::asio::get_associated_executor(init);
}

template <class Executor>
struct asio_serial {
  using type = boost::asio::strand<Executor>;
};
template <class Inner>
struct asio_serial<boost::asio::strand<Inner>> {
  using type = boost::asio::strand<Inner>;
};

// On the waiting stack (I1).
template <class... Args>
struct asio_frame {
  std::optional<std::tuple<Args...>> result;
  std::exception_ptr failure;  // a value could not be moved here
  asio_event over;

  void release() noexcept {}
};

template <class Executor, class... Args>
struct asio_cancellable_frame : asio_frame<Args...> {
  std::optional<Executor> executor;
  asio_gate executor_gate;
  boost::asio::cancellation_signal signal;

  GORO_NOINLINE ~asio_cancellable_frame() {}  // as asio_launch

  void release() noexcept {  // I5
    executor_gate.close();
    executor.reset();
  }
};

template <class Frame>
class asio_handler {
 public:
  explicit asio_handler(Frame& frame) noexcept : frame_(&frame) {}
  asio_handler(asio_handler&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  asio_handler& operator=(asio_handler&&) = delete;
  ~asio_handler() { finish(); }

  template <class... Values>
  void operator()(Values&&... values) {
    try {
      frame_->result.emplace(std::forward<Values>(values)...);
    } catch (const std::exception&) {
      frame_->failure = std::current_exception();
    }
    finish();
  }

 private:
  void finish() noexcept {
    Frame* const frame = std::exchange(frame_, nullptr);
    if (frame == nullptr) return;
    frame->release();
    frame->over.finish();
  }

  Frame* frame_;
};

// The same, with what Asio asks for: that it be called in `Executor`, and can be cancelled. By value, so that
// nothing is read in the frame.
template <class Frame, class Executor>
class asio_cancellable_handler : public asio_handler<Frame> {
 public:
  using executor_type = Executor;
  using cancellation_slot_type = boost::asio::cancellation_slot;

  asio_cancellable_handler(Frame& frame, Executor executor, cancellation_slot_type slot) noexcept
      : asio_handler<Frame>(frame), executor_(std::move(executor)), slot_(slot) {}
  asio_cancellable_handler(asio_cancellable_handler&&) noexcept = default;

  executor_type get_executor() const noexcept { return executor_; }
  cancellation_slot_type get_cancellation_slot() const noexcept { return slot_; }

 private:
  Executor executor_;
  cancellation_slot_type slot_;
};

// These two are frames of their own, since Asio uses thread_local in them and the waiter may come back in
// another thread.
template <class Initiation, class Handler, class... InitArgs>
GORO_NOINLINE void asio_launch(Initiation&& init, Handler&& handler, InitArgs&&... args) {
  std::forward<Initiation>(init)(std::move(handler), std::forward<InitArgs>(args)...);
}

// Sends the cancellation to the operation, unless that is over. Returns the gate to close (I4), or null.
template <class Frame>
GORO_NOINLINE std::shared_ptr<asio_gate> asio_emit(Frame& frame) noexcept {
  std::shared_ptr<asio_gate> gate;
  if (!frame.executor_gate.enter()) return gate;
  try {
    gate = std::make_shared<asio_gate>();
    const auto executor = *std::exchange(frame.executor, std::nullopt);
    boost::asio::dispatch(executor, [gate, signal = &frame.signal] {
      if (!gate->enter()) return;
      struct leaving {
        asio_gate& gate;
        ~leaving() { gate.leave(); }
      } const guard{*gate};
      signal->emit(boost::asio::cancellation_type::terminal);
    });
  } catch (const std::exception&) {  // no memory: it goes on as if nobody had asked
  }
  frame.executor_gate.leave();
  return gate;
}

// Asio's word for a cancelled operation becomes the context's.
inline boost::system::error_code asio_code_of(canceller& by) {
  return std::error_code(make_error_code(by.reason()));
}

inline void asio_translate(boost::system::error_code& code, canceller& by) {
  if (code == boost::asio::error::operation_aborted) code = asio_code_of(by);
}
template <class... T>
void asio_translate(std::tuple<boost::system::error_code, T...>& result, canceller& by) {
  asio_translate(std::get<0>(result), by);
}
inline void asio_translate(std::exception_ptr& error, canceller& by) {
  if (error == nullptr) return;
  try {
    std::rethrow_exception(error);
  } catch (const boost::system::system_error& e) {
    if (e.code() == boost::asio::error::operation_aborted)
      error = std::make_exception_ptr(boost::system::system_error(asio_code_of(by)));
  } catch (const std::exception&) {
  }
}
template <class T>
void asio_translate(T&, canceller&) {}

template <class Tuple>
auto asio_tail(Tuple&& all) {
  return std::apply(
      [](auto&&, auto&&... rest) { return std::tuple<std::decay_t<decltype(rest)>...>(std::move(rest)...); },
      std::move(all));
}

template <class... T>
auto asio_unwrap(std::tuple<T...>&& values) {
  if constexpr (sizeof...(T) == 1)
    return std::get<0>(std::move(values));
  else if constexpr (sizeof...(T) > 1)
    return std::move(values);
}

template <class... Args>
asio_return_t<Args...> asio_take(std::tuple<Args...>&& result, boost::system::error_code* code) {
  constexpr asio_first first = asio_signature<Args...>::first;
  if constexpr (first == asio_first::value) {
    if (code != nullptr) code->clear();
    return asio_unwrap(std::move(result));
  } else {
    if constexpr (first == asio_first::code) {
      if (code != nullptr)
        *code = std::get<0>(result);
      else if (std::get<0>(result))
        throw boost::system::system_error(std::get<0>(result));
    } else {
      if (code != nullptr) code->clear();
      if (std::get<0>(result) != nullptr) std::rethrow_exception(std::get<0>(result));
    }
    return asio_unwrap(asio_tail(std::move(result)));
  }
}

template <class Frame>
auto asio_collect(Frame& frame) {
  if (frame.failure != nullptr) std::rethrow_exception(frame.failure);
  if (!frame.result) throw_asio_abandoned();
  return std::move(*frame.result);
}

// The context was done before anything was started. The values, which nobody has made, are made by default.
template <class... Args>
asio_return_t<Args...> asio_refuse(canceller& by, boost::system::error_code* code) {
  using first = std::tuple_element_t<0, std::tuple<Args..., int>>;
  if constexpr (std::is_default_constructible_v<std::tuple<Args...>> &&
                (asio_signature<Args...>::first == asio_first::code ||
                 requires(first f) { std::get<0>(f) = boost::system::error_code(); })) {
    std::tuple<Args...> result;
    if constexpr (asio_signature<Args...>::first == asio_first::code)
      std::get<0>(result) = asio_code_of(by);
    else
      std::get<0>(std::get<0>(result)) = asio_code_of(by);
    return asio_take(std::move(result), code);
  } else {
    throw boost::system::system_error(asio_code_of(by));
  }
}

template <class... Args, class Initiation, class... InitArgs>
asio_return_t<Args...> asio_run(boost::system::error_code* code, Initiation&& init, InitArgs&&... args) {
  asio_frame<Args...> frame;
  try {
    asio_launch(std::forward<Initiation>(init), asio_handler(frame), std::forward<InitArgs>(args)...);
  } catch (...) {
    frame.over.wait(nullptr);  // the handler may have got away
    throw;
  }
  frame.over.wait(nullptr);
  return asio_take(asio_collect(frame), code);
}

template <class... Args, class Initiation, class... InitArgs>
asio_return_t<Args...> asio_run(const context& ctx, boost::system::error_code* code, Initiation&& init,
                                InitArgs&&... args) {
  canceller* const by = canceller_of(ctx);
  if (by != nullptr && by->is_cancelled()) return asio_refuse<Args...>(*by, code);
  using executor = typename asio_serial<std::decay_t<decltype(asio_executor_of(init))>>::type;
  asio_cancellable_frame<executor, Args...> frame;
  frame.executor.emplace(asio_executor_of(init));
  std::shared_ptr<asio_gate> sent;
  bool asked = false;
  try {
    asio_launch(std::forward<Initiation>(init),
                asio_cancellable_handler<asio_cancellable_frame<executor, Args...>, executor>(
                    frame, *frame.executor, frame.signal.slot()),
                std::forward<InitArgs>(args)...);
  } catch (...) {
    frame.over.wait(nullptr);
    throw;
  }
  if (!frame.over.wait(by)) {
    asked = true;
    sent = asio_emit(frame);
    frame.over.wait(nullptr);
  }
  if (sent != nullptr) sent->close();
  auto result = asio_collect(frame);
  if constexpr (sizeof...(Args) != 0) {
    if (asked) asio_translate(std::get<0>(result), *by);
  }
  return asio_take(std::move(result), code);
}

}  // namespace goro::detail
