// SPDX-License-Identifier: MIT
#include "net/errors.hpp"
#include "net/pipe.hpp"

#include <goro/context.hpp>
#include <goro/net/pipe.hpp>

#include <cerrno>
#include <deque>
#include <mutex>
#include <new>

namespace goro::detail {

// Who has dialled and was not accepted yet. The dialler's end lives with the dialler.
class pipe_queue {
 public:
  explicit pipe_queue(std::string_view name) : at(net::address::named(name)) {
    if (poll.open_memory() != 0) throw std::bad_alloc();
  }
  ~pipe_queue() { close(); }

  bool push(std::unique_ptr<net::stream> s) {
    const std::lock_guard<std::mutex> hold(lock);  // held for a few instructions, and never while parked
    if (closed) return false;
    waiting.push_back(std::move(s));
    poll.notify(direction::read);
    return true;
  }

  std::unique_ptr<net::stream> pop() {
    const std::lock_guard<std::mutex> hold(lock);
    if (waiting.empty()) return nullptr;
    auto s = std::move(waiting.front());
    waiting.pop_front();
    return s;
  }

  void close() noexcept {
    if (!turns.begin_close()) return;
    std::deque<std::unique_ptr<net::stream>> dropped;
    {
      const std::lock_guard<std::mutex> hold(lock);
      closed = true;
      dropped.swap(waiting);
    }
    poll.close();
    turns.wait_until_unused();
    poll.release();
    turns.end_close();
  }

  const net::address at;
  pollable poll;
  fd_lock turns;
  std::mutex lock;
  bool closed = false;                               // under lock
  std::deque<std::unique_ptr<net::stream>> waiting;  // under lock
};

namespace {

class pipe_acceptor final : public net::acceptor {
 public:
  explicit pipe_acceptor(std::shared_ptr<pipe_queue> q) noexcept : queue_(std::move(q)) {}
  ~pipe_acceptor() override { pipe_acceptor::close(); }

  std::unique_ptr<net::stream> accept(std::error_code& ec) override {
    const fd_turn turn(queue_->turns, direction::read);
    poll_end end = turn ? queue_->poll.check(direction::read) : poll_end::closed;
    while (end == poll_end::ready) {
      if (auto s = queue_->pop()) {
        ec.clear();
        return s;
      }
      end = queue_->poll.wait(direction::read);
    }
    ec = error_of(end);
    return nullptr;
  }
  void set_deadline(std::int64_t when) noexcept override {
    if (const fd_use use(queue_->turns); use) queue_->poll.set_deadline(direction::read, when);
  }
  void close() noexcept override { queue_->close(); }
  net::address local_address() const override { return queue_->at; }
  int native_handle() const noexcept override { return -1; }

 private:
  const std::shared_ptr<pipe_queue> queue_;
};

}  // namespace
}  // namespace goro::detail

namespace goro::net {

conn pipe_dialer::dial(const context& ctx, std::error_code& ec) const {
  ec = ctx.err();
  if (ec) return conn();
  auto [near, far] = goro::detail::pipe_end::make(address::named("pipe"), queue_->at);
  if (queue_->push(std::move(far))) return conn(std::move(near));
  ec = goro::detail::system_error_of(ECONNREFUSED);
  return conn();
}

conn pipe_dialer::dial(const context& ctx) const {
  std::error_code ec;
  conn c = dial(ctx, ec);
  if (ec) throw std::system_error(ec, "goro: pipe_dialer::dial");
  return c;
}

std::pair<listener, pipe_dialer> pipe_listen(std::string_view name) {
  auto q = std::make_shared<goro::detail::pipe_queue>(name);
  return {listener(std::make_unique<goro::detail::pipe_acceptor>(q)), pipe_dialer(q)};
}

}  // namespace goro::net
