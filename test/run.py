#!/usr/bin/env python3
"""Runs the tests of build folders, and counts test cases instead of programs.

A program counts what it says: doctest's last lines, or a last line of "N passed, N failed[, N skipped]". One that says
nothing counts as one case; one that failed without saying which (a crash, a leak, a deadline) as one more failure.
"""
import collections
import json
import os
import pathlib
import re
import subprocess
import sys

DOCTEST = re.compile(r'^\[doctest\] test cases: +\d+ \| +(\d+) passed \| +(\d+) failed \| +(\d+) skipped', re.M)
COUNTS = re.compile(r'^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$', re.M)
SANITIZERS = {
    'ASAN_OPTIONS': 'detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1',
    'UBSAN_OPTIONS': 'print_stacktrace=1',
    'TSAN_OPTIONS': f'second_deadlock_stack=1:suppressions={pathlib.Path(__file__).with_name("tsan.txt").resolve()}',
}


def count(test):
    """The numbers of passed, failed and skipped cases of one program."""
    said = [tuple(int(n or 0) for n in numbers) for numbers in
            DOCTEST.findall(test.get('stdout', '')) + COUNTS.findall(test.get('stdout', ''))]
    passed, failed, skipped = said[-1] if said else (0, 0, 0)
    if test['result'] == 'SKIP':
        return passed, failed, max(skipped, 1)
    if test['result'] in ('OK', 'EXPECTEDFAIL'):
        return (passed, failed, skipped) if said else (1, 0, 0)
    return passed, max(failed, 1), skipped


def output(test):
    return '\n'.join(test.get(key, '').rstrip() for key in ('stdout', 'stderr') if test.get(key))


def run(folder, options):
    """Runs the tests of a folder; gives Meson's record of each."""
    log = pathlib.Path(folder, 'meson-logs', 'testlog.json')
    log.unlink(missing_ok=True)
    environment = {**SANITIZERS, **os.environ}
    program = subprocess.Popen(['meson', 'test', '-C', folder, '--no-rebuild', *options], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
    heard = []
    for line in program.stdout:
        heard.append(line)
        if re.match(r' *\d+/\d+ ', line):
            print(line.rstrip(), flush=True)
    program.wait()
    tests = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    if not tests:
        tests = [{'name': 'meson test', 'result': 'ERROR', 'stdout': ''.join(heard)}]
    return tests


def main(folders, options):
    suites = collections.OrderedDict()
    wrong, skips = [], []
    for folder in folders:
        print(f'== testing {folder}', flush=True)
        known = subprocess.run(['meson', 'introspect', folder, '--tests'], capture_output=True, text=True)
        suiteOf = {test['name']: test['suite'][0].split(':')[-1] for test in json.loads(known.stdout or '[]')}
        for test in run(folder, options):
            program = test['name'].split(' / ')[-1]
            numbers = count(test)
            suites.setdefault((folder, suiteOf.get(program, 'tests')), []).append(numbers)
            name = f'{folder}: {program}'
            if numbers[1]:
                wrong.append((name, test))
            elif test['result'] == 'SKIP':
                skips.append(f'{name}: {(output(test).splitlines() or ["no reason given"])[-1]}')
    for name, test in wrong:
        print(f'\n== FAILED: {name} ({test["result"].lower()})\n{output(test)}')
    print('\n== results')
    for (folder, suite), numbers in suites.items():
        passed, failed, skipped = map(sum, zip(*numbers))
        print(f'{folder + ": " + suite:24} {passed:5} passed {failed:4} failed {skipped:4} skipped')
    for line in skips:
        print(f'skipped {line}')
    passed, failed, skipped = map(sum, zip(*(n for numbers in suites.values() for n in numbers)))
    return passed, failed, skipped


if __name__ == '__main__':
    # What was left out before anything ran: "--left-out=REASON".
    leftOut = [argument.partition('=')[2] for argument in sys.argv[1:] if argument.startswith('--left-out=')]
    passed, failed, skipped = main([argument for argument in sys.argv[1:] if not argument.startswith('--')],
                                   [argument for argument in sys.argv[1:] if argument.startswith('--suite=')])
    for reason in leftOut:
        print(f'skipped {reason}')
    skipped += len(leftOut)
    print(f'{passed} passed, {failed} failed' + (f', {skipped} skipped' if skipped else ''))
    sys.exit(1 if failed or not passed else 0)
