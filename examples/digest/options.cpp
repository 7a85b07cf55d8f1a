// SPDX-License-Identifier: MIT
#include "options.hpp"

#include <charconv>
#include <cstring>
#include <string_view>

namespace digest {

const char* const usage =
    "usage: digest [options] [folder or file ...]\n"
    "\n"
    "Checksums (SHA-256) every regular file under the folders, /usr/include if none is named. Symbolic\n"
    "links inside a folder are not followed. The first error ends it.\n"
    "\n"
    "  --jobs N       N goroutines read and hash (1 to 1024; default: twice the number of CPUs)\n"
    "  --list         prints a line a file, sorted by path, as sha256sum does; the summary goes to stderr\n"
    "  --verify       runs sha256sum on the same files as well and compares\n"
    "  --keep-going   an unreadable file is reported and left out, the others are done\n"
    "  --help         prints this\n"
    "\n"
    "Exit code: 0 all done; 1 a file could not be read, or --verify found a difference; 2 wrong usage;\n"
    "130 ended by Ctrl-C, 143 by SIGTERM.\n";

namespace {

bool parse_jobs(std::string_view text, options& o) {
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, o.jobs);
  if (error == std::errc{} && at == end && o.jobs >= 1 && o.jobs <= 1024) return true;
  o.error = "--jobs: \"" + std::string(text) + "\" is not a number from 1 to 1024";
  return false;
}

}  // namespace

options parse(int argc, char** argv) {
  options o;
  bool options_over = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    if (options_over || arg.size() < 2 || arg[0] != '-') {
      if (arg.empty()) o.error = "a path is empty; give a folder or a file";
      o.roots.emplace_back(arg);
    } else if (arg == "--") {
      options_over = true;
    } else if (arg == "--jobs") {
      if (++i == argc) {
        o.error = "--jobs needs a number";
      } else {
        parse_jobs(argv[i], o);
      }
    } else if (arg.substr(0, 7) == "--jobs=") {
      parse_jobs(arg.substr(7), o);
    } else if (arg == "--list") {
      o.list = true;
    } else if (arg == "--verify") {
      o.verify = true;
    } else if (arg == "--keep-going") {
      o.keep_going = true;
    } else if (arg == "--help" || arg == "-h") {
      o.help = true;
    } else {
      o.error = "unknown option " + std::string(arg);
    }
    if (!o.error.empty()) return o;
  }
  if (o.roots.empty()) o.roots.emplace_back("/usr/include");
  return o;
}

}  // namespace digest
