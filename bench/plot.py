#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Draws the ratios goro / Go as a bar chart in SVG, with nothing but the standard library.

    plot.py results.csv ratios.svg [--column first]

One bar a row and P, on a logarithmic axis: left of the line at 1 goro is the faster. The tick in a bar is the
target, a bar that misses it is red.
"""

import argparse
import csv
import math
from html import escape
from pathlib import Path

from report import Figure
from targets import target

WIDTH, LEFT, RIGHT = 900, 190, 70
BAR, GAP, GROUP_GAP, TOP = 11, 2, 9, 74
INK, GRID, TARGET = "#24292f", "#d8dee4", "#24292f"
MET = {1: "#2f6fb0", 2: "#7fb2dd"}
MISSED = {1: "#c4402f", 2: "#e39a8c"}
OTHER = {1: "#6e7781", 2: "#afb8c1"}


def _text(x, y, words, size=11, anchor="start", weight="normal", fill=INK):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" '
            f'font-weight="{weight}" fill="{fill}">{escape(words)}</text>')


def _axis_range(ratios):
    low = min([0.1, *ratios])
    high = max([1.5, *ratios])
    return max(low * 0.8, 1e-3), high * 1.25


def _ticks(low, high):
    values = [m * 10.0**e for e in range(-3, 4) for m in (1, 2, 5)]
    return [v for v in values if low <= v <= high]


def _colour(figure, column):
    verdict = figure.verdict(column)
    shades = MET if verdict == "OK" else MISSED if verdict == "MISS" else OTHER
    return shades.get(figure.procs, "#8c959f")


def chart(figures, column, subtitle):
    """The SVG as text. Figures without a ratio to Go are left out."""
    shown = [f for f in figures if (f.ratio("go") or 0) > 0]
    names = list(dict.fromkeys(f.name for f in shown))
    low, high = _axis_range([f.ratio("go") for f in shown])
    span = WIDTH - LEFT - RIGHT

    def at(value):
        return LEFT + span * (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))

    body = []
    y = TOP
    for name in names:
        group = [f for f in shown if f.name == name]
        height = len(group) * (BAR + GAP)
        body.append(_text(LEFT - 8, y + height / 2 + 3, name, anchor="end"))
        for figure in group:
            ratio = figure.ratio("go")
            width = max(1.0, at(ratio) - LEFT)
            body.append(f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" '
                        f'fill="{_colour(figure, column)}"><title>{escape(name)} P={figure.procs}: '
                        f'{ratio:.3f}</title></rect>')
            body.append(_text(at(ratio) + 4, y + BAR - 2, f"{ratio:.2f}", size=9))
            goal = target(name, figure.procs, column)
            if goal and goal[0] == "ratio" and low <= goal[1] <= high:
                x = at(goal[1])
                body.append(f'<line x1="{x:.1f}" y1="{y - 1}" x2="{x:.1f}" y2="{y + BAR + 1}" '
                            f'stroke="{TARGET}" stroke-width="2"/>')
            y += BAR + GAP
        y += GROUP_GAP
    bottom = y
    grid = []
    for value in _ticks(low, high):
        x = at(value)
        stroke = INK if value == 1 else GRID
        grid.append(f'<line x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{bottom}" stroke="{stroke}"/>')
        grid.append(_text(x, TOP - 10, f"{value:g}", size=10, anchor="middle"))
    head = [_text(12, 22, "goro / Go, best of each: smaller is better", size=15, weight="bold"),
            _text(12, 40, subtitle, size=11)]
    x = LEFT
    for label, colour in (("P=1 met", MET[1]), ("P=2 met", MET[2]), ("P=1 missed", MISSED[1]),
                          ("P=2 missed", MISSED[2]), ("no target", OTHER[1])):
        head.append(f'<rect x="{x}" y="{bottom + 8}" width="10" height="10" fill="{colour}"/>')
        head.append(_text(x + 14, bottom + 17, label, size=10))
        x += 95
    head.append(f'<line x1="{x + 4}" y1="{bottom + 7}" x2="{x + 4}" y2="{bottom + 19}" stroke="{TARGET}" '
                'stroke-width="2"/>')
    head.append(_text(x + 12, bottom + 17, "target", size=10))
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{bottom + 28}" '
        f'viewBox="0 0 {WIDTH} {bottom + 28}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{bottom + 28}" fill="#ffffff"/>', *grid, *body, *head, "</svg>", ""])


def read_csv(path):
    figures = {}
    with open(path, newline="") as file:
        for entry in csv.DictReader(file):
            key = (entry["row"], int(entry["procs"]))
            figure = figures.setdefault(key, Figure(*key, unit=entry["unit"]))
            if entry["failure"]:
                figure.failures.setdefault(entry["program"], entry["failure"])
            else:
                figure.values.setdefault(entry["program"], []).append(float(entry["value"]))
    return list(figures.values())


def main():
    parser = argparse.ArgumentParser(description="Draws the ratios of a results.csv that compare.py wrote.")
    parser.add_argument("csv", type=Path)
    parser.add_argument("svg", type=Path)
    parser.add_argument("--column", choices=("first", "second"), default="first")
    args = parser.parse_args()
    args.svg.write_text(chart(read_csv(args.csv), args.column, f"target column: {args.column}"))


if __name__ == "__main__":
    main()
