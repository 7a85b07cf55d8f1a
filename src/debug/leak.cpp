// SPDX-License-Identifier: MIT
// Looking for goroutines that should be gone. Most looks are cheap ones over the blocks alone, to see whether
// anybody is left; who they are, with stacks and names, is asked once at the end.
#include <goro/leak.hpp>

#include "base/clock.hpp"
#include "debug/dump.hpp"
#include "sched/family.hpp"
#include "sched/goroutines.hpp"

#include <goro/go.hpp>
#include <goro/time.hpp>

#include <algorithm>
#include <system_error>

namespace goro::leak {

namespace {

using namespace detail;

constexpr int looks_without_pause = 10;
constexpr std::int64_t first_pause = 50'000;  // ns
constexpr std::int64_t longest_pause = 20'000'000;

bool contains(const std::vector<std::uint64_t>& sorted, std::uint64_t id) noexcept {
  return std::binary_search(sorted.begin(), sorted.end(), id);
}

// Who is meant, but for functions.
class suspects {
 public:
  suspects(const options& how, family_id within) : within_(within), ids_(how.ignore_ids) {
    ids_.push_back(goroutine_id());
    std::sort(ids_.begin(), ids_.end());
  }

  bool include(const identity& who) const noexcept {
    return (who.flags & flag_daemon) == 0 && (within_ == 0 || descends_from(who.family, within_)) &&
           !contains(ids_, who.id);
  }
  bool any() const noexcept {
    identity who;
    for (std::size_t i = 0, n = block_count(); i != n; ++i)
      if (read_identity(block_at(i), who) && include(who)) return true;
    return false;
  }
  sightings look() const {
    const walk_filter filter{[](const void* self, const identity& who) noexcept {
                               return static_cast<const suspects*>(self)->include(who);
                             },
                             this};
    sightings seen = walk(walk_kind::alive, &filter);
    // One may have ended meanwhile, and another have got its block.
    std::erase_if(seen.all, [this](const sighting& s) { return !include(s.who); });
    return seen;
  }

 private:
  const family_id within_;
  std::vector<std::uint64_t> ids_;
};

bool names_one_of(const std::string& function, const std::vector<std::string>& parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](const std::string& part) { return function.find(part) != std::string::npos; });
}

bool is_ignored(const goroutine_info& info, const std::vector<std::string>& parts) {
  return names_one_of(info.created_at.function, parts) ||
         std::any_of(info.stack.begin(), info.stack.end(),
                     [&](const stack_frame& f) { return names_one_of(f.function, parts); });
}

struct found {
  sightings seen;
  std::vector<goroutine_info> infos;  // of the same, in the same order
};

found look_closely(const suspects& who, const std::vector<std::string>& ignored_functions) {
  found f;
  f.seen = who.look();
  f.infos = records(f.seen);
  if (ignored_functions.empty()) return f;
  found kept;
  kept.seen.pcs = std::move(f.seen.pcs);
  for (std::size_t i = 0; i != f.infos.size(); ++i) {
    if (is_ignored(f.infos[i], ignored_functions)) continue;
    kept.infos.push_back(std::move(f.infos[i]));
    kept.seen.all.push_back(std::move(f.seen.all[i]));
  }
  return kept;
}

// Those that are still there when all the patience is used up. A goroutine that has done its work and only has
// to run out is gone after one of the looks.
found left_over(const options& how, family_id within, std::uint64_t maker) {
  options all = how;
  if (maker != 0) all.ignore_ids.push_back(maker);
  const suspects who(all, within);
  const std::int64_t limit = saturating_add(now_ns(), to_ns(how.timeout));
  std::int64_t pause = first_pause;
  for (int looks = 1;; ++looks) {
    if (!who.any()) return {};
    const std::int64_t now = now_ns();
    if (now >= limit || !how.ignore_functions.empty()) {
      found f = look_closely(who, how.ignore_functions);
      if (f.infos.empty() || now >= limit) return f;
    }
    if (looks <= looks_without_pause) {
      yield();
    } else {
      sleep_ns(std::min(pause, limit - now));
      pause = std::min(2 * pause, longest_pause);
    }
  }
}

std::string milliseconds(duration d) { return std::to_string(d.count() / 1'000'000) + " ms"; }

void verify(const char* call, const options& how, family_id within, std::uint64_t maker) {
  found f = left_over(how, within, maker);
  const std::size_t n = f.infos.size();
  if (n == 0) return;
  std::string report = std::string("goro: ") + call + ": " + std::to_string(n) +
                       (n == 1 ? " goroutine is" : " goroutines are") + " still there" +
                       (how.timeout.count() > 0 ? " after " + milliseconds(how.timeout) : std::string()) +
                       "; let them come to an end, or ignore them by leak::options\n\n";
  write_text(
      std::move(f.seen), {},
      {[](void* to, std::string_view piece) { static_cast<std::string*>(to)->append(piece); }, &report});
  throw error(std::move(report), std::move(f.infos));
}

}  // namespace

options& options::ignore_function(std::string substring) {
  ignore_functions.push_back(std::move(substring));
  return *this;
}

options& options::ignore_current() {
  identity who;
  for (std::size_t i = 0, n = block_count(); i != n; ++i)
    if (read_identity(block_at(i), who)) ignore_ids.push_back(who.id);
  return *this;
}

error::error(std::string report, std::vector<goroutine_info> leaked)
    : std::runtime_error(std::move(report)), leaked_(std::move(leaked)) {}
error::error(const error&) = default;
error::~error() = default;

std::vector<goroutine_info> find(const options& how) { return left_over(how, 0, 0).infos; }

void verify_none(const options& how) { verify("leak::verify_none", how, 0, 0); }

family::family() : id_(0), before_(current_family()), maker_(goroutine_id()) {
  id_ = open_family(before_);
  if (id_ == 0)
    throw std::system_error(
        std::make_error_code(std::errc::resource_unavailable_try_again),
        "goro: leak::family: 65535 of them are there or have goroutines left; let some end");
  (void)set_current_family(id_);
}

family::~family() {
  if (current_family() == id_) (void)set_current_family(before_);
  close_family(id_);
}

std::vector<goroutine_info> family::find(const options& how) const {
  return left_over(how, id_, maker_).infos;
}

void family::verify_none(const options& how) const { verify("leak::family::verify_none", how, id_, maker_); }

}  // namespace goro::leak
