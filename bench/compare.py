#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures goro beside Go and Boost.Fiber: row by row, in turn, best of n, as ratios goro / peer.

    compare.py [--rows a,b] [--procs 1,2] [--best 5] [--out build/compare]

The peers are fetched and built when they are missing (fetch_peers.py). A crash or a hang shows as FAIL, and
the rest goes on. Into --out go results.csv (every run), ratios.svg, table.md, report.txt and floor.txt. Exit
code: 0 if all targets are met, 1 if one is missed or a program failed, 2 if nothing could be measured.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import fetch_peers
import measure
import plot
import report
from targets import BESIDE, ONLY_WHEN_NAMED, PEER_ROW, in_order

ROOT = Path(__file__).resolve().parent.parent
QUIET_CPUS = 0.15  # others may keep this much of a CPU busy before we complain


class Report:
    """Says things on the terminal and keeps them for report.txt."""

    def __init__(self):
        self.lines = []

    def say(self, text=""):
        print(text, flush=True)
        self.lines.append(text)


def positive(text):
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from 1 up")
    return value


def numbers(text):
    return [positive(part) for part in text.split(",")]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rows", help="comma-separated rows; default: all that goro has")
    parser.add_argument("--procs", type=numbers, default=[1, 2], help="comma-separated numbers of Ps (1,2)")
    parser.add_argument("--best", type=positive, default=5, help="runs of each row and program (5)")
    parser.add_argument("--peers", default="go,boost", help="which peers: go, boost or both; 'none'")
    parser.add_argument("--column", choices=("first", "second"), default="first",
                        help="which targets (first)")
    parser.add_argument("--bench", type=Path, help="goro's bench program; default: the newest below build/")
    parser.add_argument("--out", type=Path, default=ROOT / "build/compare", help="where the results go")
    parser.add_argument("--build", type=Path, default=ROOT / "build/peers", help="where the peers are")
    parser.add_argument("--timeout", type=positive, default=120,
                        help="seconds before a run counts as hung (120)")
    parser.add_argument("--nice", type=int, default=0, help="priority of the runs, such as -10 (as root)")
    parser.add_argument("--into", type=Path, action="append", default=[],
                        help="also put the table between the compare markers of this Markdown file")
    parser.add_argument("--keep-going", action="store_true",
                        help="repeat a row even after it failed; without, its other runs are saved")
    parser.add_argument("--no-floor", action="store_true", help="do not measure the bare costs first")
    return parser.parse_args()


def find_program(name):
    """The newest executable of that name below build/, the peers' folder left out."""
    found = [p for p in (ROOT / "build").glob(f"**/{name}")
             if p.is_file() and os.access(p, os.X_OK) and "peers" not in p.relative_to(ROOT).parts]
    return max(found, key=lambda p: p.stat().st_mtime, default=None)


def version_of(program):
    done = subprocess.run([program, "version"], capture_output=True, text=True, timeout=30)
    return done.stdout.strip() if done.returncode == 0 and done.stdout.strip() else "goro, version unknown"


def warn_if_busy(log):
    busy = measure.busy_cpus()
    load = os.getloadavg()[0]
    if busy > QUIET_CPUS or load > 1.0:
        log.say(f"warning: the machine is not quiet ({busy:.2f} CPUs busy with other things, load "
                f"{load:.2f}); the ratios may be off")
        return True
    return False


def run_floor(args, log):
    floor = find_program("floor") if args.bench is None else args.bench.parent / "floor"
    if args.no_floor or floor is None or not floor.exists():
        return
    log.say("floor: measuring the bare costs …")
    try:
        done = subprocess.run([floor, "quick"], capture_output=True, text=True, timeout=args.timeout * 3)
    except (OSError, subprocess.TimeoutExpired) as error:
        log.say(f"warning: floor: {error}")
        return
    (args.out / "floor.txt").write_text(done.stdout)
    log.say(f"floor: {len(done.stdout.splitlines())} figures in {args.out / 'floor.txt'}")


def status(text):
    """A line that the next output overwrites; nothing where the output is no terminal."""
    if sys.stdout.isatty():
        print(f"\r\033[K{text}", end="", flush=True)


def run_one(args, program, path, row, procs):
    """One run; what a peer prints gets goro's names, so that the two stand side by side."""
    if program == "goro":
        return measure.run(path, row, procs, args.timeout, args.nice)
    peer_row = PEER_ROW.get(row, row)
    run = measure.run(path, peer_row, procs, args.timeout, args.nice)
    if peer_row != row:
        run.values = {name.replace(peer_row, row, 1): value for name, value in run.values.items()}
    run.values.update({mine: run.values[theirs] for mine, theirs in BESIDE.items() if theirs in run.values})
    return run


def measure_row(args, programs, row, procs, figures, names_of_row):
    """Runs the row best-of-n times, the programs in turn; each round begins with another one."""
    failed = set()
    order = [p for p, (_, rows) in programs.items()
             if row in rows or (p != "goro" and PEER_ROW.get(row) in rows)]
    for turn in range(args.best):
        for program in order[turn % len(order):] + order[:turn % len(order)]:
            if program in failed and not args.keep_going:
                continue
            status(f"{row} P={procs} · run {turn + 1} of {args.best} · {report.PEER_NAMES[program]}")
            run = run_one(args, program, programs[program][0], row, procs)
            report.collect(figures, program, row, procs, run, names_of_row)
            if run.failure:
                failed.add(program)
    status("")


def chosen_rows(args, mine, log):
    if not args.rows:
        return in_order(mine)
    rows = [r for r in args.rows.split(",") if r]
    unknown = [r for r in rows if r not in mine]
    if unknown:
        log.say(f"compare: goro has no row {', '.join(unknown)}; it has {', '.join(sorted(mine))}")
        sys.exit(2)
    return rows


def load_programs(args, log):
    """{program: (path, its rows)}, and the facts that the report opens with."""
    bench = args.bench or find_program("bench")
    if bench is None or not bench.exists():
        log.say("compare: goro's bench program is not built; run `make bench`, or name it by --bench")
        sys.exit(2)
    try:
        programs = {"goro": (str(bench), measure.rows_of(bench))}
        facts = [version_of(bench)] + report.build_facts(bench)
    except (OSError, subprocess.SubprocessError) as error:
        log.say(f"compare: {bench} does not run: {error}")
        sys.exit(2)
    warnings = []
    wanted = [p for p in args.peers.split(",") if p in fetch_peers.PEERS]
    found = fetch_peers.ensure(args.build, only=wanted) if wanted else {}
    for peer in wanted:
        if peer not in found:
            warnings.append(f"{report.PEER_NAMES[peer]} could not be had: no ratios against it")
            continue
        programs[peer] = (found[peer]["program"], measure.rows_of(found[peer]["program"]))
        facts.append(found[peer]["version"].removeprefix("go version ") + found[peer].get("built", ""))
        if found[peer]["warning"]:
            warnings.append(found[peer]["warning"])
    facts += report.machine_facts()
    return programs, facts, warnings


def summary(figures, column):
    verdicts = [f.verdict(column) for f in figures]
    failed = [f for f in figures if f.failures]
    for figure in failed:
        for program, why in figure.failures.items():
            yield f"FAIL {figure.name} P={figure.procs}, {report.PEER_NAMES[program]}: {why}"
    missed = [f"{f.name} P={f.procs}" for f in figures if f.verdict(column) == "MISS"]
    if missed:
        yield f"MISS {', '.join(missed)}"
    yield (f"{verdicts.count('OK')} targets met, {verdicts.count('MISS')} missed, {len(failed)} rows failed "
           f"(column \"{column}\")")


def write_results(args, log, figures, facts, suspect):
    report.write_csv(args.out / "results.csv", figures)
    (args.out / "ratios.svg").write_text(plot.chart(figures, args.column, "; ".join(facts[-1:] + facts[:1])))
    table = report.markdown(figures, args.column, facts, suspect)
    (args.out / "table.md").write_text(table)
    for path in args.into:
        if not report.write_between_markers(path, table):
            log.say(f"warning: {path} has no compare markers; it stays as it is")
    log.say(f"results: {args.out}/results.csv, ratios.svg, table.md, report.txt")
    (args.out / "report.txt").write_text("\n".join(log.lines) + "\n")


def main():
    args = arguments()
    log = Report()
    args.out.mkdir(parents=True, exist_ok=True)
    programs, facts, warnings = load_programs(args, log)
    rows = chosen_rows(args, programs["goro"][1], log)
    facts.append(f"best of {args.best}, the programs in turn; smaller is better; ratio = goro / Go")
    for fact in facts:
        log.say(fact)
    for peer, (_, theirs) in programs.items():
        later = sorted(theirs - programs["goro"][1])
        if later:
            log.say(f"goro does not have these rows of {report.PEER_NAMES[peer]}: {', '.join(later)}")
    if warn_if_busy(log):
        warnings.append("the machine was not quiet at the start")
    run_floor(args, log)

    suspect = any("distribution's" in w for w in warnings)
    figures, names_of_row = {}, {}
    began = time.monotonic()
    log.say()
    log.say(report.HEADER)
    for row in rows:
        for procs in args.procs:
            if not args.rows and (row, procs) in ONLY_WHEN_NAMED:
                continue
            before = set(figures)
            measure_row(args, programs, row, procs, figures, names_of_row)
            for key in [k for k in figures if k not in before]:
                log.say(report.line(figures[key], args.column, suspect))
    if warn_if_busy(log):
        warnings.append("the machine was not quiet at the end")
    log.say()
    facts += [f"**warning:** {w}" for w in warnings]
    ordered = list(figures.values())
    for text in [f"warning: {w}" for w in warnings] + list(summary(ordered, args.column)):
        log.say(text)
    log.say(f"took {(time.monotonic() - began) / 60:.1f} minutes")
    write_results(args, log, ordered, facts, suspect)
    verdicts = [f.verdict(args.column) for f in ordered]
    if not any(f.values for f in ordered):
        return 2
    return 1 if "MISS" in verdicts or any(f.failures for f in ordered) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
