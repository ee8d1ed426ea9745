#!/usr/bin/env python3
"""README's snippets are those of the examples, which are compiled and run.

    readme.py ROOT [--write]

In README a snippet stands behind a line `<!-- examples/FILE [NAME] -->`; in the example between two lines `//! [NAME]`.
--write puts the examples' text into README. Every C++ snippet of README has to come from an example.
"""
import pathlib
import re
import sys
import textwrap

BLOCK = re.compile(r"(?:<!-- (?P<file>\S+) \[(?P<name>[\w-]+)\] -->\n)?```cpp\n(?P<text>.*?)```\n", re.DOTALL)


def snippet(root, file, name):
    mark = re.escape(f"//! [{name}]")
    found = re.findall(rf"^[ ]*{mark}\n(.*?)^[ ]*{mark}$", (root / file).read_text(), re.DOTALL | re.MULTILINE)
    if len(found) != 1:
        raise SystemExit(f"{file} has {len(found)} snippets [{name}]")
    return textwrap.dedent(found[0])


def main():
    root = pathlib.Path(sys.argv[1])
    readme = (root / "README.md").read_text()
    wrong, count = [], 0

    def replace(block):
        nonlocal count
        count += 1
        if not block["file"]:
            wrong.append(f"no example is named for: {block['text'].splitlines()[0]}")
            return block[0]
        text = snippet(root, block["file"], block["name"])
        if text != block["text"]:
            wrong.append(f"{block['file']} [{block['name']}] differs")
        return f"<!-- {block['file']} [{block['name']}] -->\n```cpp\n{text}```\n"

    right = BLOCK.sub(replace, readme)
    if "--write" in sys.argv and right != readme:
        (root / "README.md").write_text(right)
        wrong = [line for line in wrong if not line.endswith("differs")]
    for line in wrong:
        print(f"README.md: {line}")
    print(f"{count} snippets, {len(wrong)} wrong")
    return 1 if wrong or count == 0 else 0


sys.exit(main())
