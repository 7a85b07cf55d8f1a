// SPDX-License-Identifier: MIT
// Reading and writing at the same time on one SSL object that bears only one caller, over a network that both
// may have to wait for.
//
//      reader ── reading_ ──►┐                    ┌──► sending_ ──► inner write
//                            ├── engine (locked) ─┤
//      writer ── writing_ ──►┘                    └◄── inner read ◄── reading_
//
// Locks, in the order in which they are taken: closing_; shaking_; reading_ or writing_; sending_; the engine's. All
// but the last are goro's mutexes held over waits by whoever's turn it is; none of OpenSSL's own is held
// then, and its error queue is empty (engine.hpp).
//
// Invariants
//   I1  What the engine puts out is sent in that order: it is taken out only under sending_, which is held
//       until the inner stream has it.
//   I2  Output never stays behind. A writer flushes after it has written. A reader's output (an answer to a
//       key update, an alert) is sent by the reader if sending_ is free; if not, by its holder: that looks
//       once more after it has let go. Either the reader's section in the engine came before that look, which
//       then finds the output; or after, and then the reader's try comes after the unlock that the look
//       follows.
//   I3  A reader does not wait behind a writer. Two peers that both write and wait for each other to read
//       would wait for ever if their readers did.
//   I4  The inner stream is read by one at a time: by who shakes hands, until shaken_; then by who holds
//       reading_.
//   I5  close: closed_ first, then close_notify if nobody is sending, then the inner close. That makes
//       everybody come back out of the inner stream with errc::closed; close takes each turn once, so whoever
//       was in there has left when it returns.
//
// A server of TLS 1.3 has session tickets to send when the handshake is done. They wait for its first own
// write: nobody needs them before, it saves a packet, and over an unbuffered pipe whose other end writes
// first both would wait for each other.
// Deadlines are those of the inner stream. A context that is done during a handshake sets both to the past,
// from a goroutine of its own; they are put back before the handshake returns.
// Tests: test/tls/.
#include "tls/tls_stream.hpp"

#include <goro/clock.hpp>
#include <goro/context.hpp>
#include <goro/detail/duration.hpp>
#include <goro/errc.hpp>
#include <goro/net/error.hpp>
#include <goro/wait_group.hpp>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <utility>

namespace goro::detail {
namespace {

constexpr std::size_t most_received = 16 * 1024 + 512;  // a record, and what it is packed in
constexpr std::size_t most_unsent = 64 * 1024;          // then it is sent before more is encrypted
constexpr std::int64_t most_for_end = 1'000'000'000;    // ns that close waits for its close_notify to go out
constexpr std::int64_t long_ago = 1;

std::int64_t now() noexcept { return clock::now().time_since_epoch().count(); }

}  // namespace

tls_stream::tls_stream(std::unique_ptr<net::stream> inner, std::shared_ptr<const tls_setup> setup,
                       owned<SSL> ssl)
    : inner_(std::move(inner)),
      setup_(std::move(setup)),
      engine_(std::move(ssl)),
      read_deadline_(never),
      write_deadline_(never) {}

tls_stream::~tls_stream() { close(); }

bool tls_stream::late(const std::atomic<std::int64_t>& deadline, std::error_code& ec) const noexcept {
  const std::int64_t when = deadline.load(std::memory_order_relaxed);
  if (when == never || when > now()) return false;
  ec = make_error_code(errc::deadline_exceeded);
  return true;
}

// ---- sending

// Under sending_.
bool tls_stream::send_all(std::error_code& ec) {
  ec = send_error_;
  while (!ec) {
    outgoing_.clear();
    if (!engine_.take(outgoing_)) return true;
    static_cast<void>(inner_->write(outgoing_, ec));
  }
  send_error_ = ec;  // how much of a record has gone is not known to the peer's engine
  if (outgoing_.capacity() > most_unsent) outgoing_ = std::string();
  return false;
}

void tls_stream::flush(std::error_code& ec) {
  do {
    const std::lock_guard turn(sending_);
    if (!send_all(ec)) return;
  } while (engine_.to_send() != 0 && !closed_.load(std::memory_order_relaxed));  // I2
}

void tls_stream::flush_if_free() noexcept {
  std::error_code ec;  // the next write reports it
  try {
    do {
      const std::unique_lock turn(sending_, std::try_to_lock);
      if (!turn.owns_lock() || !send_all(ec)) return;  // I2, I3
    } while (engine_.to_send() != 0);
  } catch (const std::bad_alloc&) {
  }
}

// ---- handshake

bool tls_stream::fetch(std::error_code& ec) {
  if (received_ == nullptr) received_ = std::make_unique_for_overwrite<char[]>(most_received);
  const std::size_t n = inner_->read({received_.get(), most_received}, ec);
  if (ec) return false;
  if (n == 0)
    engine_.feed_end();
  else
    engine_.feed({received_.get(), n});
  return true;
}

void tls_stream::shake_hands(std::error_code& ec) {
  for (;;) {
    const tls_result step = engine_.handshake();
    if (step.step == tls_step::done && engine_.only_tickets()) return;
    if (step.step == tls_step::failed) {
      flush_if_free();  // the alert, which tells the peer why
      ec = step.ec;
      return;
    }
    flush(ec);
    if (ec || step.step == tls_step::done) return;
    if (step.step == tls_step::ended) {
      ec = tls_truncated();
      return;
    }
    if (!fetch(ec)) return;
  }
}

bool tls_stream::ready(std::error_code& ec) {
  ec.clear();
  if (!shaken_.load(std::memory_order_acquire)) handshake(background(), ec);
  if (!ec && closed_.load(std::memory_order_relaxed)) ec = net::errc::closed;
  return !ec;
}

void tls_stream::handshake(const context& ctx, std::error_code& ec) {
  ec = ctx.err();
  if (ec || shaken_.load(std::memory_order_acquire)) return;
  const std::lock_guard turn(shaking_);
  if (shaken_.load(std::memory_order_relaxed)) return;
  ec = shake_error_;
  if (ec) return;
  if (closed_.load(std::memory_order_relaxed)) {
    ec = net::errc::closed;
    return;
  }
  if (canceller_of(ctx) == nullptr) {
    shake_hands(ec);
  } else {
    wait_group told;
    told.add();
    const stop_func stop = after_func(ctx, [this, &told] {
      inner_->set_read_deadline(long_ago);
      inner_->set_write_deadline(long_ago);
      told.done();
    });
    const auto wait_for_it = [&] {
      if (stop()) return;
      told.wait();
      inner_->set_read_deadline(read_deadline_.load(std::memory_order_relaxed));
      inner_->set_write_deadline(write_deadline_.load(std::memory_order_relaxed));
    };
    try {
      shake_hands(ec);
    } catch (...) {
      wait_for_it();
      throw;
    }
    wait_for_it();
    if (ec && ctx.err()) ec = ctx.err();
  }
  shake_error_ = ec;
  if (!ec) shaken_.store(true, std::memory_order_release);  // I4
}

// ---- reading

std::size_t tls_stream::read(std::span<char> into, std::error_code& ec) {
  if (!ready(ec) || into.empty()) return 0;
  const std::lock_guard turn(reading_);
  for (;;) {
    ec = read_error_;
    if (ec || late(read_deadline_, ec) || ended_) return 0;
    if (closed_.load(std::memory_order_relaxed)) {
      ec = net::errc::closed;
      return 0;
    }
    const tls_result step = engine_.read(into);
    if (step.output) flush_if_free();
    switch (step.step) {
      case tls_step::done: return step.size;
      case tls_step::ended: ended_ = true; return 0;
      case tls_step::failed: read_error_ = ec = step.ec; return 0;
      case tls_step::want_input:
        if (!fetch(ec)) return 0;
    }
  }
}

void tls_stream::wait_readable(std::error_code& ec) {
  if (!ready(ec)) return;
  const std::lock_guard turn(reading_);
  for (;;) {
    ec = read_error_;
    if (ec || late(read_deadline_, ec) || ended_) return;
    const tls_result step = engine_.peek();
    if (step.output) flush_if_free();
    if (step.step == tls_step::failed) read_error_ = ec = step.ec;
    if (step.step != tls_step::want_input) return;
    received_.reset();  // it may be long
    inner_->wait_readable(ec);
    if (ec || !fetch(ec)) return;
  }
}

// ---- writing

std::size_t tls_stream::write(std::string_view what, std::error_code& ec) { return writev({&what, 1}, ec); }

std::size_t tls_stream::writev(std::span<const std::string_view> pieces, std::error_code& ec) {
  if (!ready(ec)) return 0;
  const std::lock_guard turn(writing_);
  if (closed_.load(std::memory_order_relaxed)) {
    ec = net::errc::closed;
    return 0;
  }
  if (wrote_end_) {
    ec = {EPIPE, std::system_category()};
    return 0;
  }
  if (late(write_deadline_, ec))
    return 0;  // before anything is encrypted; after that, the inner stream's say
  std::size_t sent = 0;
  std::size_t unsent = 0;
  for (std::string_view piece : pieces) {
    while (!piece.empty()) {
      const std::string_view part = piece.substr(0, most_unsent - unsent);
      const tls_result step = engine_.write(part);
      if (step.step != tls_step::done) {
        ec = step.step == tls_step::failed ? step.ec : std::error_code(EPIPE, std::system_category());
        return sent;
      }
      piece.remove_prefix(part.size());
      unsent += part.size();
      if (unsent < most_unsent) continue;
      flush(ec);
      if (ec) return sent;
      sent += std::exchange(unsent, 0);
    }
  }
  flush(ec);
  return ec ? sent : sent + unsent;
}

// ---- deadlines and the end

void tls_stream::set_read_deadline(std::int64_t when) noexcept {
  read_deadline_.store(when, std::memory_order_relaxed);
  inner_->set_read_deadline(when);
}

void tls_stream::set_write_deadline(std::int64_t when) noexcept {
  write_deadline_.store(when, std::memory_order_relaxed);
  inner_->set_write_deadline(when);
}

void tls_stream::close_write(std::error_code& ec) {
  if (!ready(ec)) return;
  const std::lock_guard turn(writing_);
  wrote_end_ = true;
  engine_.end();
  flush(ec);
}

void tls_stream::close() noexcept {
  const std::lock_guard one(closing_);  // a second one does not cut off the first one's close_notify
  if (!closed_.exchange(true, std::memory_order_acq_rel) && shaken_.load(std::memory_order_acquire)) {
    const std::unique_lock turn(sending_, std::try_to_lock);
    if (turn.owns_lock() && !send_error_) {
      engine_.end();
      inner_->set_write_deadline(
          std::min(write_deadline_.load(std::memory_order_relaxed), now() + most_for_end));
      try {
        std::error_code ec;  // nobody is told: there is nothing to be done about it
        send_all(ec);
      } catch (const std::bad_alloc&) {
      }
    }
  }
  inner_->close();
  for (mutex* const each : {&shaking_, &reading_, &writing_, &sending_})
    const std::lock_guard left(*each);  // I5
}

}  // namespace goro::detail
