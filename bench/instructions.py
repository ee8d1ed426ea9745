#!/usr/bin/env python3
"""Counts what an event costs in instructions, allocations and compressions, on its way through a server without a
kernel, and fails where that has risen above its ceiling. Instructions can be compared from run to run, as times cannot.

    instructions.py HOT_PATH

Where valgrind is missing this says so and exits with 77, which Meson counts as skipped.
"""
import json
import os
import re
import shutil
import subprocess
import sys

FEW, MANY = 100, 300
PUBLISHES = 320
# What g++ 14 or clang 19 make of it, whichever is more, and about a fifth.
CEILINGS = {
    'instructions per delivery': 260,
    'instructions per publish': 7_800,
    'allocations per delivery': 0,
    'allocations per publish': 6,
    'compressions per publish': 1,  # however many take it so
}


# Meson has malloc fill its memory, which is not the program's work.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != 'MALLOC_PERTURB_'}


def run(program, subscribers):
    """What all publishes cost with so many subscribers; callgrind counts those that warm up as well."""
    ended = subprocess.run(['valgrind', '--tool=callgrind', '--callgrind-out-file=/dev/null', '--collect-atstart=no',
                            '--toggle-collect=hotPath', program, str(subscribers), str(PUBLISHES)],
                           capture_output=True, text=True, env=ENVIRONMENT)
    collected = re.search(r'Collected : (\d+)', ended.stderr)
    if ended.returncode or not collected:
        sys.exit(f'instructions.py: {program} failed under callgrind:\n{ended.stderr}')
    return int(collected.group(1)) / 2, json.loads(ended.stdout)['allocations']


def compressions(program):
    ended = subprocess.run([program, str(MANY), str(PUBLISHES), 'compressed'], capture_output=True, text=True)
    if ended.returncode:
        sys.exit(f'instructions.py: {program} failed:\n{ended.stderr}')
    return json.loads(ended.stdout)['deflates'] / PUBLISHES


def main():
    if not shutil.which('valgrind'):
        print('valgrind is not installed')
        sys.exit(77)
    few, many = run(sys.argv[1], FEW), run(sys.argv[1], MANY)
    costs = {}
    for kind, less, more in zip(('instructions', 'allocations'), few, many):
        each = (more - less) / (MANY - FEW) / PUBLISHES
        costs[f'{kind} per delivery'] = each
        costs[f'{kind} per publish'] = less / PUBLISHES - each * FEW
    costs['compressions per publish'] = compressions(sys.argv[1])
    failed = 0
    for name, cost in costs.items():
        isTooMuch = round(cost, 2) > CEILINGS[name]
        failed += isTooMuch
        print(f'{"FAILED" if isTooMuch else "ok"}: {name}: {cost:.2f}, at most {CEILINGS[name]}')
    print(f'{len(costs) - failed} passed, {failed} failed')
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
