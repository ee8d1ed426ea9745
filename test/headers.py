#!/usr/bin/env python3
"""Compiles each public header on its own, twice in one file, with no other folder than include/."""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

WARNINGS = ['-Wall', '-Wextra', '-Wpedantic', '-Wconversion', '-Wshadow', '-Werror']


def compileAlone(name, command, folder):
    stem = re.sub(r'\W', '_', name)
    source = pathlib.Path(folder, stem + '.cpp')
    source.write_text(f'#include <{name}>\n#include <{name}>\n')
    done = subprocess.run([*command, '-c', str(source), '-o', str(source.with_suffix('.o'))],
                          capture_output=True, text=True)
    return name, done.returncode, done.stderr


if __name__ == '__main__':
    # A folder that stays, so that ccache knows the files again.
    root, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    split = sys.argv.index('--')
    arguments, compiler = sys.argv[3:split], sys.argv[split + 1:]
    command = [*compiler, '-std=c++20', '-O0', f'-I{root / "include"}', *arguments, *WARNINGS]
    names = sorted(path.relative_to(root / 'include').as_posix() for path in (root / 'include').rglob('*.hpp'))
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, status, output in pool.map(lambda name: compileAlone(name, command, folder), names):
            if status:
                failed += 1
                print(f'<{name}> does not compile on its own:\n{output}')
    print(f'{len(names) - failed} passed, {failed} failed')
    sys.exit(1 if failed or not names else 0)
