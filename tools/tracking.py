# SPDX-License-Identifier: MIT
"""What `run_tests.py tracking` makes of the reports that a run with GORO_DEBUG=deadlock,leak has left: which are meant
(test/tracking/meant.txt), and which are false. test/tracking/reports.cpp collects them."""
import collections
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[1]
MEANT = ROOT / "test/tracking/meant.txt"
LEFT_OUT = ROOT / "test/tracking/left_out.txt"
PROOFS = 20  # a proof is asked for every so many milliseconds of a test

# What `make test` runs of it: what waits for locks, groups and channels in all ways, and the guide.
SOME = r"^(sync|context|leak)\.|^examples\.guide_"

Rule = collections.namedtuple("Rule", "line program arguments report")
Report = collections.namedtuple("Report", "program arguments text")


def rules(path=MEANT):
    """Lines of "program ; arguments ; first line of the report", each a regular expression that has to match whole
    for the program, and anywhere for the others."""
    found = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            words = [word.strip() for word in line.split(";")]
            if len(words) != 3:
                raise SystemExit(f"goro: {path}:{number}: not \"program ; arguments ; report\"")
            found.append(Rule(number, *words))
    return found


# Programs that must leave a report, or nobody has looked: a circle of locks, and a reference that a test hides from
# proofs.
PLANTED = [("death/lock_circles", "ab_ba"), ("test/debug_stress_test", "--gtest_filter=*WhoIsProvenStaysStuck/P2")]


def left_out(path=LEFT_OUT):
    """A regular expression of the tests that cannot run while they are watched."""
    names = [line.split(";")[0].strip() for line in path.read_text().splitlines()
             if line.strip() and not line.startswith("#")]
    return "^(" + "|".join(names) + ")$"  # with none, the empty name


def environment(env, preset, reports):
    reports.unlink(missing_ok=True)
    env.update(GORO_DEBUG="deadlock,leak", GORO_TEST_PROVE=str(PROOFS), GORO_TEST_REPORTS=str(reports),
               LD_PRELOAD=str(ROOT / "build" / preset / "bin/test/libgoro_reports.so"))
    return env


def read(reports):
    if not reports.exists():
        return []
    found = []
    for part in re.split(r"^== ", reports.read_text(errors="replace"), flags=re.M)[1:]:
        head, _, text = part.partition("\n")
        program, _, arguments = head.partition(" ")
        found.append(Report(pathlib.Path(program).name, arguments.strip(), text))
    return found


def blind(preset, env, reports):
    """Those of PLANTED that left no report."""
    silent = []
    for program, argument in PLANTED:
        before = len(read(reports))
        subprocess.run([ROOT / "build" / preset / "bin" / program, argument], env=env, timeout=300, check=False,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if len(read(reports)) == before:
            silent.append(f"{program} {argument}")
    return silent


def judge(reports):
    """(how many were meant, those that are not)."""
    known, found = rules(), read(reports)
    wrong = []
    for report in found:
        first = report.text.partition("\n")[0]
        if not any(re.fullmatch(rule.program, report.program) and re.search(rule.arguments, report.arguments)
                   and re.search(rule.report, first) for rule in known):
            wrong.append(report)
    return len(found) - len(wrong), wrong
