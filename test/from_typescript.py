#!/usr/bin/env python3
"""The names and the tests that docs/from-typescript.md gives exist.

    from_typescript.py ROOT

A row of a table ends with ` [file](../test/file.cpp): the name of a test case |`. Every name of code in its second column
is one of the public headers.
"""
import pathlib
import re
import sys

CASE = re.compile(r'\b(?:TEST_CASE|SUBCASE)\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)')
ROW = re.compile(r"^\| (?P<seed>.+?) \| (?P<here>.+?) \| \[\w+\]\((?P<path>[^)]+)\): (?P<case>.+) \|$")

CODE = re.compile(r"`([^`]+)`")
NAME = re.compile(r"\b[A-Za-z_]\w*")
OF_THE_LANGUAGE = {"co_await", "std", "nullopt", "true", "false"}


def names_of(code):
    """What stands in quotes is data, and digits may have a unit."""
    return set(NAME.findall(re.sub(r'"[^"]*"|\b\d\w*', "", code))) - OF_THE_LANGUAGE


def without_comments(code):
    return re.sub(r"//.*", "", code)


def cases_of(path):
    return {"".join(re.findall(r'"((?:[^"\\]|\\.)*)"', found)) for found in CASE.findall(path.read_text())}


def main():
    root = pathlib.Path(sys.argv[1])
    known = {name for header in (root / "include").rglob("*.hpp") for name in NAME.findall(without_comments(header.read_text()))}
    document = root / "docs" / "from-typescript.md"
    wrong, rows = [], 0
    for number, line in enumerate(document.read_text().splitlines(), 1):
        if not line.startswith("|") or line.startswith("| TypeScript |") or set(line) <= set("|-"):
            continue
        rows += 1
        row = ROW.match(line)
        if not row:
            wrong.append(f"{number}: no test is named: {line}")
            continue
        for name in sorted(names_of(" ".join(CODE.findall(row["here"]))) - known):
            wrong.append(f"{number}: there is no {name} in the public headers")
        path = (document.parent / row["path"]).resolve()
        if not path.is_file():
            wrong.append(f"{number}: there is no {row['path']}")
        elif row["case"] not in cases_of(path):
            wrong.append(f"{number}: {path.name} has no test case '{row['case']}'")
    for line in wrong:
        print(f"docs/from-typescript.md:{line}")
    print(f"{rows} rows, {len(wrong)} wrong")
    return 1 if wrong or rows == 0 else 0


sys.exit(main())
