// SPDX-License-Identifier: MIT
#include "listing.hpp"

namespace digest {

std::string listing(const std::vector<entry>& entries) {
  std::string list;
  for (const entry& e : entries) {
    if (e.path.find_first_of("\\\n\r") != std::string::npos) list += '\\';
    list += e.hash;
    list += "  ";
    for (char c : e.path) {
      switch (c) {
        case '\\':
          list += "\\\\";
          break;
        case '\n':
          list += "\\n";
          break;
        case '\r':
          list += "\\r";
          break;
        default:
          list += c;
      }
    }
    list += '\n';
  }
  return list;
}

}  // namespace digest
