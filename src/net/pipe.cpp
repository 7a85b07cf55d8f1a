// SPDX-License-Identifier: MIT
// Two rings and a lock between two ends.
//
// An end waits on its own pollable, which the other end notifies under the core's lock: bytes have come,
// room has come, it has gone. `ends` is cleared under that lock before an end's pollable is given back, so
// nobody notifies one that is no more. Notifying makes a task ready while the lock is held: it may spin on
// it for a moment. Who notifies whom, so that none is missed: an end looks at its ring under the lock, finds
// nothing, lets go, waits. What changes after that is followed by notify, which the wait finds, or which
// ends it (netpoll.cpp).
#include "net/pipe.hpp"

#include "net/errors.hpp"

#include <goro/go.hpp>
#include <goro/net/pipe.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <new>

namespace goro::detail {

namespace {

constexpr std::size_t room = 64u * 1024;

// One direction. Under the core's lock.
struct ring {
  std::unique_ptr<char[]> bytes;  // at the first write
  std::size_t head = 0;           // of the oldest
  std::size_t size = 0;
  bool ended = false;  // nobody writes any more

  std::size_t put(std::string_view what) noexcept {
    std::size_t done = 0;
    while (done != what.size() && size != room) {
      const std::size_t at = (head + size) % room;
      const std::size_t n = std::min({what.size() - done, room - size, room - at});
      std::memcpy(bytes.get() + at, what.data() + done, n);
      size += n;
      done += n;
    }
    return done;
  }
  std::size_t take(std::span<char> into) noexcept {
    std::size_t done = 0;
    while (done != into.size() && size != 0) {
      const std::size_t n = std::min({into.size() - done, size, room - head});
      std::memcpy(into.data() + done, bytes.get() + head, n);
      head = (head + n) % room;
      size -= n;
      done += n;
    }
    return done;
  }
};

std::error_code closed() noexcept { return net::make_error_code(net::errc::closed); }

}  // namespace

struct pipe_core {
  std::mutex lock;                // held for a few instructions, never while parked
  ring to[2];                     // to[i]: what end i reads
  pipe_end* ends[2] = {};         // null: closed
  hangup_node* watchers[2] = {};  // end i's
  hangup_node* telling = nullptr;

  // Under the lock.
  void notify(int end, direction d) noexcept {
    if (ends[end] != nullptr) ends[end]->poll_.notify(d);
  }
  hangup_node* hang_up_on(int end) noexcept {
    if (hangup_node* const node = std::exchange(watchers[end], nullptr)) return telling = node;
    return nullptr;
  }
  // Without it.
  void tell(hangup_node* node) noexcept {
    if (node == nullptr) return;
    node->hung_up(*node);
    const std::lock_guard<std::mutex> hold(lock);
    if (telling == node) telling = nullptr;
  }
};

pipe_end::pipe_end(std::shared_ptr<pipe_core> core, int index, const net::address& local,
                   const net::address& remote)
    : core_(std::move(core)), index_(index), local_(local), remote_(remote) {
  if (poll_.open_memory() != 0) throw std::bad_alloc();
}

std::pair<std::unique_ptr<pipe_end>, std::unique_ptr<pipe_end>> pipe_end::make(const net::address& near,
                                                                               const net::address& far) {
  const auto core = std::make_shared<pipe_core>();
  std::unique_ptr<pipe_end> a(new pipe_end(core, 0, near, far));
  std::unique_ptr<pipe_end> b(new pipe_end(core, 1, far, near));
  core->ends[0] = a.get();
  core->ends[1] = b.get();
  return {std::move(a), std::move(b)};
}

pipe_end::~pipe_end() { pipe_end::close(); }

poll_end pipe_end::wait_for_bytes() {
  ring& mine = core_->to[index_];
  for (;;) {
    poll_end end = poll_.check(direction::read);
    if (end != poll_end::ready) return end;
    {
      const std::lock_guard<std::mutex> hold(core_->lock);
      if (mine.size != 0 || mine.ended) return poll_end::ready;
    }
    end = poll_.wait(direction::read);
    if (end != poll_end::ready) return end;
  }
}

std::size_t pipe_end::read(std::span<char> into, std::error_code& ec) {
  ec.clear();
  const fd_turn turn(lock_, direction::read);
  if (!turn) return ec = closed(), 0;
  const poll_end end = into.empty() ? poll_.check(direction::read) : wait_for_bytes();
  if (end != poll_end::ready) return ec = error_of(end), 0;
  const std::lock_guard<std::mutex> hold(core_->lock);
  ring& mine = core_->to[index_];
  const bool was_full = mine.size == room;
  const std::size_t n = mine.take(into);
  if (was_full && n != 0) core_->notify(1 - index_, direction::write);
  return n;
}

void pipe_end::wait_readable(std::error_code& ec) {
  ec.clear();
  const fd_turn turn(lock_, direction::read);
  ec = turn ? error_of(wait_for_bytes()) : closed();
}

// With the turn.
std::size_t pipe_end::put(std::string_view what, std::error_code& ec) {
  std::size_t done = 0;
  bool wait = false;
  ring& theirs = core_->to[1 - index_];
  do {
    const poll_end end = wait ? poll_.wait(direction::write) : poll_.check(direction::write);
    if (end != poll_end::ready) return ec = error_of(end), done;
    std::unique_ptr<char[]> fresh;  // not under the lock
    if (theirs.bytes == nullptr) fresh = std::make_unique_for_overwrite<char[]>(room);
    const std::lock_guard<std::mutex> hold(core_->lock);
    if (core_->ends[1 - index_] == nullptr || theirs.ended) return ec = system_error_of(EPIPE), done;
    if (theirs.bytes == nullptr) theirs.bytes = std::move(fresh);
    const bool was_empty = theirs.size == 0;
    const std::size_t n = theirs.put(what.substr(done));
    done += n;
    if (was_empty && n != 0) core_->notify(1 - index_, direction::read);
    wait = true;
  } while (done != what.size());
  return done;
}

std::size_t pipe_end::write(std::string_view what, std::error_code& ec) {
  ec.clear();
  const fd_turn turn(lock_, direction::write);
  if (!turn) return ec = closed(), 0;
  return put(what, ec);
}

std::size_t pipe_end::writev(std::span<const std::string_view> pieces, std::error_code& ec) {
  ec.clear();
  const fd_turn turn(lock_, direction::write);
  if (!turn) return ec = closed(), 0;
  std::size_t done = 0;
  for (const std::string_view piece : pieces) {
    done += put(piece, ec);
    if (ec) break;
  }
  return done;
}

void pipe_end::set_read_deadline(std::int64_t when) noexcept {
  if (const fd_use use(lock_); use) poll_.set_deadline(direction::read, when);
}

void pipe_end::set_write_deadline(std::int64_t when) noexcept {
  if (const fd_use use(lock_); use) poll_.set_deadline(direction::write, when);
}

void pipe_end::close() noexcept {
  if (!lock_.begin_close()) return;
  hangup_node* node;
  {
    const std::lock_guard<std::mutex> hold(core_->lock);
    core_->ends[index_] = nullptr;
    core_->to[1 - index_].ended = true;
    core_->notify(1 - index_, direction::read);
    core_->notify(1 - index_, direction::write);
    node = core_->hang_up_on(1 - index_);
  }
  core_->tell(node);
  poll_.close();
  lock_.wait_until_unused();
  poll_.release();
  lock_.end_close();
}

void pipe_end::close_write(std::error_code& ec) {
  ec.clear();
  const fd_use use(lock_);
  if (!use) {
    ec = closed();
    return;
  }
  hangup_node* node;
  {
    const std::lock_guard<std::mutex> hold(core_->lock);
    core_->to[1 - index_].ended = true;
    core_->notify(1 - index_, direction::read);
    node = core_->hang_up_on(1 - index_);
  }
  core_->tell(node);
}

bool pipe_end::watch_hangup(hangup_node& node) noexcept {
  const std::lock_guard<std::mutex> hold(core_->lock);
  if (core_->to[index_].ended) return false;
  core_->watchers[index_] = &node;
  return true;
}

void pipe_end::forget_hangup(hangup_node& node) noexcept {
  for (;;) {
    {
      const std::lock_guard<std::mutex> hold(core_->lock);
      if (core_->watchers[index_] == &node) core_->watchers[index_] = nullptr;
      if (core_->telling != &node) return;
    }
    goro::yield();
  }
}

}  // namespace goro::detail

namespace goro::net {

std::pair<conn, conn> pipe() {
  const address name = address::named("pipe");
  auto [a, b] = goro::detail::pipe_end::make(name, name);
  return {conn(std::move(a)), conn(std::move(b))};
}

}  // namespace goro::net
