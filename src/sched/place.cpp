// SPDX-License-Identifier: MIT
#include "sched/place.hpp"

#include "base/fatal.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cxxabi.h>
#include <dlfcn.h>
#include <link.h>
#include <memory>
#include <mutex>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unordered_map>

extern char** environ;  // NOLINT: POSIX's own

namespace goro::detail {

bool is_goro_header(const std::string& file) noexcept {
  return file.find("/include/goro/") != std::string::npos || file.find("/goro/detail/") != std::string::npos ||
         file.find("/goro/go.hpp") != std::string::npos;
}

namespace {

// Asks addr2line: a line "file:line" for each function inlined at the address, innermost first.
void ask_addr2line(const char* module, std::uintptr_t offset, place& out) {
  int ends[2];
  if (pipe(ends) != 0) return;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", 1, 0);
  posix_spawn_file_actions_addclose(&actions, ends[0]);
  char address[32];
  std::snprintf(address, sizeof address, "%#lx", static_cast<unsigned long>(offset));
  char name[] = "addr2line";
  char option[] = "-ie";
  std::string copy(module);
  char* const arguments[] = {name, option, copy.data(), address, nullptr};
  pid_t child = -1;
  const bool started = posix_spawnp(&child, name, &actions, nullptr, arguments, environ) == 0;
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  std::string text;
  if (started) {
    char buffer[512];
    for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<std::size_t>(n));
    int status = 0;
    waitpid(child, &status, 0);
  }
  close(ends[0]);
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    const std::string line = text.substr(from, end - from);
    from = end + 1;
    const std::size_t colon = line.rfind(':');
    if (colon == std::string::npos || line.compare(0, 2, "??") == 0) return;
    out.file = line.substr(0, colon);
    out.line = std::atoi(line.c_str() + colon + 1);
    if (!is_goro_header(out.file)) return;
  }
}

}  // namespace

place locate(std::uintptr_t pc) {
  place out;
  Dl_info info{};
  const std::uintptr_t call = pc - 1;  // a return address belongs to the line after the call
  if (pc == 0 || dladdr(reinterpret_cast<void*>(call), &info) == 0) return out;
  if (info.dli_sname != nullptr) {
    int status = 0;
    const std::unique_ptr<char, void (*)(void*)> plain(abi::__cxa_demangle(info.dli_sname, nullptr, nullptr, &status),
                                                       &std::free);
    out.function = status == 0 && plain != nullptr ? plain.get() : info.dli_sname;
  }
  if (info.dli_fname != nullptr) {
    out.module = info.dli_fname;
    if (out.module.find('/') == std::string::npos || access(info.dli_fname, R_OK) != 0) out.module = "/proc/self/exe";
    if (out.module == "/proc/self/exe") {
      char path[4096];
      const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
      if (n > 0) out.module.assign(path, static_cast<std::size_t>(n));
    }
    out.offset = call - reinterpret_cast<std::uintptr_t>(info.dli_fbase);
    // A program that is not position-independent is linked at its own addresses.
    link_map* map = nullptr;
    Dl_info again{};
    void* extra = nullptr;
    if (dladdr1(reinterpret_cast<void*>(call), &again, &extra, RTLD_DL_LINKMAP) != 0) {
      map = static_cast<link_map*>(extra);
      if (map != nullptr && map->l_addr == 0) out.offset = call;
    }
  }
  return out;
}

namespace {

// Only tried: who asks in a signal handler may have interrupted one who has it, and asks addr2line anew.
constinit std::mutex known_lock;
std::unordered_map<std::uintptr_t, place>& known() {
  static auto& map = *new std::unordered_map<std::uintptr_t, place>;  // reports may come while the process ends
  return map;
}

}  // namespace

place find_place(std::uintptr_t pc) {
  if (const std::unique_lock hold(known_lock, std::try_to_lock); hold.owns_lock())
    if (const auto at = known().find(pc); at != known().end()) return at->second;
  place out = locate(pc);
  if (!out.module.empty()) ask_addr2line(out.module.c_str(), out.offset, out);
  if (const std::unique_lock hold(known_lock, std::try_to_lock); hold.owns_lock()) known().insert_or_assign(pc, out);
  return out;
}

void write_frame(std::uintptr_t pc, bool plain) noexcept {
  Dl_info info{};
  fatal_text text;
  text << "  " << hex(pc);
  if (dladdr(reinterpret_cast<void*>(pc - 1), &info) != 0) {
    if (info.dli_sname != nullptr) {
      int status = -1;
      const std::unique_ptr<char, void (*)(void*)> readable(
          plain ? abi::__cxa_demangle(info.dli_sname, nullptr, nullptr, &status) : nullptr, &std::free);
      text << ' ' << (status == 0 && readable != nullptr ? readable.get() : info.dli_sname);
    }
    if (info.dli_fname != nullptr)
      text << " in " << info.dli_fname << '+' << hex(pc - reinterpret_cast<std::uintptr_t>(info.dli_fbase));
  }
  text << '\n';
  text.write();
}

void write_place(const char* what, std::uintptr_t pc, std::uint64_t by) noexcept {
  try {
    const place at = find_place(pc);
    fatal_text text;
    text << what;
    if (by != 0) text << " by goroutine " << static_cast<unsigned long>(by);
    text << " at ";
    if (!at.file.empty())
      text << at.file.c_str() << ':' << at.line;
    else if (!at.module.empty())
      text << at.module.c_str() << '+' << hex(at.offset);
    else
      text << hex(pc);
    if (!at.function.empty()) text << " in " << at.function.c_str();
    text << '\n';
    text.write();
  } catch (...) {
    fatal_text text;
    text << what << " at " << hex(pc) << '\n';
    text.write();
  }
}

}  // namespace goro::detail
