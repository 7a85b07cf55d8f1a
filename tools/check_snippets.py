#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that C++ in the documents is text of files that are compiled.

A block ```cpp must follow a line <!-- FILE --> or <!-- FILE#PART -->. It must be what FILE holds below its
SPDX line, or between the lines "// [PART]" and "// [/PART]". Each `code` in the right column of a table that
follows <!-- table FILE --> must occur in FILE; blanks do not count.

usage: check_snippets.py ROOT [DOCUMENT...]          default: README.md and docs/**/*.md
"""
import pathlib
import re
import sys
import textwrap

SOURCE = re.compile(r"<!-- (table )?([\w./-]+)(?:#(\w+))? -->")
CODE = re.compile(r"`([^`]+)`")


def wanted(root, file, part):
    text = (root / file).read_text()
    if part:
        text = text.split(f"// [{part}]\n", 1)[1].split(f"// [/{part}]", 1)[0]
        return textwrap.dedent(text.rsplit("\n", 1)[0] + "\n")
    return "".join(line for line in text.splitlines(keepends=True) if "SPDX-License-Identifier" not in line)


def squeezed(text):
    return re.sub(r"\s+", "", text)


def check_table(root, at, file, rows):
    have = squeezed((root / file).read_text())
    for row in rows[2:]:  # below the heading and its rule
        cells = re.split(r"(?<!\\)\|", row.strip().strip("|"))
        for code in CODE.findall(cells[-1].replace("\\|", "|")):
            if squeezed(code) not in have:
                yield f"{at}: `{code}` does not occur in {file}"


def check_document(root, document):
    at, source = document.relative_to(root).as_posix(), None
    lines = document.read_text().splitlines(keepends=True)
    n = 0
    while n < len(lines):
        line = lines[n]
        n += 1
        marker = SOURCE.match(line)
        if marker:
            source = (n, *marker.groups())
            continue
        if line.startswith("|") and source and source[1]:
            rows = [line]
            while n < len(lines) and lines[n].startswith("|"):
                rows.append(lines[n])
                n += 1
            yield from check_table(root, f"{at}:{source[0]}", source[2], rows)
            source = None
        elif line.startswith("```cpp"):
            end = lines.index("```\n", n)
            block, begin, n = "".join(lines[n:end]), n, end + 1
            if not source:
                yield f"{at}:{begin}: this block names no file that is compiled; put <!-- FILE --> before it"
            elif not (root / source[2]).exists():
                yield f"{at}:{begin}: {source[2]} does not exist"
            elif block != wanted(root, source[2], source[3]):
                yield f"{at}:{begin}: this block is not what {source[2]} holds; copy it again"
            source = None
        elif line.strip():
            source = None


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    documents = [root / name for name in sys.argv[2:]]
    if not documents:
        documents = [root / "README.md", *sorted(root.glob("docs/**/*.md"))]
    faults = [fault for document in documents for fault in check_document(root, document)]
    print("\n".join(faults) if faults else f"{len(documents)} documents: every snippet is compiled")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
