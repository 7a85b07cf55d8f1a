// SPDX-License-Identifier: MIT
#include "debug/symbolise.hpp"

#include "base/clock.hpp"
#include "sched/place.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string_view>
#include <unordered_map>

extern char** environ;  // NOLINT: POSIX's own

namespace goro::detail {

namespace {

constexpr std::int64_t patience = 20'000'000'000;  // ns that addr2line has for one module

// Never destroyed: a dump may come from any thread while the process ends.
std::unordered_map<std::uintptr_t, symbol>& known() {
  static auto& map = *new std::unordered_map<std::uintptr_t, symbol>;
  return map;
}
constinit std::mutex known_lock;

constinit std::atomic<int> in_a_hurry{0};
constexpr std::int64_t look_for_hurry_every = 50'000'000;

// The questions as a file, so that nobody has to feed a pipe while the other end is full.
int file_of(const std::string& text) noexcept {
  const int fd = memfd_create("goro", MFD_CLOEXEC);
  if (fd < 0) return -1;
  for (std::size_t done = 0; done != text.size();) {
    const ssize_t n = write(fd, text.data() + done, text.size() - done);
    if (n <= 0) {
      close(fd);
      return -1;
    }
    done += static_cast<std::size_t>(n);
  }
  (void)lseek(fd, 0, SEEK_SET);
  return fd;
}

// Without what makes binutils ask a server for debug information, and without what is preloaded under this program:
// goro::locks needs a libgoro, which addr2line does not find.
std::vector<char*> environment_of_addr2line() {
  std::vector<char*> out;
  for (char** each = environ; each != nullptr && *each != nullptr; ++each)
    if (std::strncmp(*each, "DEBUGINFOD_URLS=", 16) != 0 && std::strncmp(*each, "LD_PRELOAD=", 11) != 0)
      out.push_back(*each);
  out.push_back(nullptr);
  return out;
}

// What addr2line says; what it said so far if it takes too long; empty if it cannot be run.
std::string ask(const std::string& module, const std::string& questions) {
  std::string answer;
  if (in_a_hurry.load(std::memory_order_relaxed) != 0) return answer;
  const int in = file_of(questions);
  if (in < 0) return answer;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    close(in);
    return answer;
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", 1, 0);
  // The runtime's threads block most signals: the child shall not inherit that.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  char name[] = "addr2line";
  char options[] = "-afiCe";
  std::string path = module;
  char* const arguments[] = {name, options, path.data(), nullptr};
  const std::vector<char*> environment = environment_of_addr2line();
  pid_t child = -1;
  const bool started = posix_spawnp(&child, name, &actions, &attributes, arguments, environment.data()) == 0;
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  close(in);
  close(ends[1]);
  if (started) {
    const std::int64_t limit = monotonic_ns() + patience;
    for (;;) {
      pollfd p{ends[0], POLLIN, 0};
      const std::int64_t left = in_a_hurry.load(std::memory_order_relaxed) != 0 ? 0 : limit - monotonic_ns();
      const int r = left <= 0 ? 0 : poll(&p, 1, static_cast<int>(std::min(left, look_for_hurry_every) / 1'000'000));
      if ((r < 0 && errno == EINTR) || (r == 0 && left > 0)) continue;
      if (r <= 0) {
        (void)kill(child, SIGKILL);
        break;
      }
      char buffer[16 * 1024];
      const ssize_t n = read(ends[0], buffer, sizeof buffer);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      answer.append(buffer, static_cast<std::size_t>(n));
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
  }
  close(ends[0]);
  return answer;
}

// The closure that a goroutine runs, inlined into what calls it, is given the caller's name by addr2line:
// its own stands in there.
std::string_view without_caller(std::string_view function) noexcept {
  constexpr std::string_view before = "void goro::detail::run_closure<goro::detail::closure<";
  constexpr std::string_view after = "> >(void*)";
  if (!function.starts_with(before) || !function.ends_with(after)) return function;
  return function.substr(before.size(), function.size() - before.size() - after.size());
}

std::string_view next_line(std::string_view& rest) noexcept {
  const std::size_t end = std::min(rest.find('\n'), rest.size());
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return line;
}

// For each question, in order, its address; then for each function, innermost first, its name and "file:line".
void read_answer(std::string_view answer, std::span<const std::uintptr_t> pcs) {
  std::size_t at = 0;
  symbol* into = nullptr;
  while (!answer.empty()) {
    const std::string_view line = next_line(answer);
    if (line.starts_with("0x")) {
      if (at == pcs.size()) return;
      into = &known()[pcs[at++]];
      continue;
    }
    std::string_view where = next_line(answer);
    if (into == nullptr) return;
    const std::size_t colon = where.rfind(':');
    if (line.starts_with("??") || colon == std::string_view::npos) continue;
    stack_frame f{pcs[at - 1], std::string(line), {}, 0};
    if (!where.starts_with("??")) {
      f.file = where.substr(0, colon);
      f.line = std::atoi(std::string(where.substr(colon + 1)).c_str());
      if (!is_goro_header(f.file)) f.function = without_caller(line);
    }
    into->frames.push_back(std::move(f));
  }
}

}  // namespace

no_more_asking::no_more_asking() noexcept { in_a_hurry.fetch_add(1, std::memory_order_relaxed); }
no_more_asking::~no_more_asking() { in_a_hurry.fetch_sub(1, std::memory_order_relaxed); }

void symbolise(std::span<const std::uintptr_t> pcs) {
  const std::lock_guard<std::mutex> hold(known_lock);
  std::map<std::string, std::vector<std::uintptr_t>> fresh;
  std::unordered_map<std::uintptr_t, std::string> functions;
  for (const std::uintptr_t pc : pcs) {
    if (known().contains(pc)) continue;
    place at = locate(pc);
    symbol& s = known()[pc];
    s.module = at.module;
    s.offset = at.offset;
    functions[pc] = std::move(at.function);
    if (!s.module.empty()) fresh[s.module].push_back(pc);
  }
  for (const auto& [module, addresses] : fresh) {
    std::string questions;
    for (const std::uintptr_t pc : addresses) {
      char line[32];
      std::snprintf(line, sizeof line, "%#lx\n", static_cast<unsigned long>(known()[pc].offset));
      questions += line;
    }
    read_answer(ask(module, questions), addresses);
  }
  for (auto& [pc, function] : functions) {
    symbol& s = known()[pc];
    if (s.frames.empty()) s.frames.push_back({pc, std::move(function), {}, 0});
    s.is_inner = std::all_of(s.frames.begin(), s.frames.end(), &is_inner);
  }
}

const symbol& symbol_of(std::uintptr_t pc) {
  const std::lock_guard<std::mutex> hold(known_lock);
  symbol& s = known()[pc];
  if (s.frames.empty()) s.frames.push_back({pc, {}, {}, 0});
  return s;
}

const stack_frame& user_frame(const symbol& s) noexcept {
  for (const stack_frame& f : s.frames)
    if (!f.file.empty() && !is_goro_header(f.file)) return f;
  return s.frames.back();
}

std::string where(const stack_frame& f) {
  if (!f.file.empty()) return f.file + ':' + std::to_string(f.line);
  const symbol& s = symbol_of(f.pc);
  char number[32];
  std::snprintf(number, sizeof number, "%#lx", static_cast<unsigned long>(s.module.empty() ? f.pc : s.offset));
  return s.module.empty() ? number : s.module + '+' + number;
}

bool is_inner(const stack_frame& f) noexcept {
  // A function without linkage has only its short name in the debug information, so its file tells.
  static constexpr std::string_view this_file = "src/debug/symbolise.cpp";
  static constexpr std::string_view here = __FILE__;
  static constexpr std::string_view sources = here.substr(0, here.size() - this_file.size() + 4);
  const std::string_view function = f.function;
  const std::string_view file = f.file;
  if (function.starts_with("goro_detail_")) return true;
  if (file.find("/goro/detail/") != std::string_view::npos) return true;
  if (is_goro_header(f.file) && function.find("goro::") == std::string_view::npos) return true;
  const bool is_public = function.starts_with("goro::") && !function.starts_with("goro::detail::");
  if (!is_public && here.ends_with(this_file) && file.starts_with(sources)) return true;
  if (file.find("/c++/") != std::string_view::npos)
    for (const std::string_view name : {"__invoke", "invoke", "__apply_impl", "apply"}) {
      const std::size_t at = function.find(name);  // before any argument list or template bracket
      if (at != std::string_view::npos &&
          function.substr(0, at).find_first_of("<(") == std::string_view::npos)
        return true;
      if (function.starts_with("decltype(auto) std::")) return true;
    }
  // What is inlined has, in programs with lines but without types (-g1), the name of the function that it is in. So a
  // line of the user's is his, if his function was inlined into one of ours.
  const bool is_ours = here.ends_with(this_file) && file.starts_with(sources);
  if (!file.empty() && !is_ours && !is_goro_header(f.file) && file.find("/c++/") == std::string_view::npos) return false;
  const std::size_t at = function.find("goro::detail::");
  return at != std::string_view::npos && (at == 0 || function[at - 1] == ' ') &&
         function.substr(0, at).find_first_of("<(") == std::string_view::npos;
}

}  // namespace goro::detail
