#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds and runs goro's tests in each of the builds below, shows progress, and counts.

usage: run_tests.py [RUN...] [--scale N] [--jobs N] [--only REGEX]

RUN      debug tracked tsan asan release (default: these), rooms, clang, soak, tracking
--scale  GORO_TEST_SCALE instead of each run's own
--only   only tests whose name matches

Each GoogleTest case of each run counts once, and so does a build that does not come about. The last line
reads "N passed, M failed"; the exit status is 0 if M is 0.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as xml

import tracking

ROOT = pathlib.Path(__file__).resolve().parents[1]
EVERYTHING = "unit|stress|explore|death|bugs|anomaly|examples|package"


class Run:
    def __init__(self, preset, why, labels="", scale=None, targets=(), only=None, tracked=False):
        self.preset, self.why, self.labels, self.scale = preset, why, labels, scale
        self.targets, self.only, self.tracked = targets, only, tracked


TRACKED = ("test_unit", "test_stress", "goro_examples", "goro_reports", "goro_death_programs")
RUNS = {
    # Debug carries the assertions and the lock ranks: most faults show there first.
    "debug": Run("debug", "all tests, with assertions", EVERYTHING),
    # What is promised in times and bytes is promised of the optimised build.
    # And core files are those of optimised programs, with lines and without types.
    "release": Run("release", "times and memory, optimised; gdb", "timing|gdb",
                   targets=("test_timing", "death_three_parked")),
    "asan": Run("asan", "unit and stress tests under ASan and UBSan", "unit|stress", "0.1",
                ("test_unit", "test_stress")),
    "tsan": Run("tsan", "unit and stress tests under TSan", "unit|stress", "0.03",
                ("test_unit", "test_stress")),
    # `make check`. In the debug run tools/check_symbols.py answers the same from the objects that are there.
    "rooms": Run("rooms", "each room linked against lower rooms only"),
    "clang": Run("clang", "unit, stress and death tests, compiled by Clang", "unit|stress|death",
                 targets=("test_unit", "test_stress", "test_death")),
    "soak": Run("release", "stress tests, twenty times as long", "stress", "20", ("test_stress",)),
    # With GORO_DEBUG=deadlock,leak and proofs all the time: who is reported must have been meant.
    "tracked": Run("debug", "some of them with GORO_DEBUG=deadlock,leak", "unit|stress|examples", "0.02",
                   targets=TRACKED, only=tracking.SOME, tracked=True),
    "tracking": Run("debug", "all of them with GORO_DEBUG=deadlock,leak",
                    "unit|stress|explore|anomaly|examples", "0.2", TRACKED, tracked=True),
}
# Release is last: its tests compare times, and nothing else is left to build then.
DEFAULT = ["debug", "tracked", "tsan", "asan", "release"]
LOWEST = ["nice", "-n", "19"]


class Progress:
    """One line that is written over on a terminal; elsewhere a line every few seconds."""

    def __init__(self):
        self.terminal, self.last = sys.stdout.isatty(), 0.0

    def show(self, text):
        if self.terminal:
            print(f"\r\033[K{text[:110]}", end="", flush=True)
        elif time.monotonic() - self.last > 5:
            print(text, flush=True)
            self.last = time.monotonic()

    def clear(self):
        if self.terminal:
            print("\r\033[K", end="", flush=True)


def environment(run, scale):
    env = dict(os.environ)
    if scale or run.scale:
        env["GORO_TEST_SCALE"] = scale or run.scale
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    # By default each process sleeps for a second at its end, and each test is a process of its own.
    env.setdefault("TSAN_OPTIONS", "second_deadlock_stack=1:atexit_sleep_ms=0")
    return tracking.environment(env, run.preset, reports_of(run)) if run.tracked else env


def reports_of(run):
    return ROOT / "build" / run.preset / "reports.txt"


def configured(run):
    cache = ROOT / "build" / run.preset / "CMakeCache.txt"
    return cache.exists() and "GTest_DIR-NOTFOUND" not in cache.read_text() and (
        (cache.parent / "build.ninja").exists() or (cache.parent / "Makefile").exists())


def build(run, jobs):
    """True if the build came about. Says what the build tool says when it did not."""
    progress = Progress()
    failure = make(run, jobs, lambda line: progress.show(f"   {run.preset}: building {line}"))
    progress.clear()
    if failure:
        print(failure, flush=True)
    return not failure


def make(run, jobs, show, before=()):
    """Configures and builds, each command with `before` in front of it. Returns what to say of a failure, or ""."""
    steps = [["cmake", "--preset", run.preset]] if not configured(run) else []
    command = ["cmake", "--build", "--preset", run.preset, "--parallel", str(jobs)]
    for target in run.targets:
        command += ["--target", target]
    for step in [*steps, command]:
        process = subprocess.Popen([*before, *step], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True, errors="replace")
        said = []
        for line in process.stdout:
            said.append(line)
            if re.match(r"\[\s*\d+[/%]", line):
                show(line.strip())
        if process.wait() != 0:
            return "".join(said) + f"\nFAILED to build: {' '.join(step)}"
    return ""


class Ahead:
    """Builds for the next runs while the tests of this one wait for each other, at the lowest priority: it takes the
    time that they leave. One build at a time, in the order of the runs, and none of a folder whose tests may be
    running; none beside tests that compare times, so nothing that comes after the first of these."""

    def __init__(self, runs, jobs):
        self.jobs, self.ahead, self.line = jobs, [], ""
        presets = set()
        for run in runs:
            if run.preset not in presets and presets:
                self.ahead.append(run)
            presets.add(run.preset)
            if "timing" in run.labels:
                break
        self.failures = {}  # of each run whose build has ended: "" if it came about
        self.ended = threading.Condition()
        self.thread = None

    def begin(self):
        """Called when the first tests begin: until then the CPUs are busy."""
        if self.ahead and not self.thread:
            self.thread = threading.Thread(target=self.work, daemon=True)
            self.thread.start()

    def work(self):
        for run in self.ahead:
            try:
                failure = make(run, self.jobs, self.show, LOWEST)
            except OSError as error:
                failure = f"{error}\nFAILED to build: {run.preset}"
            with self.ended:
                self.failures[run] = failure
                self.ended.notify_all()

    def show(self, line):
        self.line = line

    def built(self, run):
        """As build(), for a run that is or may be built ahead."""
        if not self.thread or run not in self.ahead:
            self.ahead = [other for other in self.ahead if other is not run]
            return build(run, self.jobs)
        progress = Progress()
        with self.ended:
            while run not in self.failures:
                progress.show(f"   {run.preset}: building {self.line}")
                self.ended.wait(0.5)
        progress.clear()
        if self.failures[run]:
            print(self.failures[run], flush=True)
        return not self.failures[run]


def without_randomised_addresses():
    """TSan of GCC 12 does not start where the kernel spreads mappings over more than 28 bits."""
    try:
        bits = int(pathlib.Path("/proc/sys/vm/mmap_rnd_bits").read_text())
    except (OSError, ValueError):
        return []
    if bits <= 28 or subprocess.run(["setarch", "-R", "true"], stderr=subprocess.DEVNULL).returncode != 0:
        return []
    return ["setarch", "-R"]


def ctest(run, options):
    """(passed, failed names, skipped names) of one CTest run."""
    report = ROOT / "build" / run.preset / "tests.xml"
    report.unlink(missing_ok=True)
    command = [*(without_randomised_addresses() if run.preset == "tsan" else []),
               "ctest", "--test-dir", str(ROOT / "build" / run.preset), "--label-regex", f"^({run.labels})$",
               "--parallel", str(options.jobs), "--output-on-failure", "--no-tests=ignore",
               "--output-junit", str(report)]
    if options.only or run.only:
        command += ["--tests-regex", options.only or run.only]
    if run.tracked:
        command += ["--exclude-regex", tracking.left_out()]
    progress = Progress()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               errors="replace", env=environment(run, options.scale))
    for line in process.stdout:
        if re.match(r"\d+% tests passed", line):
            break  # its summary follows: ours comes from the report
        state = re.match(r"\s*(\d+)/(\d+) Test\s+#\d+: (\S+)[ .]*(.*)", line)
        if state and re.search(r"Passed|\*\*\*Skipped", state[4]):
            progress.show(f"   {run.preset}: {state[1]} of {state[2]}  {state[3]}")
        elif state or not re.match(r"\s*Start\s+\d+: |Test project |Internal ctest changing|\s*$", line):
            progress.clear()
            print(line, end="", flush=True)
    process.stdout.read()
    status = process.wait()
    progress.clear()
    passed, failed, skipped = 0, [], []
    if report.exists():
        for case in xml.parse(report).getroot().iter("testcase"):
            if case.get("status") == "run":
                passed += 1
            elif case.get("status") == "notrun" and "SKIP_" in case.find("skipped").get("message", ""):
                skipped.append(case.get("name"))
            else:
                failed.append(f"{run.preset}: {case.get('name')}")
    if passed == 0 and not failed and not options.only and run.labels == EVERYTHING:
        failed.append(f"{run.preset}: no tests were found")
    if status != 0 and not failed:
        failed.append(f"{run.preset}: ctest ended with {status}")
    return passed, failed, skipped


def perform(run, options, ahead):
    began = time.monotonic()
    print(f"== {run.preset}: {run.why}", flush=True)
    if not ahead.built(run):
        return 0, [f"{run.preset}: build"], []
    built = time.monotonic()
    ahead.begin()
    if run.labels:
        result = ctest(run, options)
    else:
        result = 1, [], []  # that it links is the test
    passed, failed, skipped = result
    if run.tracked:
        meant, wrong = tracking.judge(reports_of(run))
        for report in wrong:
            print(f"not meant, from {report.program} {report.arguments}:\n{report.text}", flush=True)
            failed.append(f"{run.preset}, tracking: a report that is not meant, from {report.program} "
                          f"{report.arguments}")
        for name in tracking.blind(run.preset, environment(run, options.scale), reports_of(run)):
            failed.append(f"{run.preset}, tracking: no report from {name}, which must be reported")
        print(f"   {run.preset}: {meant} reports that are meant, {len(wrong)} that are not", flush=True)
    waited = f"{built - began:.0f} s{' more' if run in ahead.failures else ''}"
    print(f"   {run.preset}: {passed} passed, {len(failed)} failed"
          f"{f', {len(skipped)} skipped' if skipped else ''}"
          f" (build {waited}, run {time.monotonic() - built:.0f} s)", flush=True)
    return result


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n")[0])
    parser.add_argument("runs", nargs="*")
    parser.add_argument("--scale")
    parser.add_argument("--only")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    unknown = [name for name in options.runs if name not in RUNS]
    if unknown:
        sys.exit(f"goro: run_tests.py: {unknown[0]} is not known; say one of {', '.join(RUNS)}")

    passed, failed, skipped = 0, [], []
    names = options.runs or DEFAULT
    ahead = Ahead([RUNS[name] for name in names], options.jobs)
    for name in names:
        result = perform(RUNS[name], options, ahead)
        passed += result[0]
        failed += result[1]
        skipped += [f"{name}: {test}" for test in result[2]]
    if skipped:
        print(f"skipped: {', '.join(skipped)}")
    for name in failed:
        print(f"failed: {name}")
    print(f"{passed} passed, {len(failed)} failed")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
