// SPDX-License-Identifier: MIT
// The command line of digest.
#pragma once

#include <string>
#include <vector>

namespace digest {

struct options {
  std::vector<std::string> roots;  // folders or files; /usr/include if none is given
  int jobs = 0;                    // readers; 0: twice as many as there are CPUs
  bool list = false;
  bool verify = false;
  bool keep_going = false;
  bool help = false;
  std::string error;  // not empty: what is wrong with the command line
};

extern const char* const usage;

options parse(int argc, char** argv);

}  // namespace digest
