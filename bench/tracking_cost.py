#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What GORO_DEBUG=leak and GORO_DEBUG=deadlock cost: rows of the benchmark without, with the library goro::leak only
linked, with leak, with deadlock, with both; in turn, one process each. Prints the medians and their ratios to `off`.
The row "mutex" is not among them: its millions of locks take many minutes with deadlock, at 4 to 6 us each.

usage: tracking_cost.py [--rounds N] [--procs P] [ROW...]
"""
import argparse
import os
import pathlib
import statistics
import subprocess
import sys

BIN = pathlib.Path(__file__).resolve().parents[1] / "build/release/bin"
# A row, and the figures of it that count.
ROWS = {"spawn": ["spawn"], "pingpong": ["pingpong"], "chan_buf": ["chan_buf"], "select2": ["select2"],
        "worker_pool": ["worker_pool"], "skynet": ["skynet"]}
MODES = [("off", "bench", ""), ("linked", "bench_leak", ""), ("leak", "bench_leak", "leak"),
         ("deadlock", "bench", "deadlock"), ("both", "bench_leak", "deadlock,leak")]


def measure(program, debug, row, procs):
    """{figure: (value, unit)} of one run; empty if it failed."""
    done = subprocess.run([BIN / program, row, str(procs)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env=dict(os.environ, GORO_DEBUG=debug), timeout=300)
    if done.returncode != 0:
        print(f"FAILED: {program} {row} {procs} with GORO_DEBUG={debug}: {done.stderr[:300]}", file=sys.stderr)
    lines = [line.split() for line in done.stdout.splitlines()]
    return {words[0]: (float(words[2]), words[3]) for words in lines if len(words) == 4}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("rows", nargs="*")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--procs", type=int, default=1)
    options = parser.parse_args()
    failed = False
    print("| row | off | " + " | ".join(f"{name} / off" for name, _, _ in MODES[1:]) + " |")
    print("|---|---|" + "---|" * (len(MODES) - 1))
    for row in options.rows or ROWS:
        rounds = {name: [] for name, _, _ in MODES}
        for _ in range(options.rounds):
            for name, program, debug in MODES:
                rounds[name].append(measure(program, debug, row, options.procs))
        for figure in ROWS.get(row, [row]):
            values = {name: [got[figure] for got in all_of if figure in got] for name, all_of in rounds.items()}
            if not all(values.values()):
                print(f"FAILED: {row} has no {figure}", file=sys.stderr)
                failed = True
                continue
            medians = {name: statistics.median(value for value, _ in got) for name, got in values.items()}
            cells = [f"{medians[name] / medians['off']:.2f}" for name, _, _ in MODES[1:]]
            print(f"| {figure} | {medians['off']:.4g} {values['off'][0][1]} | " + " | ".join(cells) + " |", flush=True)
    print(f"\nP = {options.procs}, medians of {options.rounds}; load {os.getloadavg()[0]:.1f}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
