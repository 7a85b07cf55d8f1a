#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds the installed public headers to their promises: each compiles alone, all together in any order, and none is
heavier than its budget.

usage: headers_test.py INCLUDE_FOLDER alone COMPILER HEADER       included first, and twice, without a warning;
                                                                  77: what it is for is not installed
       headers_test.py INCLUDE_FOLDER together COMPILER           all, from the first to the last and back
       headers_test.py INCLUDE_FOLDER budget COMPILER BUDGETS     preprocessed lines, of GCC
       headers_test.py INCLUDE_FOLDER measure COMPILER            prints a budget of 10 % more than is needed
"""
import pathlib
import subprocess
import sys

NEEDS = {"goro/gtest.hpp": "gtest/gtest.h", "goro/catch2.hpp": "catch2/catch.hpp",  # headers of others
         "goro/asio.hpp": "boost/asio/consign.hpp", "goro/detail/asio_operation.hpp": "boost/asio/consign.hpp"}
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]


def usable(compiler, header):
    if header not in NEEDS:
        return True
    text = f"#if !__has_include(<{NEEDS[header]}>)\n#error\n#endif\n"
    command = [compiler, "-E", "-x", "c++", "-"]
    return subprocess.run(command, input=text, text=True, capture_output=True).returncode == 0


def compiles(include, compiler, headers):
    text = "".join(f"#include <{header}>\n" for header in headers) + "int main() {}\n"
    command = [compiler, "-std=c++20", *WARNINGS, "-fsyntax-only", "-I", str(include), "-x", "c++", "-"]
    return subprocess.run(command, input=text, text=True).returncode == 0


def alone(include, compiler, header):
    if not usable(compiler, header):
        print(f"{header}: skipped, since there is no {NEEDS[header]}")
        return 77
    return not compiles(include, compiler, [header, header])


def together(include, compiler):
    headers = [header for header in all_headers(include) if usable(compiler, header)]
    print(f"{len(headers)} headers")
    orders = [headers + headers, headers[::-1]]
    return not headers or not all([compiles(include, compiler, order) for order in orders])


def lines(include, compiler, headers):
    text = "".join(f"#include <{header}>\n" for header in headers)
    command = [compiler, "-std=c++20", "-E", "-P", "-I", str(include), "-x", "c++", "-"]
    result = subprocess.run(command, input=text, text=True, stdout=subprocess.PIPE, check=True)
    return result.stdout.count("\n")


def all_headers(include):
    return sorted(file.relative_to(include).as_posix() for file in (include / "goro").rglob("*.hpp"))


def budget(include, compiler, budgets):
    faults, seen = 0, set()
    for line in pathlib.Path(budgets).read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        *headers, limit = line.split()
        seen.update(headers)
        if limit == "free":
            continue
        missing = [header for header in headers if not (include / header).exists()]
        if missing:
            print(f"{missing[0]}: has a budget and does not exist")
            faults += 1
            continue
        if not all(usable(compiler, header) for header in headers):
            print(f"{' + '.join(headers)}: skipped, since there is no {NEEDS[headers[0]]}")
            continue
        used = lines(include, compiler, headers)
        over = used > int(limit)
        faults += over
        verdict = ": TOO HEAVY; see what it includes" if over else ""
        print(f"{' + '.join(headers)}: {used} of {limit} lines{verdict}")
    for header in all_headers(include):
        if header not in seen:
            print(f"{header}: has no budget in header_budget.txt")
            faults += 1
    return bool(faults)


def measure(include, compiler):
    for header in filter(lambda header: usable(compiler, header), all_headers(include)):
        used = lines(include, compiler, [header])
        print(f"{header} {(used * 11 // 10 + 99) // 100 * 100}")
    return 0


def main():
    include, what, compiler, *rest = sys.argv[1:]
    action = {"alone": alone, "together": together, "budget": budget, "measure": measure}[what]
    return action(pathlib.Path(include), compiler, *rest)


if __name__ == "__main__":
    sys.exit(main())
