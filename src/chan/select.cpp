// SPDX-License-Identifier: MIT
// Select, in three passes, as in Go:
//   1  lock all channels, in the order of select_order.hpp, and look for a ready case. Found: do it, unlock.
//   2  else put a waiter on every channel, unlock all, park. All waiters share one claim, so that one
//      partner, or the timer, ends the wait: it does the chosen case's work on its own side.
//   3  lock all again and take the other waiters off.
// Nothing becomes ready between 1 and 2, since all locks are held over both.
//
// The timer is armed in pass 2 under the locks (hchan comes before timers in base/lock_rank.hpp) and only if
// the select must wait: a timeout costs nothing when a channel is ready.
#include <memory>
#include <stdexcept>
#include <utility>

#include <goro/select.hpp>

#include "chan/breakers.hpp"
#include "chan/select_order.hpp"

namespace goro::detail {

namespace {

constexpr std::size_t none = SIZE_MAX;

// What a look at the cases finds, before anything is locked.
struct survey {
  std::size_t channels = 0;  // cases that can ever be ready
  std::size_t otherwise = none;
  std::size_t timeout = none;  // the earliest
};

bool has_channel(const select_op& op) noexcept {
  return op.channel != nullptr && (op.kind == case_kind::receive || op.kind == case_kind::send);
}

survey survey_cases(const select_op* ops, std::size_t count) {
  survey found;
  for (std::size_t i = 0; i != count; ++i) {
    if (ops[i].kind == case_kind::otherwise) {
      if (found.otherwise != none)
        throw std::logic_error("goro: select: there are two `otherwise` cases; keep one");
      found.otherwise = i;
    } else if (ops[i].kind == case_kind::timeout) {
      if (found.timeout == none || ops[i].ns < ops[found.timeout].ns) found.timeout = i;
    } else if (ops[i].channel != nullptr) {
      ++found.channels;
    }
  }
  return found;
}

// Without locks, as a hint only.
bool seems_ready(const select_op& op) noexcept {
  if (!is_open(op.channel)) return true;
  return op.kind == case_kind::send ? !is_full(op.channel) : !is_empty(op.channel);
}

struct case_waiter : chan_waiter {
  using chan_waiter::chan_waiter;
  case_waiter* turn = nullptr;  // enqueue's: which one to queue in this one's place
};

class selection {
 public:
  // `channels` and `waiters` have room for found.channels.
  selection(const select_op* ops, std::size_t count, const survey& found, hchan** channels,
            case_waiter* waiters, bool in_order) noexcept
      : ops_(ops), count_(count), found_(found), channels_(channels), waiters_(waiters), in_order_(in_order) {
    std::size_t n = 0;
    for (std::size_t i = 0; i != count_; ++i)
      if (has_channel(ops_[i])) channels_[n++] = ops_[i].channel;
    distinct_ = lock_order(channels_, n);
  }

  select_choice run();

 private:
  bool take_ready(locked_channels& locks, select_choice& choice);
  std::size_t choose_ready() noexcept;
  void enqueue(wait_claim& claim) noexcept;
  void dequeue(const wait_claim& claim) noexcept;
  select_choice woken(std::uint32_t winner) const;
  bool anything_seems_ready() const noexcept;
  void prepare();
  bool wait(locked_channels& locks, select_choice& choice);
  void end_waiters() noexcept {
    for (std::size_t i = 0; i != linked_; ++i) waiters_[i].~case_waiter();
    linked_ = 0;
  }

  const select_op* const ops_;
  const std::size_t count_;
  const survey found_;
  hchan** const channels_;  // sorted, distinct_ of them
  std::size_t distinct_ = 0;
  case_waiter* const waiters_;  // linked_ of them are alive, for the channel cases in their order
  std::size_t linked_ = 0;
  const bool in_order_;
  task self_;                      // set once it looks as if this had to wait
  std::int64_t deadline_ = never;  // with self_
};

// Pass 1, the look. Under the locks.
std::size_t selection::choose_ready() noexcept {
  std::size_t chosen = none;
  std::uint32_t ready_cases = 0;
  for (std::size_t i = 0; i != count_; ++i) {
    const select_op& op = ops_[i];
    if (!has_channel(op)) continue;
    if (!(op.kind == case_kind::send ? can_send(op.channel) : can_receive(op.channel))) continue;
    ++ready_cases;
    if (ready_cases == 1 || below(channels_[0], ready_cases) == 0) chosen = i;
    if (in_order_) break;
  }
  return chosen;
}

// Pass 1. True: a case was ready, and is done; the locks are released.
bool selection::take_ready(locked_channels& locks, select_choice& choice) {
  for (;;) {
    const std::size_t chosen = choose_ready();
    if (chosen == none) return false;
    const select_op& op = ops_[chosen];
    task wake;
    op_status status;
    if (op.kind == case_kind::send)
      status = send_locked(op.channel, op.slot, op.source != nullptr ? op.source : op.channel->element, wake);
    else
      status = receive_locked(op.channel, op.slot, wake);
    if (status == op_status::would_block) continue;  // the waiter that made it ready was lost to its timer
    locks.unlock();
    if (wake) ready(wake);
    if (status == op_status::closed && op.kind == case_kind::send) throw_send_on_closed();
    choice = {chosen, status == op_status::ok};
    return true;
  }
}

// Pass 2. Under the locks. Of several cases on one channel a partner takes the one that was queued first, so
// these are queued in random order, as they are chosen in pass 1.
void selection::enqueue(wait_claim& claim) noexcept {
  for (std::size_t i = 0; i != count_; ++i) {
    const select_op& op = ops_[i];
    if (!has_channel(op)) continue;
    const element_type* source = nullptr;
    if (op.kind == case_kind::send) source = op.source != nullptr ? op.source : op.channel->element;
    case_waiter* const w = &waiters_[linked_];
    ::new (static_cast<void*>(w))
        case_waiter(self_, op.slot, source, &claim, static_cast<std::uint32_t>(i) + 1);
    w->turn = w;
    ++linked_;
  }
  if (distinct_ != linked_ && !in_order_)
    for (std::size_t i = 1; i != linked_; ++i)
      std::swap(waiters_[i].turn, waiters_[below(channels_[0], static_cast<std::uint32_t>(i) + 1)].turn);
  for (std::size_t i = 0; i != linked_; ++i) {
    chan_waiter* const w = waiters_[i].turn;
    hchan* const c = ops_[w->number - 1].channel;
    if (w->source != nullptr)
      c->senders.push(w);
    else
      link_receiver(c, w);
  }
}

// Pass 3.
void selection::dequeue(const wait_claim& claim) noexcept {
  // One waiter, and a partner has taken it off.
  if (linked_ == 1 && claim.winner.load(std::memory_order_relaxed) != wait_claim::by_timer) return;
  const locked_channels locks(channels_, distinct_);
  std::size_t n = 0;
  for (std::size_t i = 0; i != count_; ++i) {
    if (!has_channel(ops_[i])) continue;
    chan_waiter* const w = &waiters_[n++];
    if (ops_[i].kind == case_kind::receive)
      unlink_receiver(ops_[i].channel, w);
    else if (w->linked)
      ops_[i].channel->senders.remove(w);
  }
}

// Pass 2 and 3, the locks held at first. False: start anew.
bool selection::wait(locked_channels& locks, select_choice& choice) {
  wait_claim claim;
  claim_timer timer(claim, self_);
  struct at_end {
    selection& of;
    ~at_end() { of.end_waiters(); }
  } const at_end{*this};
  claim.channels = static_cast<std::uint32_t>(distinct_);
  claim.also = channels_;
  timer.start(deadline_);
  enqueue(claim);
  locks.unlock();
  park(self_, wait_reason::select, channels_[0]);
  timer.stop();
  dequeue(claim);
  const std::uint32_t winner = claim.winner.load(std::memory_order_relaxed);
  if (winner == wait_claim::by_timer) {
    choice = {found_.timeout, true};
    return true;
  }
  std::size_t n = 0;
  while (waiters_[n].number != winner) ++n;
  const chan_waiter& w = waiters_[n];
  if (w.outcome == wake_outcome::again) return false;
  if (w.outcome == wake_outcome::failed) std::rethrow_exception(w.error);
  const bool ok = w.outcome == wake_outcome::done;
  if (!ok && ops_[winner - 1].kind == case_kind::send) throw_send_on_closed();
  choice = {winner - 1, ok};
  return true;
}

bool selection::anything_seems_ready() const noexcept {
  for (std::size_t i = 0; i != count_; ++i)
    if (has_channel(ops_[i]) && seems_ready(ops_[i])) return true;
  return false;
}

// What a wait needs and what must not be got under a lock, since it may start the runtime.
void selection::prepare() {
  self_ = task::current();
  if (found_.timeout == none || ops_[found_.timeout].ns == never) return;
  deadline_ = saturating_add(now_ns(), ops_[found_.timeout].ns);
}

// A select with `otherwise` on a few channels, without their locks: the index of `otherwise` if at one moment
// during the call none of them was ready. Between the two rounds of looks nobody held any of the locks (P3 of
// hchan.hpp), so what the first round saw one after the other was true of all at its end.
[[gnu::always_inline]] inline std::size_t otherwise_without_locks(const select_op* ops,
                                                                  std::size_t count) noexcept {
  constexpr std::size_t few = 4;
  if (count > few) return none;
  std::size_t otherwise = none;
  std::uint32_t releases[few];
  for (std::size_t i = 0; i != count; ++i) {
    if (!has_channel(ops[i])) {
      if (ops[i].kind == case_kind::otherwise && otherwise == none)
        otherwise = i;
      else if (ops[i].kind == case_kind::otherwise || ops[i].kind == case_kind::timeout)
        return none;  // misuse, or a time that may have come
      continue;
    }
    const hchan* const c = ops[i].channel;
    if (c->hooks != nullptr) return none;  // a timer may be due
    releases[i] = c->lock.releases();
    if (c->lock.is_locked() || !is_open(c) || (ops[i].kind == case_kind::send ? !is_full(c) : !is_empty(c)))
      return none;
  }
  if (otherwise == none) return none;
  for (std::size_t i = 0; i != count; ++i)
    if (i != otherwise && ops[i].channel != nullptr &&
        (ops[i].channel->lock.is_locked() || ops[i].channel->lock.releases() != releases[i]))
      return none;
  return otherwise;
}

select_choice selection::run() {
  const bool waits = found_.otherwise == none && (found_.timeout == none || ops_[found_.timeout].ns > 0);
  if (waits && !anything_seems_ready()) prepare();
  locked_channels locks(channels_, distinct_);
  for (;;) {
    select_choice choice{};
    if (take_ready(locks, choice)) return choice;
    if (!waits) return {found_.otherwise != none ? found_.otherwise : found_.timeout, true};
    if (self_) {
      if (wait(locks, choice)) return choice;
    } else {
      locks.unlock();
      prepare();
    }
    locks.lock();
  }
}

// Only nil channels, or no case at all.
select_choice select_without_channels(const select_op* ops, std::size_t count, const survey& found) {
  if (found.otherwise != none) return {found.otherwise, true};
  if (found.timeout == none) wait_for_ever(count == 0 ? wait_reason::select_no_cases : wait_reason::select);
  const std::int64_t ns = ops[found.timeout].ns;
  if (ns > 0) {
    const task self = task::current();
    wait_claim claim;
    claim_timer timer(claim, self);
    timer.start(ns == never ? never : saturating_add(now_ns(), ns));
    park(self, wait_reason::select, nullptr);
  }
  return {found.timeout, true};
}

// Room for what a selection needs, not initialised.
struct alignas(case_waiter) waiter_room {
  unsigned char bytes[sizeof(case_waiter)];
};
constexpr std::size_t on_stack = 16;

case_waiter* as_waiters(waiter_room* rooms) noexcept { return reinterpret_cast<case_waiter*>(rooms); }

GORO_NOINLINE select_choice run_large(const select_op* ops, std::size_t count, const survey& found,
                                      bool in_order) {
  const auto channels = std::make_unique_for_overwrite<hchan*[]>(found.channels);
  const auto waiters = std::make_unique_for_overwrite<waiter_room[]>(found.channels);
  return selection(ops, count, found, channels.get(), as_waiters(waiters.get()), in_order).run();
}

std::size_t select_kept(std::span<select_case> cases, bool in_order) {
  select_op few[on_stack];
  std::unique_ptr<select_op[]> many;
  select_op* ops = few;
  if (cases.size() > on_stack) {
    many = std::make_unique<select_op[]>(cases.size());
    ops = many.get();
  }
  for (std::size_t i = 0; i != cases.size(); ++i) cases[i].view().prepare(ops[i]);
  const select_choice choice = run_select(ops, cases.size(), in_order);
  cases[choice.index].view().finish(choice.ok);
  return choice.index;
}

}  // namespace

namespace {

GORO_NOINLINE select_choice run_with_locks(const select_op* ops, std::size_t count, bool in_order) {
  const survey found = survey_cases(ops, count);
  if (found.channels == 0) return select_without_channels(ops, count, found);
  if (found.channels > on_stack) return run_large(ops, count, found, in_order);
  hchan* channels[on_stack];
  waiter_room waiters[on_stack];
  return selection(ops, count, found, channels, as_waiters(waiters), in_order).run();
}

}  // namespace

select_choice run_select(const select_op* ops, std::size_t count, bool in_order) {
  const std::size_t otherwise = otherwise_without_locks(ops, count);
  if (otherwise != none) return {otherwise, true};
  return run_with_locks(ops, count, in_order);
}

op_status try_case(const select_op& op) {
  if (op.channel == nullptr) return op_status::would_block;
  if (op.kind == case_kind::receive) return try_receive_value(op.channel, op.slot);
  return op.source == nullptr ? try_send_value(op.channel, op.slot)
                              : try_send(op.channel, op.slot, op.source);
}

}  // namespace goro::detail

namespace goro {

std::size_t select(std::span<select_case> cases) { return detail::select_kept(cases, false); }

std::size_t select(in_order_t, std::span<select_case> cases) { return detail::select_kept(cases, true); }

}  // namespace goro
