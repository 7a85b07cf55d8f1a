#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gdb shows the goroutines of a core file: as built, by the script in the program; of a copy without any debug
information, by the script given to it; and of one without a symbol table it says why it cannot.

usage: gdb_test.py PROGRAM SCRIPT types|lines
PROGRAM aborts with three goroutines parked (test/death/three_parked.cpp). "lines": it was built with -g1, as the preset
release is, so that gdb knows lines, and no types.
Exits with 77 where gdb is not installed, or no core can be had.
"""
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile

PARKED = {"receiver": ("chan receive", "waits_for_a_value"),
          "locker": ("mutex", "waits_for_the_lock"),
          "waiter": ("chan receive", "waits_for_the_context")}


def skip(why):
    print(f"[  SKIPPED ] {why}")
    sys.exit(77)


def run(command, **more):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=100, check=False, env=dict(os.environ, GORO_MAXPROCS="1"), **more)
    return done.stdout


def core_of(program, folder):
    """From the kernel, or, where it writes cores elsewhere, from gdb."""
    run([program], cwd=folder, preexec_fn=lambda: resource.setrlimit(
        resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2))
    found = list(folder.glob("core*"))
    if not found:
        out = run(["gdb", "-nx", "-batch", "-ex", "run", "-ex", "gcore core.gdb", program], cwd=folder)
        found = list(folder.glob("core*"))
        if not found:
            skip("there is no core to be had:\n" + out)
    return found[0]


def look(program, core, *first):
    commands = ["info goroutines", "goroutine all bt", "echo --\\n", "goroutine 2 up 3",
                "print '(anonymous namespace)::a_lock'", "print '(anonymous namespace)::a_channel'",
                "info mutex &'(anonymous namespace)::a_lock'",
                "info chan *(long *)&'(anonymous namespace)::a_channel'",
                "goroutine 4 frame apply all -q -s print ctx", "info context", "goroutine 99 bt", "bt 1"]
    out = run(["gdb", "-nx", "-batch", *first, program, core, *(word for c in commands for word in ("-ex", c))])
    print(out)
    return out


def check(out, known):
    """`known`: "types", "lines" or "nothing"."""
    faults = []

    def expect(pattern, what):
        if not re.search(pattern, out):
            faults.append(f"{what}: no {pattern}")

    for name, (state, function) in PARKED.items():
        facts = r" \(len 0, cap \d+\)" if state.startswith("chan") else ""
        expect(rf'\n\d+ "{name}" \[{state}[^\]]*\] on 0x[0-9a-f]+{facts}, created by 1 at \S+', "info goroutines")
        stack = re.search(rf'\ngoroutine \d+ "{name}".*\n((?:#.*\n)+)', out)
        if stack is None:
            faults.append(f"{name}: no stack")
            continue
        frames = re.findall(r"^#\d+ .*", stack[1], re.M)
        if sum(function in f for f in frames) != (4 if name == "receiver" else 1):
            faults.append(f"{name}: {function} is not as often on its stack as it was called")
        if "goro_detail_entry" not in frames[-1]:
            faults.append(f"{name}: its stack does not end where goroutines begin")
        if frames[0].startswith("#0"):
            faults.append(f"{name}: the frame that is not its own is shown")
    expect(r"\n1 \[running\] in LWP \d+", "the one that aborts")
    expect(r"\ngoroutine 1 \[running\].*\n(?:#.*\n)*#.*abort", "its stack")
    expect(r"goroutine 99: there is none", "an id that is not there")
    # By address these need no types, and a symbol of the program's own says where.
    expect(r"\nmutex 0x[0-9a-f]+ \(locked, 1 in mutex\)", "a mutex by address")
    expect(r"\nchan 0x[0-9a-f]+ \(len 0, cap 4, 1 in chan receive\)", "a channel by address")
    if known != "nothing":
        expect(r"created by 1 at \S*three_parked\.cpp:\d+", "the line that called go")
        expect(r"waits_for_a_value.*three_parked\.cpp:\d+", "the line where a frame is")
    if known == "types":
        expect(r"\d = goro::mutex \(locked, 1 in mutex\)", "a mutex")
        expect(r"\d = goro::chan<int> 0x[0-9a-f]+ \(len 0, cap 4, 1 in chan receive\)", "a channel")
        expect(r"\d = goro::context 0x[0-9a-f]+ \(cancel, not done\)", "a context")
    else:
        expect(r"has unknown type", "what gdb says of a variable without a type")
    return faults


def main():
    program, script = (pathlib.Path(name).resolve() for name in sys.argv[1:3])
    if shutil.which("gdb") is None:
        skip("gdb is not installed")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        faults = check(look(program, core_of(program, folder), "-iex", "set auto-load safe-path /"), sys.argv[3])
        if shutil.which("objcopy") is not None:
            given = ("-iex", f"source {script}")
            for option, folder in (("--strip-debug", folder / "bare"), ("--strip-all", folder / "barest")):
                folder.mkdir()
                stripped = folder / program.name
                subprocess.run(["objcopy", option, program, stripped], check=True)
                out = look(stripped, core_of(stripped, folder), *given)
                if option == "--strip-debug":
                    faults += [f"without debug information: {f}" for f in check(out, "nothing")]
                elif "stripped of its symbol table" not in out:
                    faults.append("without a symbol table: it does not say why nothing is shown")
    print("\n".join(faults))
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
