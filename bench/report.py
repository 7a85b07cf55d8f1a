# SPDX-License-Identifier: MIT
"""Turns runs into figures, and figures into a table on the terminal, CSV and Markdown."""

import csv
import os
import platform
import re
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

from targets import target

PEER_NAMES = {"goro": "goro", "go": "Go", "boost": "Boost.Fiber"}


@dataclass
class Figure:
    """One printed name at one P: what each program reached."""

    name: str
    procs: int
    unit: str = ""
    values: dict = field(default_factory=dict)  # program: [value, …], in the order of the runs
    cpus: dict = field(default_factory=dict)  # program: [CPUs used, …]
    failures: dict = field(default_factory=dict)  # program: what went wrong first

    def best(self, program):
        values = self.values.get(program)
        return min(values) if values else None

    def median(self, program):
        values = self.values.get(program)
        return statistics.median(values) if values else None

    def ratio(self, peer):
        mine, theirs = self.best("goro"), self.best(peer)
        return mine / theirs if mine is not None and theirs else None

    def median_ratio(self, peer):
        mine, theirs = self.median("goro"), self.median(peer)
        return mine / theirs if mine is not None and theirs else None

    def bar(self, column):
        """The target as text, '' if there is none."""
        goal = target(self.name, self.procs, column)
        if goal is None:
            return ""
        return f"{goal[1]:g}" if goal[0] == "ratio" else f"{goal[1]:,} B"

    def verdict(self, column):
        """OK, MISS, FAIL (a program crashed or hung) or '' (no target, or nothing to compare with)."""
        if "goro" in self.failures:
            return "FAIL"
        goal = target(self.name, self.procs, column)
        if goal is None:
            return ""
        reached = self.best("goro") if goal[0] == "bytes" else self.ratio("go")
        if reached is None:
            return "FAIL" if self.failures else ""
        return "OK" if reached <= goal[1] else "MISS"


def collect(figures, program, row, procs, run, names_of_row):
    """Enters a run's values into figures; a failed run marks every name that the row is known to print."""
    for name, (value, unit) in run.values.items():
        figure = figures.setdefault((name, procs), Figure(name, procs))
        figure.unit = unit
        figure.values.setdefault(program, []).append(value)
        figure.cpus.setdefault(program, []).append(run.cpus)
        if name not in names_of_row.setdefault(row, []):
            names_of_row[row].append(name)
    if run.failure:
        for name in names_of_row.get(row) or [row]:
            figure = figures.setdefault((name, procs), Figure(name, procs))
            figure.failures.setdefault(program, run.failure)


def number(value):
    if value is None:
        return "–"
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cell(figure, program):
    return "FAIL" if program in figure.failures else number(figure.best(program))


def ratio_text(value):
    return "–" if value is None else f"{value:.2f}"


HEADER = (f"{'row':<20} {'P':>2} {'unit':<4} {'goro':>9} {'Go':>9} {'ratio':>6} {'median':>6} "
          f"{'target':>8} {'':<5} {'Boost':>9} {'ratio':>6}  CPUs goro/Go")


def line(figure, column, suspect=False):
    """One line of the terminal's table. `suspect` marks ratios against a peer that is not the one meant."""
    cpus = "/".join(f"{statistics.median(figure.cpus[p]):.2f}" if p in figure.cpus else "–"
                    for p in ("goro", "go"))
    mark = "!" if suspect else ""
    return (f"{figure.name:<20} {figure.procs:>2} {figure.unit:<4} {cell(figure, 'goro'):>9} "
            f"{cell(figure, 'go'):>9} {ratio_text(figure.ratio('go')) + mark:>6} "
            f"{ratio_text(figure.median_ratio('go')):>6} "
            f"{figure.bar(column):>8} {figure.verdict(column):<5} {cell(figure, 'boost'):>9} "
            f"{ratio_text(figure.ratio('boost')):>6}  {cpus}").rstrip()


def write_csv(path, figures):
    with open(path, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["row", "procs", "unit", "program", "run", "value", "cpus", "failure"])
        for figure in figures:
            for program in PEER_NAMES:
                values = figure.values.get(program, [])
                for i, value in enumerate(values):
                    table.writerow([figure.name, figure.procs, figure.unit, program, i + 1, value,
                                    f"{figure.cpus[program][i]:.2f}", ""])
                if program in figure.failures:
                    table.writerow([figure.name, figure.procs, figure.unit, program, len(values) + 1, "", "",
                                    figure.failures[program]])


def markdown(figures, column, facts, suspect=False):
    """One line a printed name, P = 1 and 2 side by side: absolute figures, ratio, target, verdict.
    `suspect` as in line()."""
    procs = sorted({f.procs for f in figures})
    head = "".join(f" goro P={p} | Go | ratio | at most | |" for p in procs)
    text = [f"| row | unit |{head} Boost.Fiber, P={procs[0]} |" if procs else "| row |",
            "|---|---|" + "---:|---:|---:|---:|---|" * len(procs) + "---:|"]
    by_key = {(f.name, f.procs): f for f in figures}
    for name in dict.fromkeys(f.name for f in figures):
        present = [by_key[name, p] for p in procs if (name, p) in by_key]
        cells = []
        for p in procs:
            f = by_key.get((name, p))
            if f is None:
                cells += ["–", "–", "–", "", ""]
                continue
            mark = "!" if suspect and f.ratio("go") else ""
            cells += [cell(f, "goro"), cell(f, "go"), ratio_text(f.ratio("go")) + mark, f.bar(column),
                      f.verdict(column)]
        first = by_key.get((name, procs[0]))
        boost = cell(first, "boost") if first else "–"
        text.append(f"| {name} | {present[0].unit} | " + " | ".join(cells) + f" | {boost} |")
    text.append("")
    text += [f"- {fact}" for fact in facts]
    return "\n".join(text) + "\n"


def write_between_markers(path, text):
    """Puts text between the two compare markers of a Markdown file. False: it has none."""
    begin, end = "<!-- compare:begin -->", "<!-- compare:end -->"
    old = Path(path).read_text()
    if begin not in old or end not in old:
        return False
    head, rest = old.split(begin, 1)
    Path(path).write_text(head + begin + "\n" + text + end + rest.split(end, 1)[1])
    return True


def machine_facts():
    model = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    memory = re.search(r"^MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text(), re.M)
    return [
        f"{time.strftime('%Y-%m-%d')}, {model.group(1) if model else platform.machine()}, "
        f"{len(os.sched_getaffinity(0))} cores, {int(memory.group(1)) / 2**20:.0f} GiB, "
        f"Linux {platform.release()}",
    ]


def build_facts(program):
    """The flags from the CMake cache of the build folder that the program lies in, if there is one."""
    for folder in Path(program).resolve().parents:
        cache = folder / "CMakeCache.txt"
        if cache.exists():
            entries = dict(re.findall(r"^(CMAKE_BUILD_TYPE|CMAKE_CXX_FLAGS(?:_\w+)?):\w+=(.*)$",
                                      cache.read_text(), re.M))
            kind = entries.get("CMAKE_BUILD_TYPE", "")
            flags = [entries.get("CMAKE_CXX_FLAGS", ""), entries.get(f"CMAKE_CXX_FLAGS_{kind.upper()}", "")]
            words = " ".join(flags).split()
            return [f"built as {kind or 'no build type'}, flags: {' '.join(words) or 'none'}"]
    return ["build flags unknown: no CMakeCache.txt above the program"]
