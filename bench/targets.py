# SPDX-License-Identifier: MIT
"""What goro is to reach in each row: goro / Go at most, for P = 1 and P = 2; or a limit of its own, in bytes.

"first" is the bar for the runtime, "second" the one for the work on speed. A row that is not here is shown
without a verdict. The order is the order of the report.
"""

# printed name: ((first P=1, first P=2), (second P=1, second P=2))
RATIOS = {
    "spawn": ((0.25, 0.4), (0.10, 0.15)),
    "spawn_warm": ((0.2, 0.35), (0.06, 0.10)),
    "spawn_batch": ((0.25, 0.35), (0.12, 0.12)),
    "wg_fanout": ((0.3, 0.4), (0.15, 0.2)),
    "skynet": ((0.6, 0.6), (0.2, 0.15)),
    "yield": ((0.3, 0.1), (0.12, 0.02)),
    "pingpong": ((0.5, 0.6), (0.25, 0.3)),
    "chan_unbuf": ((0.5, 0.6), (0.25, 0.3)),
    "chan_buf": ((0.7, 0.7), (0.4, 0.35)),
    "chan_mpmc": ((0.7, 0.6), (0.4, 0.16)),
    "chan_uncontended": ((0.6, 0.6), (0.4, 0.4)),
    "select2": ((0.6, 0.7), (0.35, 0.35)),
    "select8": ((0.6, 0.7), (0.35, 0.35)),
    "select_default": ((1.0, 1.0), (0.5, 0.5)),
    "select_default2": ((0.4, 0.4), (0.15, 0.15)),
    "sieve": ((0.6, 0.7), (0.35, 0.35)),
    "mutex_uncontended": ((1.05, 1.05), (1.0, 1.0)),
    "mutex_contended": ((1.0, 0.8), (0.95, 0.4)),
    "rwmutex_read": ((1.0, 0.8), (0.4, 0.2)),
    "rwmutex_mixed": ((1.1, 1.1), (0.7, 0.7)),
    "fib": ((0.4, 0.5), (0.15, 0.15)),
    "timers_wall": ((0.5, 0.6), (0.2, 0.25)),
    "timers_late_p99": ((0.5, 0.5), (0.1, 0.1)),
    "timer_reset": ((0.8, 0.8), (0.4, 0.4)),
    "timer_stop": ((0.6, 0.6), (0.35, 0.35)),
    "after": ((0.6, 0.6), (0.3, 0.3)),
    "wake_idle_park_p50": ((1.0, 1.0), (0.4, 0.2)),
    "syscall_sleep": ((0.8, 0.95), (0.6, 0.85)),
    "syscall_read": ((0.95, 0.95), (0.87, 0.8)),
    "wake_all": ((0.6, 0.7), (0.3, 0.4)),
    "context_cancel": ((0.6, 0.6), (0.3, 0.3)),
    "context_child": ((0.8, 0.8), (0.5, 0.5)),
    "worker_pool": ((0.6, 0.7), (0.35, 0.35)),
}

# printed name: (first, second), in bytes, at every P
BYTES = {"parked_mem": (4700, 4400), "queued_mem": (256, 160)}

# The order in which rows are run; a row that is not named comes after these, by name.
ROW_ORDER = [
    "spawn", "spawn_batch", "wg_fanout", "skynet", "yield", "pingpong", "chan_unbuf", "chan_buf", "chan_mpmc",
    "chan_uncontended", "select2", "select8", "select_default", "sieve", "mutex", "fib", "timers",
    "timer_ops", "after", "wake_idle", "wake_idle_park", "syscall_sleep", "syscall_sleep_plain",
    "syscall_read", "syscall_read_plain", "parked", "queued", "context", "worker_pool",
]

# goro's rows that a peer has under another name: what it calls them.
PEER_ROW = {"syscall_sleep_plain": "syscall_sleep", "syscall_read_plain": "syscall_read"}

# Names that goro prints beside another one in the same row, where the peers have but that other one.
BESIDE = {"after_timeout": "after"}

# With one P this row only shows the pre-emption tick (15 s a run), so it runs there only when named.
ONLY_WHEN_NAMED = {("wake_idle", 1)}


def target(name, procs, column):
    """("ratio", x), ("bytes", x) or None."""
    index = 0 if column == "first" else 1
    if name in BYTES:
        return ("bytes", BYTES[name][index])
    if name in RATIOS and procs in (1, 2):
        return ("ratio", RATIOS[name][index][procs - 1])
    return None


def in_order(rows):
    place = {row: i for i, row in enumerate(ROW_ORDER)}
    return sorted(rows, key=lambda row: (place.get(row, len(place)), row))
