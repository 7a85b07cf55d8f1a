#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A channel type more must cost little code: queueing and parking are compiled once, whatever the element is.

usage: instantiation_test.py INCLUDE_FOLDER COMPILER     50 element types, optimised; KiB each
"""
import pathlib
import subprocess
import sys
import tempfile

TYPES = 50
LIMIT = 3.0  # KiB a type: make_chan, send, recv, try_recv, a select of two, a loop; the type holds a string

PROGRAM = """
#include <goro/chan.hpp>
#include <goro/select.hpp>
#include <string>
template <int> struct item { std::string text; };
template <int N> void use() {
  auto ch = goro::make_chan<item<N>>(4);
  ch.send(item<N>{"one"});
  item<N> got;
  (void)goro::select(goro::recv(ch, got), goro::send(ch, item<N>{"two"}));
  (void)ch.try_recv();
  (void)ch.recv();
  ch.close();
  for (item<N> it : ch) got = std::move(it);
}
#define TEN(n) use<n>(); use<n + 1>(); use<n + 2>(); use<n + 3>(); use<n + 4>(); \\
               use<n + 5>(); use<n + 6>(); use<n + 7>(); use<n + 8>(); use<n + 9>();
void all();
void all() { %s }
"""


def size(include, compiler, types):
    with tempfile.TemporaryDirectory() as folder:
        source, made = pathlib.Path(folder, "all.cpp"), pathlib.Path(folder, "all.o")
        source.write_text(PROGRAM % " ".join(f"TEN({n})" for n in range(0, types, 10)))
        subprocess.run([compiler, "-std=c++20", "-O2", "-DNDEBUG", "-I", include, "-c", source, "-o", made],
                       check=True)
        table = subprocess.run(["size", made], check=True, stdout=subprocess.PIPE, text=True).stdout
        return sum(map(int, table.splitlines()[1].split()[:3]))


def main():
    include, compiler = sys.argv[1:]
    each = (size(include, compiler, TYPES) - size(include, compiler, 10)) / (TYPES - 10) / 1024
    print(f"{each:.2f} KiB a channel type, {LIMIT} at most")
    return each > LIMIT


if __name__ == "__main__":
    sys.exit(main())
