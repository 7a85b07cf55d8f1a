#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that every include goes down (tools/rooms.txt), that files stay small and headers light, and
that ARCHITECTURE.md names only what exists.

usage: check_rooms.py ROOT            exit 1 and one line a fault; silent when all is well
"""
import pathlib
import re
import sys

LINES = {"src": 400, "include": 400, "test": 600}
HEAVY = {"iostream", "sstream", "fstream", "regex", "functional", "map", "mutex", "thread", "future",
         "random", "filesystem"}
SOURCES = (".hpp", ".cpp", ".h", ".S")
NO_ROOM = ("support", "death", "bugs", "anomaly", "fuzz", "package", "tracking")  # folders of test/ that see every room
INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')
# What ARCHITECTURE.md says in backquotes and looks like a file (a suffix) or a folder (a last slash).
NAMED = re.compile(r"`([\w./-]+(?:\.(?:hpp|cpp|h|S|py|sh|txt|md|cmake|json|map)|\.\{[\w,]+\}|/))`")


class Check:
    def __init__(self, root):
        self.root = root
        self.faults = []
        self.floor = {}    # room -> floor
        self.room_of = {}  # "goro/chan.hpp" -> room
        self.edges = {}    # file -> files of its own room that it includes

    def run(self):
        self.read_rooms()
        for folder in LINES:
            for file in sorted((self.root / folder).rglob("*")):
                if file.suffix in SOURCES:
                    self.check_file(file)
        for name in list(self.edges):
            self.check_cycles(name)
        self.check_architecture()
        return self.faults

    def read_rooms(self):
        for n, line in enumerate((self.root / "tools/rooms.txt").read_text().splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            number, room, *headers = line.split()
            if self.floor.setdefault(room, int(number)) != int(number):
                self.faults.append(f"tools/rooms.txt:{n}: {room} stands on floor {self.floor[room]} already")
            for header in headers:
                if not (self.root / "include/goro" / header).exists():
                    self.faults.append(f"tools/rooms.txt:{n}: include/goro/{header} does not exist")
                self.room_of["goro/" + header] = room

    def room(self, name):
        """"chan/select.hpp" or "goro/chan.hpp" -> its room; None if it is not ours."""
        first = name.split("/")[0]
        return self.room_of.get(name, first if first in self.floor else None)

    def check_file(self, file):
        at = file.relative_to(self.root).as_posix()
        top, name = at.split("/", 1)
        here = self.room(name)
        if here is None and top == "test" and name.split("/")[0] in NO_ROOM:
            here = "umbrella"
        if here is None:
            self.faults.append(f"{at}: no room in tools/rooms.txt owns it")
            return
        text = file.read_text().splitlines()
        if len(text) > LINES[top]:
            self.faults.append(f"{at}: {len(text)} lines; split it ({LINES[top]} at most)")
        for n, line in enumerate(text, 1):
            match = INCLUDE.match(line)
            if match:
                self.check_include(f"{at}:{n}", top, here, name, match[1] == '"', match[2])

    def check_include(self, at, top, here, name, quoted, target):
        public, there = top == "include", self.room(target)
        if public and target in HEAVY:
            self.faults.append(f"{at}: <{target}> is too heavy for a public header")
        if top == "test" and target.startswith("goro/"):
            return  # a test is a user: any public header
        if there is None:
            if target.startswith("goro/"):
                self.faults.append(f"{at}: {target} is in no room of tools/rooms.txt")
            elif quoted and top != "test":
                self.faults.append(f'{at}: "{target}" begins with no room: write <goro/...> or "<room>/..."')
            return
        if public and not target.startswith("goro/"):
            self.faults.append(f"{at}: a public header includes the private {target}")
        if there != here and self.floor[there] >= self.floor[here]:
            self.faults.append(
                f"{at}: {here} (floor {self.floor[here]}) may not include {target} of {there} "
                f"(floor {self.floor[there]}): move it down, or let the lower room call through "
                "sched/hooks.hpp")
        if there == here and top != "test":
            self.edges.setdefault(name, []).append(target)

    def check_cycles(self, start):
        """Inside a room there is no cycle among files. Depth first, without recursion."""
        done, path = self.__dict__.setdefault("done", set()), []
        stack = [(start, iter(self.edges.get(start, [])))]
        while stack:
            name, targets = stack[-1]
            if not path or path[-1] != name:
                path.append(name)
            target = next(targets, None)
            if target is None:
                done.add(name)
                path.pop()
                stack.pop()
            elif target in path:
                self.faults.append("cycle: " + " -> ".join(path[path.index(target):] + [target]))
            elif target not in done:
                stack.append((target, iter(self.edges.get(target, []))))

    def check_architecture(self):
        file = self.root / "ARCHITECTURE.md"
        if not file.exists():
            return
        known = set()  # the tail of every path, from any of its folders on
        for folder in ("include", "src", "test", "examples", "bench", "tools", "docs", "cmake"):
            for path in (self.root / folder).rglob("*"):
                parts = path.relative_to(self.root).parts
                for i in range(len(parts)):
                    known.add("/".join(parts[i:]))
            known.add(folder)
        for n, line in enumerate(file.read_text().splitlines(), 1):
            for word in NAMED.findall(line):
                for name in spelled_out(word):
                    if name.rstrip("/") not in known and not (self.root / name).exists():
                        self.faults.append(f"ARCHITECTURE.md:{n}: {name} does not exist; "
                                           "name it as it is called now")


def spelled_out(word):
    """"park.{hpp,cpp}" names two files."""
    match = re.match(r"(.*)\{([^}]*)\}(.*)", word)
    return [match[1] + middle + match[3] for middle in match[2].split(",")] if match else [word]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    faults = Check(pathlib.Path(sys.argv[1])).run()
    for fault in faults:
        print(fault)
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
