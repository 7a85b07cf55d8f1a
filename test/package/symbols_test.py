#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""libgoro.so exports goro's public names, and of goro::detail only what the public headers declare.

usage: symbols_test.py PREFIX INCLUDE_FOLDER
"""
import pathlib
import re
import subprocess
import sys

OURS = re.compile(r"(?:(?:typeinfo|typeinfo name|vtable|VTT|guard variable|construction vtable) for |"
                  r"(?:non-virtual|virtual) thunk to )?(?:\w[\w:<>*& ]* )?(goro::.*)")


def exported(library):
    out = subprocess.run(["nm", "--dynamic", "--defined-only", "--extern-only", "--demangle", library],
                         check=True, stdout=subprocess.PIPE, text=True).stdout
    return sorted({line.split(None, 2)[2] for line in out.splitlines()})


def names_in(headers):
    text = "\n".join(file.read_text() for file in headers.rglob("*.hpp"))
    return set(re.findall(r"\w+", re.sub(r"//.*", "", text)))


def main():
    prefix, include = map(pathlib.Path, sys.argv[1:])
    library = next(prefix.rglob("libgoro.so"))
    declared, symbols, faults = names_in(include), exported(library), []
    for symbol in symbols:
        match = OURS.fullmatch(symbol)
        if not match:
            faults.append(f"{symbol}: is not of namespace goro; hide it")
            continue
        name = re.sub(r"\(.*|\[abi:\w+\]|<.*", "", match[1])
        parts = [part.lstrip("~") for part in name.split("::")]
        unknown = [part for part in parts
                   if part and part not in declared and not part.startswith("operator")]
        if unknown:
            faults.append(f"{symbol}: no public header declares {unknown[0]}; it must not be exported")
    print(f"{len(symbols)} symbols exported by {library.name}")
    if not symbols:
        faults.append("nothing is exported")
    print("\n".join(faults))
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
