// SPDX-License-Identifier: MIT
// Finds the regular files under a folder.
#pragma once

#include <functional>
#include <string>

namespace digest {

struct visitor {
  std::function<bool(std::string path)> file;                       // false: enough
  std::function<bool(std::string path, std::string what)> failure;  // false: enough
};

// Calls the visitor for every regular file under `root`, or for `root` itself if it is one. Folders are
// visited in no particular order. A link is not followed, unless it is `root` itself. False: the visitor
// had enough.
bool walk(const std::string& root, const visitor& visit);

}  // namespace digest
