#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Configures goro as it is without each of the packages that its further libraries stand on.

usage: without_test.py SOURCE WORK COMPILER GENERATOR

What needs the package is left out with a word about it, what does not is still there, and the sources that ask at
compile time whether it is there compile without it. A package that is not installed here counts, too.
"""
import json
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

# What is taken away; what CMake must say; the libraries, tests and examples that stay; and those that must not be there.
FORMS = {
    "cares": (["-DGORO_CARES_LIBRARY=OFF"],
              ["goro::net is not built: on Debian, install libc-ares-dev", "goro::tls is not built, because goro::net",
               "goro::http is not built, because goro::net"],
              ["goro", "goro_leak"],
              ["goro_net", "goro_tls", "goro_http", "net_unit_test", "http_unit_test", "echo", "chat"]),
    "uring": (["-DGORO_URING_LIBRARY=OFF"],
              ["liburing was not found; files will be read by threads"],
              ["goro", "goro_net", "net_unit_test", "echo"], []),
    "openssl": (["-DCMAKE_DISABLE_FIND_PACKAGE_OpenSSL=ON"],
                ["goro::tls is not built: on Debian, install libssl-dev", "https:// and wss:// are refused",
                 "goro/asio.hpp is not tested"],
                ["goro", "goro_net", "goro_http", "net_unit_test", "http_unit_test", "chat", "crawler"],
                ["goro_tls", "tls_unit_test", "asio_unit_test"]),
    "boost": (["-DCMAKE_DISABLE_FIND_PACKAGE_Boost=ON"],
              ["goro::http is not built: on Debian, install libboost1.81-dev", "goro/asio.hpp is not tested"],
              ["goro", "goro_net", "goro_tls", "net_unit_test", "tls_unit_test", "echo", "portscan"],
              ["goro_http", "http_unit_test", "asio_unit_test", "asio_echo", "chat", "crawler"]),
}
MACROS = {"uring": "GORO_HAS_URING", "openssl": "GORO_HAS_TLS"}


def fail(text):
    sys.exit(f"FAILED: {text}")


def targets(build):
    """The names of all targets, as the file that CMake answers queries with has them."""
    reply = build / ".cmake/api/v1/reply"
    return {match[1] for file in reply.glob("target-*.json") if (match := re.match(r"target-(.+?)-[^-]*-?[0-9a-f]{20}",
                                                                                  file.name))}


def compile_those_that_ask(build, source, macro):
    """Checks, without making code, the sources that ask for the macro."""
    asked = 0
    for entry in json.loads((build / "compile_commands.json").read_text()):
        file = pathlib.Path(entry["file"])
        if (source / "src") not in file.parents or macro not in file.read_text():
            continue
        command = shlex.split(entry["command"])
        if any(macro in word for word in command):
            fail(f"{file.name} is compiled with {macro}")
        subprocess.run([*command, "-fsyntax-only"], cwd=entry["directory"], check=True)
        asked += 1
    if asked == 0:
        fail(f"no source asks for {macro}")


def main():
    source, work, compiler, generator = sys.argv[1:]
    source = pathlib.Path(source)
    for name, (settings, says, has, has_not) in FORMS.items():
        build = pathlib.Path(work) / "without" / name
        shutil.rmtree(build, ignore_errors=True)
        query = build / ".cmake/api/v1/query/codemodel-v2"
        query.parent.mkdir(parents=True)
        query.touch()
        command = ["cmake", "-G", generator, f"-DCMAKE_CXX_COMPILER={compiler}", "-S", source, "-B", build, *settings,
                   "-DCMAKE_CXX_COMPILER_LAUNCHER=", "-DGORO_PCH=OFF", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON"]
        said = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if said.returncode != 0:
            fail(f"without {name} it cannot be configured:\n{said.stdout}")
        for text in says:
            if text not in " ".join(said.stdout.split()):
                fail(f"without {name} CMake does not say {text!r}:\n{said.stdout}")
        there = targets(build)
        if missing := [t for t in has if t not in there]:
            fail(f"without {name} these are missing, too: {missing}; there are {sorted(there)}")
        if wrong := [t for t in has_not if t in there]:
            fail(f"without {name} these are still there: {wrong}")
        if name in MACROS:
            compile_those_that_ask(build, source, MACROS[name])
        print(f"ok: without {name}")


if __name__ == "__main__":
    main()
