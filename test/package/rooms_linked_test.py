#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/check_symbols.py is silent on rooms that only look down and names a call that goes up or sideways.

usage: rooms_linked_test.py COMPILER
"""
import pathlib
import subprocess
import sys
import tempfile

CHECK = pathlib.Path(__file__).resolve().parents[2] / "tools/check_symbols.py"
FLOORS = "# floor, room\n0  base\n1  sched  go.hpp\n2  sync\n2  time\n1  sched\n"
CLEAN = {"base": "int clock() { return 1; }", "sched": "int clock(); int park() { return clock(); }",
         "sync": "int park(); int lock() { return park(); }", "time": "int clock(); int tick() { return clock(); }"}
PLANTED = [("base", "int park(); int clock() { return park(); }",
            "src/base/it.cpp: base (floor 0) needs park() of sched (floor 1)"),
           ("time", "int lock(); int tick() { return lock(); }",
            "src/time/it.cpp: time (floor 2) needs lock() of sync (floor 2)")]


def verdict(folder, compiler, texts):
    (folder / "tools").mkdir(exist_ok=True)
    (folder / "tools/rooms.txt").write_text(FLOORS)
    for room, text in texts.items():
        source, made = folder / f"src/{room}/it.cpp", folder / f"build/a.dir/src/{room}/it.cpp.o"
        for file in (source, made):
            file.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(text)
        subprocess.run([compiler, "-c", source, "-o", made], check=True)
    # Left by a source that is gone.
    (folder / "build/a.dir/src/base/gone.cpp.o").write_bytes(made.read_bytes())
    return subprocess.run([sys.executable, CHECK, folder, folder / "build"], text=True, capture_output=True)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder, compiler, bad = pathlib.Path(name), sys.argv[1], 0
        result = verdict(folder, compiler, CLEAN)
        if result.returncode != 0:
            print(f"clean rooms, and it says: {result.stdout}{result.stderr}")
            bad += 1
        for room, text, expected in PLANTED:
            result = verdict(folder, compiler, {**CLEAN, room: text})
            if result.returncode != 1 or expected not in result.stdout:
                print(f"planted {text!r}: it says {result.stdout!r}{result.stderr}")
                bad += 1
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
