# SPDX-License-Identifier: MIT
"""Runs one row of one program, with a hang guard, and says what it printed and how many CPUs it used."""

import os
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Run:
    """One run of one row. `values` is {printed name: (value, unit)}; `failure` is empty if it went well."""

    values: dict = field(default_factory=dict)
    cpus: float = 0.0
    wall: float = 0.0
    failure: str = ""


def _parse(text, procs):
    values = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 4 and words[1] == str(procs):
            try:
                values[words[0]] = (float(words[2]), words[3])
            except ValueError:
                continue
    return values


def _kill_group(process, flag):
    flag.set()
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def run(program, row, procs, timeout=120.0, nice=0):
    """Never raises for what the program does: a crash, a hang or silence becomes Run.failure."""
    timed_out = threading.Event()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.perf_counter()
        try:
            process = subprocess.Popen([program, row, str(procs)], stdin=subprocess.DEVNULL, stdout=out,
                                       stderr=err, start_new_session=True)
        except OSError as error:
            return Run(failure=f"cannot start: {error.strerror}")
        guard = threading.Timer(timeout, _kill_group, (process, timed_out))
        try:
            if nice:
                os.setpriority(os.PRIO_PROCESS, process.pid, nice)
        except OSError:
            pass  # asked for more than the user may have; quiet is the better remedy anyhow
        guard.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            _kill_group(process, timed_out)
            raise
        finally:
            guard.cancel()
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)  # wait4 took it from Popen
        out.seek(0)
        err.seek(0)
        values = _parse(out.read().decode(errors="replace"), procs)
        said = err.read().decode(errors="replace").strip()
    result = Run(values, (usage.ru_utime + usage.ru_stime) / wall, wall)
    if timed_out.is_set():
        result.failure = f"no end after {timeout:.0f} s"
    elif process.returncode < 0:
        result.failure = f"killed by {signal.Signals(-process.returncode).name}"
    elif process.returncode > 0:
        result.failure = f"exit code {process.returncode}"
    elif not values:
        result.failure = "printed nothing"
    if result.failure and said:
        result.failure += f": {said.splitlines()[-1][:200]}"
    return result


def rows_of(program):
    """The rows that a program names with `list`; a failure raises OSError or CalledProcessError."""
    done = subprocess.run([program, "list", "1"], check=True, capture_output=True, text=True, timeout=30)
    return set(done.stdout.split())


def busy_cpus(seconds=1.0):
    """How many CPUs others keep busy now, seen over a while in which we sleep."""

    def busy_and_total():
        first = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
        ticks = [int(t) for t in first[:8]]
        return sum(ticks) - ticks[3] - ticks[4], sum(ticks)

    busy0, total0 = busy_and_total()
    time.sleep(seconds)
    busy1, total1 = busy_and_total()
    return (busy1 - busy0) / max(1, total1 - total0) * (os.cpu_count() or 1)
