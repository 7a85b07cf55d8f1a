#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Network servers beside each other: goro, Go, Boost.Asio and nginx, in turn, under the same load.

usage: compare_net.py [--rounds N] [--seconds S] [--connections N] [--procs P] [--only REGEX] [--into FILE]

Each server runs alone on the first CPU (the first P CPUs), the load generator on the last: wrk for HTTP, echo_load for
echo. Of all rounds the one with the least CPU per request counts. Columns: requests per second; server CPU in us per
request, user and kernel; p50, p99, p99.9 of the latency; and the server's resident memory for each of 1,000 idle
connections. A generator on one CPU caps the requests per second, so CPU per request is the figure to look at.

epoll and io_uring are the floor: an echo in one thread that makes the system calls and nothing else
(net/floor_server.cpp).
"""
import argparse
import csv
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import fetch_peers
import report

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
IDLE = 1000
FLOORS = ["epoll", "io_uring"]
TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
WRK_REPORT = """done = function(summary, latency, requests)
  io.write(string.format("RESULT %d %d %g %g %g\\n", summary.requests, summary.duration,
                         latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
"""
NGINX = """daemon off; worker_processes {procs}; error_log stderr crit; pid {folder}/nginx.pid;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port}; location / {{ return 200 "Hello, world!"; }} }}
}}
"""


class Server:
    """A server process and its children, started on its CPUs; `port` is where it listens."""

    def __init__(self, command, cpus, port=None):
        self.process = subprocess.Popen(["taskset", "-c", cpus, *command], stdout=subprocess.PIPE, text=True,
                                        stdin=subprocess.DEVNULL)
        self.port = port or int(self.process.stdout.readline())
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                time.sleep(0.01)
        raise RuntimeError(f"{command[0]} does not answer")

    def _all(self):
        pids = [self.process.pid]
        for pid in pids:
            children = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
            pids += [int(child) for child in children.read_text().split()]
        return pids

    def cpu(self):
        """Seconds of CPU used so far: user, kernel."""
        user = kernel = 0
        for pid in self._all():
            words = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            user, kernel = user + int(words[11]), kernel + int(words[12])
        return user / TICK, kernel / TICK

    def resident(self):
        return sum(int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self._all()) * PAGE

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        self.process.stdout.close()


def run(command, cpus):
    done = subprocess.run(["taskset", "-c", cpus, *command], capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def idle_bytes(server, kind):
    """Resident memory for one connection that has been used once and is kept."""
    ask = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" if kind == "http" else b"x"
    before, kept = server.resident(), []
    for _ in range(IDLE):
        kept.append(socket.create_connection(("127.0.0.1", server.port)))
        kept[-1].sendall(ask)
        kept[-1].recv(4096)
    time.sleep(1)
    after = server.resident()
    for c in kept:
        c.close()
    return (after - before) / IDLE


def load(args, kind, port, tools):
    """Requests, requests per second, and three latencies in us."""
    if kind == "http":
        out = run(["wrk", "-t1", f"-c{args.connections}", f"-d{args.seconds}s", "-s", str(tools["report"]),
                   f"http://127.0.0.1:{port}/"], tools["load_cpu"])
        if "Non-2xx" in out or "Socket errors" in out:
            raise RuntimeError(f"wrk saw errors: {out}")
        count, took, *latencies = re.search(r"RESULT (\S+) (\S+) (\S+) (\S+) (\S+)", out).groups()
        return int(count), int(count) / (int(took) / 1e6), [float(x) for x in latencies]
    out = run([str(tools["echo_load"]), str(port), str(args.connections), str(args.seconds), kind.split()[1]],
              tools["load_cpu"])
    rate, *latencies = out.split()
    return float(rate) * (args.seconds + 0.3), float(rate), [float(x) for x in latencies]


def start(name, kind, args, tools):
    if name == "nginx":
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        folder = tools["folder"]
        config = folder / "nginx.conf"
        config.write_text(NGINX.format(folder=folder, port=port, procs=args.procs))
        return Server(["nginx", "-p", str(folder), "-c", str(config)], tools["server_cpus"], port)
    if name in FLOORS:
        return Server([str(tools[name]), name], tools["server_cpus"])
    return Server([str(tools[name]), kind.split()[0], str(args.procs)], tools["server_cpus"])


def measure(name, kind, args, tools):
    server = start(name, kind, args, tools)
    try:
        idle = idle_bytes(server, kind)
        before = server.cpu()
        count, rate, latencies = load(args, kind, server.port, tools)
        user, kernel = (b - a for a, b in zip(before, server.cpu()))
    finally:
        server.stop()
    return {"kind": kind, "server": name, "rate": rate, "cpu": (user + kernel) * 1e6 / count,
            "user": user * 1e6 / count, "p50": latencies[0], "p99": latencies[1], "p999": latencies[2], "idle": idle}


def table(best, versions, args):
    lines = [f"{report.machine_facts()[0]}; P={args.procs}, {args.connections} connections, {args.seconds} s, "
             f"best of {args.rounds} in turn; {'; '.join(versions)}.", ""]
    for kind in dict.fromkeys(row["kind"] for row in best.values()):
        go = best.get((kind, "go"))
        lines += [f"| {kind} | requests/s | CPU us/request (user) | p50 us | p99 us | p99.9 us | idle B | requests / Go | CPU / Go |",
                  "|---|--:|--:|--:|--:|--:|--:|--:|--:|"]
        for (k, name), row in best.items():
            if k != kind:
                continue
            against = [f"{row['rate'] / go['rate']:.2f}", f"{row['cpu'] / go['cpu']:.2f}"] if go else ["", ""]
            lines.append(f"| {name} | {row['rate']:.0f} | {row['cpu']:.2f} ({row['user']:.2f}) | {row['p50']:.0f} | "
                         f"{row['p99']:.0f} | {row['p999']:.0f} | {row['idle']:.0f} | {' | '.join(against)} |")
        lines.append("")
    return "\n".join(lines)


def works(command):
    """Whether such a server starts: it says its port."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        said = process.stdout.readline()
        process.terminate()
    return said != ""


def build_go(build):
    """Go's server; None, with a word, if there is no Go to be had."""
    found = fetch_peers.ensure(build, only=("go",)).get("go")
    if not found:
        return None, None
    program = build / "net_go"
    fetch_peers.call([pathlib.Path(found["folder"]) / "bin/go", "build", "-buildvcs=false", "-o", program, "."],
                     "go build", cwd=HERE / "peers/go_net", env=fetch_peers.go_env(found["folder"], build))
    return program, found["version"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often each server is measured (3)")
    parser.add_argument("--seconds", type=int, default=5, help="of load in each measurement (5)")
    parser.add_argument("--connections", type=int, default=64, help="at the same time (64)")
    parser.add_argument("--procs", type=int, default=1, help="Ps, threads, workers and CPUs of each server (1)")
    parser.add_argument("--only", default="", help="rows whose 'kind server' matches, as 'echo|http go'")
    parser.add_argument("--into", type=pathlib.Path, help="a Markdown file whose compare markers take the table")
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin", help="where goro's side lies")
    args = parser.parse_args()

    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) <= args.procs:
        sys.exit(f"compare_net: {args.procs} CPUs for the server and one for the load are needed, and there are {len(cpus)}")
    out = ROOT / "build/compare-net"
    out.mkdir(parents=True, exist_ok=True)
    tools = {"goro": args.bin / "net_goro", "asio": args.bin / "net_asio", "echo_load": args.bin / "echo_load",
             **{name: args.bin / "net_floor" for name in FLOORS},
             "server_cpus": ",".join(map(str, cpus[:args.procs])), "load_cpu": str(cpus[-1]),
             "folder": pathlib.Path(tempfile.mkdtemp(prefix="compare-net-"))}
    tools["report"] = tools["folder"] / "report.lua"
    tools["report"].write_text(WRK_REPORT)
    tools["go"], go_version = build_go(ROOT / "build/peers")
    versions = [v for v in (go_version, "Boost.Asio 1.81") if v]
    echo = ["goro", "go", "asio", *(FLOORS if args.procs == 1 else [])]
    plan = {"http": ["goro", "go"], "echo pingpong": echo, "echo stream": list(echo)}
    if shutil.which("nginx"):
        plan["http"].append("nginx")
        versions.append(subprocess.run(["nginx", "-v"], capture_output=True, text=True).stderr.split(":")[1].strip())
    if not shutil.which("wrk"):
        print("compare_net: wrk is not installed, so HTTP is left out (Debian: wrk)")
        del plan["http"]

    for name in FLOORS:
        if not works([str(tools[name]), name]):
            print(f"compare_net: {name} cannot be had here, so its rows are left out")
            tools[name] = None
    plan = {kind: [name for name in names if re.search(args.only, f"{kind} {name}")] for kind, names in plan.items()}

    rows, best = [], {}
    try:
        for number in range(args.rounds):
            for kind, names in plan.items():
                for name in names:
                    if tools.get(name, True) is None:
                        continue
                    row = measure(name, kind, args, tools)
                    rows.append(row)
                    print(f"round {number + 1}: {kind}, {name}: {row['rate']:.0f}/s, {row['cpu']:.2f} us", flush=True)
                    key = (kind, name)
                    if key not in best or row["cpu"] < best[key]["cpu"]:
                        best[key] = row
    finally:
        shutil.rmtree(tools["folder"], ignore_errors=True)
    if not rows:
        sys.exit(f"compare_net: no row matches {args.only!r}")
    with open(out / "results.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    best = dict(sorted(best.items(), key=lambda item: list(plan).index(item[0][0])))
    text = table(best, versions, args)
    print("\n" + text)
    if args.into and not report.write_between_markers(args.into, text):
        sys.exit(f"compare_net: {args.into} has no compare markers")


if __name__ == "__main__":
    main()
