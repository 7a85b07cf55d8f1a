// SPDX-License-Identifier: MIT
#include "walk.hpp"

#include <dirent.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

namespace digest {
namespace {

struct close_dir {
  void operator()(DIR* d) const noexcept { closedir(d); }
};

enum class kind { file, folder, other };

kind kind_of(mode_t mode) {
  if (S_ISREG(mode)) return kind::file;
  return S_ISDIR(mode) ? kind::folder : kind::other;
}

// errno belongs to the thread, and the compiler may keep its address. The visitor may park and go on in
// another thread, so errno is read only in functions that call no visitor, kept out of line.

[[gnu::noinline]] DIR* open_folder(const std::string& path, int& error) {
  DIR* const dir = opendir(path.c_str());
  error = dir == nullptr ? errno : 0;
  return dir;
}

[[gnu::noinline]] const dirent* next_entry(DIR* dir, int& error) {
  errno = 0;
  const dirent* const entry = readdir(dir);
  error = entry == nullptr ? errno : 0;
  return entry;
}

// Follows a link only if told to.
[[gnu::noinline]] kind kind_of(const std::string& path, bool follow, int& error) {
  struct stat st;
  const int result = follow ? stat(path.c_str(), &st) : lstat(path.c_str(), &st);
  error = result != 0 ? errno : 0;
  return error != 0 ? kind::other : kind_of(st.st_mode);
}

// Mostly the directory itself tells; some file systems leave it to lstat.
kind kind_of(const dirent& entry, const std::string& path, int& error) {
  error = 0;
  switch (entry.d_type) {
    case DT_REG:
      return kind::file;
    case DT_DIR:
      return kind::folder;
    case DT_UNKNOWN:
      return kind_of(path, false, error);
    default:
      return kind::other;
  }
}

// Calls the visitor for the files in one folder, and adds its folders to `pending`.
bool walk_folder(const std::string& folder, const visitor& visit, std::vector<std::string>& pending) {
  int error = 0;
  const std::unique_ptr<DIR, close_dir> dir(open_folder(folder, error));
  if (!dir) return visit.failure(folder, std::strerror(error));
  const std::string prefix = folder.back() == '/' ? folder : folder + '/';
  while (const dirent* entry = next_entry(dir.get(), error)) {
    if (std::strcmp(entry->d_name, ".") == 0 || std::strcmp(entry->d_name, "..") == 0) continue;
    std::string path = prefix + entry->d_name;
    const kind what = kind_of(*entry, path, error);
    if (error != 0) {
      if (!visit.failure(std::move(path), std::strerror(error))) return false;
    } else if (what == kind::folder) {
      pending.push_back(std::move(path));
    } else if (what == kind::file) {
      if (!visit.file(std::move(path))) return false;
    }
  }
  return error == 0 || visit.failure(folder, std::strerror(error));
}

}  // namespace

bool walk(const std::string& root, const visitor& visit) {
  int error = 0;
  const kind what = kind_of(root, true, error);
  if (error != 0) return visit.failure(root, std::strerror(error));
  if (what == kind::file) return visit.file(root);
  if (what == kind::other) return visit.failure(root, "neither a folder nor a regular file");

  // A list of folders instead of recursion: a goroutine's stack is small, a tree may be deep.
  std::vector<std::string> pending{root};
  while (!pending.empty()) {
    const std::string folder = std::move(pending.back());
    pending.pop_back();
    if (!walk_folder(folder, visit, pending)) return false;
  }
  return true;
}

}  // namespace digest
