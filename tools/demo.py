#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds the examples, runs the guide's programs in order and then a real job, and says how it went.

usage: demo.py [FOLDER]              the folder that examples/digest checksums; default /usr/include
"""
import subprocess
import sys
import time

from run_tests import ROOT, Run, build

LIMIT = 300  # seconds for one program; none needs a tenth of it


def perform(title, command):
    print(f"\n== {title}", flush=True)
    try:
        status = subprocess.run(command, timeout=LIMIT).returncode
    except subprocess.TimeoutExpired:
        status = f"no end within {LIMIT} s"
    if status != 0:
        how = status if isinstance(status, str) else f"exit status {status}"
        print(f"FAILED: {title} ({how})", flush=True)
    return status == 0


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else "/usr/include"
    began = time.monotonic()
    print("== building the examples", flush=True)
    if not build(Run("release", "", targets=("goro_examples",)), 2):
        print("verdict: the examples do not build")
        return 1
    chapters = sorted((ROOT / "examples/guide").glob("*.cpp"))
    programs = [(f"guide {n} of {len(chapters)}: {chapter.stem}", ["guide/" + chapter.stem])
                for n, chapter in enumerate(chapters, 1)]
    if (ROOT / "examples/digest").exists():
        programs.append((f"digest: the checksum of every file under {folder}, against sha256sum",
                         ["digest", "--verify", folder]))
    built = ROOT / "build/release/bin"
    # Those that need goro::http or GoogleTest are left out where these are not.
    if left_out := [command[0] for _, command in programs if not (built / command[0]).exists()]:
        programs = [(title, command) for title, command in programs if command[0] not in left_out]
        print(f"what these need is not here: {', '.join(left_out)}: see tools/install_deps.sh", flush=True)
    failed = [title for title, (program, *arguments) in programs
              if not perform(title, [str(built / program), *arguments])]
    took = time.monotonic() - began
    print()
    for title in failed:
        print(f"failed: {title}")
    good = len(programs) - len(failed)
    print(f"verdict: {'the demo works' if not failed else 'the demo FAILED'}: "
          f"{good} of {len(programs)} programs did what they promise ({took:.0f} s)")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
