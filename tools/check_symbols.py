#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks in the objects of a build that each room needs symbols of lower rooms only (tools/rooms.txt): also one
that was merely declared, which no include shows.

usage: check_symbols.py ROOT BUILD     exit 1 and one line a fault; the object of src/<room>/x.cpp lies in any
                                       folder .../src/<room>/ of BUILD
"""
import pathlib
import re
import subprocess
import sys

# Operators new and delete are the C++ library's, and locks the C library's, which every room may need, though rooms
# leak and locks have some as well.
REPLACED = re.compile(r"(_Z(nw|na|dl|da)[a-zA-Z0-9_]*|pthread_(mutex|rwlock|cond)_[a-z]+)$")


def floors(root):
    lines = (root / "tools/rooms.txt").read_text().splitlines()
    words = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    return {room: int(floor) for floor, room, *_ in words}


def objects(root, build, room):
    """Those of sources that exist: a build folder may still hold one of a source that is gone."""
    inside = f"src/{room}/"
    return [file for file in build.rglob(f"{inside}**/*.o")
            if (root / inside / str(file).rpartition(inside)[2]).with_suffix("").exists()]


def symbols(files):
    """(defined, {needed symbol: file}) of a room's objects."""
    defined, needed = set(), {}
    out = subprocess.run(["nm", "-A", "--extern-only", "--format=posix", *files],
                         check=True, stdout=subprocess.PIPE, text=True).stdout
    for line in out.splitlines():
        file, name, kind, *_ = line.replace(": ", " ", 1).split()
        if REPLACED.match(name):
            continue
        if kind in "Uwv":
            needed.setdefault(name, file)
        else:
            defined.add(name)
    return defined, needed


def plain(name):
    return subprocess.run(["c++filt", name], stdout=subprocess.PIPE, text=True).stdout.strip()


def main():
    root, build = map(pathlib.Path, sys.argv[1:])
    floor, defined, needed, faults = floors(root), {}, {}, []
    for room in floor:
        found = objects(root, build, room)
        if found:
            defined[room], needed[room] = symbols(found)
    if not needed:
        sys.exit(f"{build} holds no object of any room; build first")
    for room, names in needed.items():
        below = set().union(defined[room], *(defined[other] for other in defined if floor[other] < floor[room]))
        for name in sorted(names.keys() - below):
            owners = [other for other in defined if name in defined[other]]
            for owner in owners:
                source = names[name].partition("/src/")[2].removesuffix(".o")
                faults.append(f"src/{source}: {room} (floor {floor[room]}) needs {plain(name)} of {owner} "
                              f"(floor {floor[owner]})")
    print(f"{sum(map(len, needed.values()))} needs of {len(needed)} rooms")
    for fault in faults:
        print(fault)
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
