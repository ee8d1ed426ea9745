#!/usr/bin/env python3
"""Lists where a server's time goes under the load of the first row: by linux-perf with the kernel's part, or, where the
kernel forbids that, the server's own part by callgrind, in instructions.

    profile.py BUILD [--callgrind] [--work WORKLOAD] [--top N]      such as: profile.py build-bench

The workload is one of bench/load's, without its count of publishes.
"""
import argparse
import collections
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from servers import Server, load, measure

FIRST = 'fanout 1000 16 128'
MANY = 20_000  # so that connecting is lost in it


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument('build', type=pathlib.Path)
    parser.add_argument('--callgrind', action='store_true', help='in place of linux-perf')
    parser.add_argument('--work', default=FIRST)
    parser.add_argument('--top', type=int, default=25)
    return parser.parse_args()


def canSample():
    if not shutil.which('perf'):
        return False
    return subprocess.run(['perf', 'record', '-q', '-e', 'cpu-clock', '-o', '/dev/null', 'true'],
                          capture_output=True).returncode == 0


def byPerf(build, work, top):
    with tempfile.TemporaryDirectory() as folder:
        data = f'{folder}/perf.data'
        with Server(build, 'strandcast') as server:
            sampler = subprocess.Popen(['perf', 'record', '-q', '-e', 'cpu-clock', '-F', '4999', '-o', data, '-p',
                                        str(server.process.pid)])
            load(build, server, f'{work} {MANY}')
            sampler.send_signal(2)
            sampler.wait()
        for what, sort, more in (('by program or library', 'dso', []), ('by function', 'symbol', []),
                                 ('by function, of the server itself', 'symbol', ['--dsos', 'strandcast'])):
            report = subprocess.run(['perf', 'report', '--stdio', '-i', data, '--sort', sort, '-g', 'none', *more],
                                    capture_output=True, text=True, check=True).stdout
            lines = [re.sub(r'\s{2,}-.*', '', line).rstrip() for line in report.splitlines()
                     if line.strip() and not line.startswith('#')]
            print(f'{what}, shares of the process\' CPU time:')
            print('\n'.join(lines[:top]), end='\n\n')


def counted(build, work, publishes):
    """Instructions by function, of a whole run."""
    with tempfile.TemporaryDirectory() as folder:
        out = f'{folder}/callgrind.out'
        wrapper = ['valgrind', '-q', '--tool=callgrind', f'--callgrind-out-file={out}']
        measure(build, 'strandcast', f'{work} {publishes}', wrapper=wrapper)
        report = subprocess.run(['callgrind_annotate', '--threshold=100', out], capture_output=True, text=True,
                                check=True).stdout
    functions = collections.Counter()
    for line in report.splitlines():
        found = re.match(r'\s*([\d,]+)(?: \([^)]*\))?\s+\S+?:(.+?)(?: \[[^\]]*\])?$', line)  # file:function [object]
        if found:
            functions[found.group(2)] += int(found.group(1).replace(',', ''))
    return functions


def byCallgrind(build, work, top):
    few, many = 64, 256
    functions = counted(build, work, many)
    functions.subtract(counted(build, work, few))
    # The load's warm-up is a tenth of it, and a window at least.
    total = sum(functions.values())
    print(f'by function, of the {total / (many - few):,.0f} instructions that a publish takes in the server itself:')
    for name, count in functions.most_common(top):
        print(f'{count / total * 100:6.1f}%  {name}')


def main():
    options = arguments()
    if not options.callgrind and canSample():
        byPerf(options.build, options.work, options.top)
    elif shutil.which('valgrind'):
        byCallgrind(options.build, options.work, options.top)
    else:
        sys.exit('profile.py: neither linux-perf nor valgrind is there')


if __name__ == '__main__':
    main()
