// SPDX-License-Identifier: MIT
// The list of checksums, in the form of sha256sum.
#pragma once

#include "pipeline.hpp"

#include <string>
#include <vector>

namespace digest {

// "<hash>  <path>\n" for each, in the order given. A path with a backslash, newline or carriage return is
// escaped, and its line begins with a backslash, as in sha256sum (coreutils 9).
std::string listing(const std::vector<entry>& entries);

}  // namespace digest
