#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/check_rooms.py is silent on a clean tree and names each fault that is planted in one."""
import pathlib
import subprocess
import sys
import tempfile

CHECK = pathlib.Path(__file__).resolve().parents[2] / "tools/check_rooms.py"
CLEAN = {
    "tools/rooms.txt": "0  base\n1  sched  go.hpp\n2  chan  chan.hpp detail/hchan.hpp\n"
                       "3  sync  future.hpp\n3  time  time.hpp\n99 umbrella  goro.hpp\n",
    "include/goro/go.hpp": "#pragma once\n#include <utility>\n",
    "include/goro/detail/hchan.hpp": "#pragma once\n#include <goro/go.hpp>\n",
    "include/goro/chan.hpp": "#pragma once\n#include <goro/detail/hchan.hpp>\n",
    "include/goro/future.hpp": "#pragma once\n#include <goro/chan.hpp>\n",
    "include/goro/time.hpp": "#pragma once\n#include <goro/chan.hpp>\n",
    "include/goro/goro.hpp": "#pragma once\n#include <goro/chan.hpp>\n",
    "src/base/arch/switch.hpp": "#pragma once\n",
    "src/base/clock.cpp": '#include "base/arch/switch.hpp"\n#include <mutex>\n',
    "src/sched/park.hpp": "#pragma once\n",
    "src/sched/park.cpp": '#include "sched/park.hpp"\n',
    "src/chan/hchan.cpp": '#include <goro/chan.hpp>\n\n#include "sched/park.hpp"\n',
    "test/sched/park_test.cpp": '#include "sched/park.hpp"\n#include <goro/chan.hpp>\n'
                                '#include "support/a.hpp"\n',
    "test/support/a.hpp": "#include <goro/goro.hpp>\n",
    "ARCHITECTURE.md": "see `sched/park.{hpp,cpp}`, `park.cpp`, `goro/chan.hpp` and `src/base/`\n",
}
PLANTED = [  # file, text (None: the clean text), what the report must hold
    ("src/chan/hchan.cpp", '\n\n#include "sync/x.hpp"\n',
     "src/chan/hchan.cpp:3: chan (floor 2) may not include sync/x.hpp of sync (floor 3): "
     "move it down, or let the lower room call through sched/hooks.hpp"),
    ("src/time/t.cpp", "#include <goro/future.hpp>\n",
     "src/time/t.cpp:1: time (floor 3) may not include goro/future.hpp"),
    ("src/sched/umbrella.cpp", "#include <goro/goro.hpp>\n",
     "may not include goro/goro.hpp of umbrella (floor 99)"),
    ("include/goro/chan.hpp", "#include <functional>\n",
     "include/goro/chan.hpp:1: <functional> is too heavy for a public header"),
    ("include/goro/chan.hpp", '#include "sched/park.hpp"\n',
     "include/goro/chan.hpp:1: a public header includes the private sched/park.hpp"),
    ("include/goro/chan.hpp", '#include "hchan.hpp"\n',
     'include/goro/chan.hpp:1: "hchan.hpp" begins with no room'),
    ("src/sched/park.hpp", '#include "sched/wake.hpp"\n', None),
    ("src/sched/wake.hpp", '#include "sched/park.hpp"\n',
     "cycle: sched/park.hpp -> sched/wake.hpp -> sched/park.hpp"),
    ("src/sched/long.cpp", "\n" * 401, "src/sched/long.cpp: 401 lines; split it (400 at most)"),
    ("include/goro/lost.hpp", "\n", "include/goro/lost.hpp: no room in tools/rooms.txt owns it"),
    ("tools/rooms.txt", CLEAN["tools/rooms.txt"] + "4 context context.hpp\n",
     "tools/rooms.txt:7: include/goro/context.hpp does not exist"),
    ("tools/rooms.txt", CLEAN["tools/rooms.txt"] + "4 chan\n",
     "tools/rooms.txt:7: chan stands on floor 2 already"),
    ("src/cellar/x.cpp", "\n", "src/cellar/x.cpp: no room in tools/rooms.txt owns it"),
    ("src/chan/x.cpp", "#include <goro/lost2.hpp>\n",
     "src/chan/x.cpp:1: goro/lost2.hpp is in no room of tools/rooms.txt"),
    ("test/sched/up_test.cpp", '#include "chan/queue.hpp"\n',
     "test/sched/up_test.cpp:1: sched (floor 1) may not include chan/queue.hpp"),
    ("test/sched/long_test.cpp", "\n" * 601, "test/sched/long_test.cpp: 601 lines; split it (600 at most)"),
    ("ARCHITECTURE.md", "\n`sched/gone.hpp` is the heart\n",
     "ARCHITECTURE.md:2: sched/gone.hpp does not exist"),
    ("ARCHITECTURE.md", "`sched/park.{hpp,S}`\n", "ARCHITECTURE.md:1: sched/park.S does not exist"),
]


def check(tree):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in tree.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        result = subprocess.run([sys.executable, CHECK, root], stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)
        return result.returncode, result.stdout


def main():
    code, said = check(CLEAN)
    failed = 0
    if code != 0 or said:
        print(f"the clean tree: exit {code}\n{said}")
        failed += 1
    carried = {}  # a fault may need two files: those without a report of their own are kept for the next
    for name, text, report in PLANTED:
        carried[name] = text
        if report is None:
            continue
        code, said = check({**CLEAN, **carried})
        carried = {}
        if code != 1 or report not in said:
            print(f"planted in {name}: expected\n  {report}\ngot exit {code}\n{said}")
            failed += 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
