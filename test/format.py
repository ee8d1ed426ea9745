#!/usr/bin/env python3
"""Fails where a source is not as clang-format writes it (`./dev format` puts it right)."""
import pathlib
import shutil
import subprocess
import sys

FORMATTER = 'clang-format-19'  # other versions write some lines differently


def sources(root):
    folders = ('include', 'lib', 'test', 'tools', 'examples', 'bench')
    return sorted(str(path) for folder in folders for path in (root / folder).rglob('*.[hc]pp')
                  if 'node_modules' not in path.parts and 'subprojects' not in path.parts)


if __name__ == '__main__':
    if not shutil.which(FORMATTER):
        print(f'{FORMATTER} is not installed')
        sys.exit(77)
    mode = ['-i'] if '--write' in sys.argv else ['--dry-run', '-Werror']
    found = sources(pathlib.Path(sys.argv[1]))
    sys.exit(subprocess.run([FORMATTER, *mode, *found]).returncode)
