// SPDX-License-Identifier: MIT
#include "debug/memory_map.hpp"

#include "base/stack_region.hpp"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <iterator>

namespace goro::detail {

namespace {

constexpr std::size_t entries_at_a_time = 8192;  // pages: 32 MiB of memory
constexpr std::size_t copy_bytes = std::size_t{64} << 10;

constexpr std::uint64_t present = std::uint64_t{1} << 63;
constexpr std::uint64_t swapped = std::uint64_t{1} << 62;
constexpr std::uint64_t of_file = std::uint64_t{1} << 61;

bool starts_with(const char* text, const char* with) noexcept {
  return std::strncmp(text, with, std::strlen(with)) == 0;
}

std::uintptr_t hex(const char*& at) noexcept {
  std::uintptr_t value = 0;
  for (;; ++at) {
    const char c = *at;
    if (c >= '0' && c <= '9')
      value = value * 16 + static_cast<std::uintptr_t>(c - '0');
    else if (c >= 'a' && c <= 'f')
      value = value * 16 + static_cast<std::uintptr_t>(c - 'a' + 10);
    else
      return value;
  }
}

// What is not a file of a disk: its pages are memory that only has a name.
bool is_memory(const char* name) noexcept {
  for (const char* const each : {"/memfd:", "/dev/shm/", "/dev/zero", "/SYSV", "/anon_hugepage"})
    if (starts_with(name, each)) return true;
  return *name == '\0';
}

enum class way : std::uint8_t { skip, in_place, through_file };

way way_of(const mapping& m, std::uint64_t entry, bool resident) noexcept {
  if (m.shared) return resident || (entry & (present | swapped)) != 0 ? way::through_file : way::skip;
  if ((entry & swapped) != 0) return way::through_file;
  if ((entry & present) == 0 || (m.file && (entry & of_file) != 0)) return way::skip;
  return way::in_place;
}

}  // namespace

memory_map::~memory_map() {
  for (const int fd : {maps_, pages_, contents_, descriptors_})
    if (fd >= 0) ::close(fd);
}

bool memory_map::open() noexcept {
  struct {
    int& fd;
    const char* path;
    int flags;
    const char* failure;
  } const files[] = {
      {maps_, "/proc/self/maps", O_RDONLY, "/proc/self/maps cannot be opened"},
      {pages_, "/proc/self/pagemap", O_RDONLY, "/proc/self/pagemap cannot be opened"},
      {contents_, "/proc/self/mem", O_RDONLY, "/proc/self/mem cannot be opened"},
      {descriptors_, "/proc/self/fd", O_RDONLY | O_DIRECTORY, "/proc/self/fd cannot be opened"},
  };
  for (const auto& f : files) {
    f.fd = ::open(f.path, f.flags | O_CLOEXEC);
    if (f.fd < 0) return fail(f.failure, errno);
  }
  entries_ = memory_.take_array<std::uint64_t>(entries_at_a_time);
  copy_ = memory_.take_array<std::uint64_t>(copy_bytes / 8);
  resident_ = memory_.take_array<unsigned char>(entries_at_a_time);
  if (resident_ == nullptr) return fail("there is no address space for it", ENOMEM);
  return true;
}

bool memory_map::read() noexcept {
  constexpr std::size_t most = std::size_t{64} << 20;  // of text; pages come as they are used
  auto* const text = static_cast<char*>(memory_.take(most));
  if (text == nullptr) return fail("there is no address space for the list of mappings", ENOMEM);
  std::size_t length = 0;
  for (;;) {
    const long got =
        raw_call(SYS_read, maps_, as_argument(text + length), static_cast<long>(most - 1 - length));
    if (got < 0) return fail("/proc/self/maps cannot be read", static_cast<int>(-got));
    if (got == 0) break;
    length += static_cast<std::size_t>(got);
    if (length == most - 1) return fail("there are too many mappings", 0);
  }
  return parse(text, length);
}

bool memory_map::parse(char* text, std::size_t length) noexcept {
  std::size_t lines = 0;
  for (std::size_t i = 0; i != length; ++i) lines += text[i] == '\n';
  all_ = memory_.take_array<mapping>(lines);
  if (all_ == nullptr) return fail("there is no address space for the list of mappings", ENOMEM);
  for (char* line = text; line < text + length;) {
    char* const end =
        static_cast<char*>(std::memchr(line, '\n', static_cast<std::size_t>(text + length - line)));
    if (end == nullptr) break;
    *end = '\0';
    const char* at = line;
    mapping& m = all_[count_];
    m.first = hex(at);
    ++at;
    m.last = hex(at);
    ++at;
    m.readable = at[0] == 'r';
    m.writable = at[1] == 'w';
    m.shared = at[3] == 's';
    at += 5;
    (void)hex(at);  // offset, device, inode, name
    for (++at; *at != ' '; ++at) {
    }
    for (++at; *at >= '0' && *at <= '9'; ++at) {
    }
    while (*at == ' ') ++at;
    line = end + 1;
    if (starts_with(at, "/[aio]"))
      return fail("the process uses the kernel's asynchronous I/O (aio), which keeps addresses", 0);
    if (starts_with(at, "anon_inode:[io_uring]"))
      return fail("the process uses io_uring, which keeps addresses", 0);
    if (starts_with(at, "[vvar") || starts_with(at, "[vsyscall]") || starts_with(at, "[vdso]")) continue;
    m.main_stack = starts_with(at, "[stack]");
    m.memory = is_memory(at);
    m.file = *at != '\0' && *at != '[' && !m.memory;
    ++count_;
  }
  return true;
}

const mapping* memory_map::find(std::uintptr_t at) const noexcept {
  const mapping* const after =
      std::upper_bound(begin(), end(), at, [](std::uintptr_t a, const mapping& m) { return a < m.first; });
  return after == begin() || at >= (after - 1)->last ? nullptr : after - 1;
}

// Whether a load from this page would not fault though it is there: a protection key may forbid it. The kernel
// loads a word for us, and says so.
bool memory_map::can_load(const mapping& m, std::uintptr_t at) noexcept {
  if (probed_ == &m) return probed_well_;
  const long none[2] = {0, 0};
  probed_ = &m;
  probed_well_ = raw_call(SYS_futex, static_cast<long>(at), FUTEX_WAIT_PRIVATE, 0x5a5a'1234,
                          as_argument(none)) != -EFAULT;
  return probed_well_;
}

void memory_map::through_file(std::uintptr_t from, std::uintptr_t to, word_sink& sink) noexcept {
  while (from < to) {
    const std::size_t n = std::min<std::size_t>(to - from, copy_bytes);
    const long got =
        raw_call(SYS_pread64, contents_, as_argument(copy_), static_cast<long>(n), static_cast<long>(from));
    if (got <= 0) {  // not this page
      from = (from / page_size + 1) * page_size;
      continue;
    }
    sink.words(copy_, copy_ + got / 8, from);
    from += static_cast<std::size_t>(got) & ~std::size_t{7};
    if (got < 8) return;
  }
}

void memory_map::scan(const mapping& m, std::uintptr_t from, std::uintptr_t to, word_sink& sink) noexcept {
  if (!m.readable || (m.shared && !m.memory)) return;
  from = (from + 7) & ~std::uintptr_t{7};
  to &= ~std::uintptr_t{7};
  while (from < to) {
    const std::uintptr_t page = from / page_size;
    const std::size_t pages = std::min<std::size_t>((to - 1) / page_size - page + 1, entries_at_a_time);
    const long got = raw_call(SYS_pread64, pages_, as_argument(entries_), static_cast<long>(pages * 8),
                              static_cast<long>(page * 8));
    if (got != static_cast<long>(pages * 8)) std::fill_n(entries_, pages, swapped);  // not known: try
    std::fill_n(resident_, pages, static_cast<unsigned char>(0));
    if (m.shared)
      (void)raw_call(SYS_mincore, static_cast<long>(page * page_size), static_cast<long>(pages * page_size),
                     as_argument(resident_));
    const auto kind = [&](std::size_t i) { return way_of(m, entries_[i], (resident_[i] & 1) != 0); };
    for (std::size_t i = 0; i != pages;) {
      const way how = kind(i);
      std::size_t next = i + 1;
      while (next != pages && kind(next) == how) ++next;
      const std::uintptr_t first = std::max(from, (page + i) * page_size);
      const std::uintptr_t last = std::min(to, (page + next) * page_size);
      i = next;
      if (how == way::skip || first >= last) continue;
      if (how == way::in_place && can_load(m, first))
        sink.words(reinterpret_cast<const std::uint64_t*>(first),
                   reinterpret_cast<const std::uint64_t*>(last), first);
      else
        through_file(first, last, sink);
    }
    from = (page + pages) * page_size;
  }
}

void memory_map::scan(std::uintptr_t from, std::uintptr_t to, word_sink& sink) noexcept {
  while (from < to) {
    const mapping* const m = find(from);
    if (m == nullptr) return;
    scan(*m, from, std::min(to, m->last), sink);
    from = m->last;
  }
}

// ---- what the kernel keeps

namespace {

struct directory_entry {
  std::uint64_t inode;
  std::int64_t next;
  std::uint16_t length;
  std::uint8_t type;
  char name[1];
};

void join(char* to, const char* a, const char* b) noexcept {
  while (*a != '\0') *to++ = *a++;
  while (*b != '\0') *to++ = *b++;
  *to = '\0';
}

// Shows each hexadecimal number that follows `label` in the file. False: it cannot be opened.
bool scan_text(const char* path, const char* label, std::uint64_t* buffer, word_sink& sink) noexcept {
  const long fd = raw_call(SYS_openat, AT_FDCWD, as_argument(path), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  auto* const text = reinterpret_cast<char*>(buffer);
  const std::size_t length = std::strlen(label);
  std::size_t kept = 0;
  for (;;) {
    const long got = raw_call(SYS_read, static_cast<long>(fd), as_argument(text + kept),
                              static_cast<long>(copy_bytes - 1 - kept));
    if (got <= 0) break;
    const std::size_t have = kept + static_cast<std::size_t>(got);
    text[have] = '\0';
    char* at = text;
    for (char* line = text; (line = std::strstr(line, label)) != nullptr; at = line) {
      if (std::strchr(line, '\n') == nullptr) break;
      const char* number = line + length;
      while (*number == ' ') ++number;
      // Tags above the address are usual there (sched/epoll.cpp has one), since the kernel gives back all 64 bits.
      const std::uint64_t value = hex(number);
      const std::uint64_t words[] = {value, value & ((std::uint64_t{1} << 48) - 1)};
      sink.words(std::begin(words), std::end(words), 0);
      line += length;
    }
    char* const last_line = std::strrchr(at, '\n');
    const char* const rest = last_line == nullptr ? at : last_line + 1;
    kept = static_cast<std::size_t>(text + have - rest);
    if (kept >= copy_bytes / 2) kept = 0;
    std::memmove(text, rest, kept);
  }
  (void)raw_call(SYS_close, fd);
  return true;
}

}  // namespace

bool memory_map::scan_kernel(word_sink& sink) noexcept {
  alignas(8) char list[8192];
  (void)raw_call(SYS_lseek, descriptors_, 0, SEEK_SET);
  for (;;) {
    const long got = raw_call(SYS_getdents64, descriptors_, as_argument(list), sizeof list);
    if (got < 0) return fail("the list of descriptors cannot be read", static_cast<int>(-got));
    if (got == 0) break;
    for (long at = 0; at < got;) {
      const auto* const entry = reinterpret_cast<const directory_entry*>(list + at);
      at += entry->length;
      char target[64];
      const long n = raw_call(SYS_readlinkat, descriptors_, as_argument(entry->name), as_argument(target),
                              sizeof target - 1);
      if (n <= 0) continue;
      target[n] = '\0';
      if (starts_with(target, "anon_inode:[io_uring]"))
        return fail("the process uses io_uring, which keeps addresses", 0);
      if (starts_with(target, "anon_inode:[userfaultfd]"))
        return fail("the process fills pages by userfaultfd, so not all of its memory can be seen", 0);
      if (!starts_with(target, "anon_inode:[eventpoll]")) continue;
      char path[64];
      join(path, "/proc/self/fdinfo/", entry->name);
      if (!scan_text(path, "data:", copy_, sink)) return fail("what epoll keeps cannot be read", 0);
    }
  }
  (void)scan_text("/proc/self/timers", "/", copy_, sink);  // "signal: 10/00007f…"; absent in some kernels
  return true;
}

}  // namespace goro::detail
