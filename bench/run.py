"""Runs the network benchmarks: strandcast and the floor in turn, the server pinned to one core and the load to another,
and prints what the server's CPU clock says, as ratios with their ranges. A run in which a subscriber misses an event,
or gets one twice or out of order, fails.

    run.py BUILD [--rounds N] [--only NAME,...] [--out FILE.json] [--compare FILE.json] [--plot FILE.svg]
"""
import argparse
import json
import os
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import time

CORES = sorted(os.sched_getaffinity(0))
SERVE = ['serve', '--port', '0', '--rate-limit', 'off', '--max-connections', '20000']


class Row:
    """One workload: what it costs beside what, and what it is to cost at most."""

    def __init__(self, name, work, beside, goal, beside_work=None, options=(), load=(), field='cpu', unit='µs'):
        self.name, self.work, self.beside, self.goal = name, work.split(), beside, goal
        self.beside_work = (beside_work or work).split()
        self.options, self.load, self.field, self.unit = list(options), list(load), field, unit


FIRST = 'fanout 1000 16 128 3000'
ROWS = [
    Row('1000 subscribers, 16 in flight, 128 B', FIRST, 'coalesced', 1.10),
    Row('1000 subscribers, 16 in flight, 1 KiB', 'fanout 1000 16 1024 2000', 'coalesced', 1.10),
    Row('1000 subscribers, 1 in flight, 128 B', 'fanout 1000 1 128 400', 'each', 1.10),
    Row('100 subscribers, 16 in flight, 128 B', 'fanout 100 16 128 20000', 'coalesced', 1.10),
    Row('10000 subscribers, 4 in flight, 128 B', 'fanout 10000 4 128 60', 'coalesced', 1.10),
    Row('pattern agent.*.status, 1000 subscribers', 'pattern 1000 16 128 3000', 'coalesced', 1.10, FIRST),
    Row('1000 topics, each subscriber on 10', 'topics 1000 1000 10 16 20000', 'coalesced', 1.10),
    Row('request and ack, 64 connections', 'requests 64 60000', 'coalesced', 1.10),
    Row('latency of the last delivery, median', 'fanout 1000 1 128 400', 'each', 1.10, field='median'),
    Row('latency of the last delivery, p99', 'fanout 1000 1 128 400', 'each', 1.10, field='p99'),
    Row('connect, auth, subscribe beside an upgrade', 'connects 2000', 'each', 2.0, 'upgrades 2000',
        ['--token', 'secret'], ['--token', 'secret']),
    Row('two shards beside one', FIRST, 'strandcast', 1.15, options=['--shards', '2']),
    Row('compressed beside plain, 1 KiB', 'fanout 1000 16 1024 1000', 'strandcast', None, options=['--deflate'],
        load=['--compressed']),
]
ABSOLUTE = [
    ('resident bytes per idle client', 'idle 9800', ['--token', 'secret'], 'bytes', 1024, 'B'),
    ('share of a core, 18000 held, 180 publish each second', 'hold 18000 5', [], 'share', 0.05, ''),
]


def pinned(core):
    return lambda: os.sched_setaffinity(0, {CORES[core % len(CORES)]})


class Server:
    """A server of either kind, pinned to the first core (a pool to none)."""

    def __init__(self, build, kind, options=()):
        command = [str(build / 'strandcast'), *SERVE, *options] if kind == 'strandcast' else \
            [str(build / 'bench' / 'floor'), '0', kind]
        before = time.perf_counter()
        pin = None if '--shards' in options else pinned(0)
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=pin)
        self.port = re.search(r'(\d+)\s*$', self.process.stdout.readline()).group(1)
        self.start = time.perf_counter() - before

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.terminate()
        self.process.wait()


def measure(build, kind, work, options=(), load=()):
    with Server(build, kind, options) as server:
        command = [str(build / 'bench' / 'load'), server.port, str(server.process.pid), *load, *work]
        ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, preexec_fn=pinned(1))
        if ended.returncode != 0:
            sys.exit(f'bench: {" ".join(work)} against {kind} failed: see above')
        return json.loads(ended.stdout)


def progress(text):
    if sys.stderr.isatty():
        print(f'\r\033[K{text}', end='', file=sys.stderr, flush=True)


def summary(values):
    return {'median': statistics.median(values), 'least': min(values), 'most': max(values)}


def run_row(build, row, rounds):
    ours, beside = [], []
    for number in range(rounds):
        progress(f'{row.name}: round {number + 1} of {rounds}')
        beside.append(measure(build, row.beside, row.beside_work)[row.field])
        ours.append(measure(build, 'strandcast', row.work, row.options, row.load)[row.field])
    progress('')
    return {'ours': summary(ours), 'beside': summary(beside), 'ratio': summary([o / b for o, b in zip(ours, beside)]),
            'goal': row.goal, 'unit': row.unit}


def verdict(value, goal):
    return '' if goal is None else 'reached' if value <= goal else 'missed'


def change(before, name, value):
    if not before or name not in before:
        return ''
    old = before[name]['ratio']['median'] if 'ratio' in before[name] else before[name]['value']['median']
    return f'{(value / old - 1) * 100:+.0f}%'


def print_row(name, values, before):
    ratio = values['ratio']
    print(f'{name:46} {values["ours"]["median"]:9.3f} {values["beside"]["median"]:9.3f} {values["unit"]:3}'
          f' {ratio["median"]:6.2f} ({ratio["least"]:.2f} to {ratio["most"]:.2f})'
          f' {values["goal"] or "":>5} {verdict(ratio["median"], values["goal"]):8}'
          f' {change(before, name, ratio["median"])}', flush=True)


def run_absolute(build, rounds, results, before):
    def put(name, values, goal, unit):
        middle = summary(values)
        results[name] = {'value': middle, 'goal': goal, 'unit': unit}
        print(f'{name:56} {middle["median"]:9.3f} ({middle["least"]:.3f} to {middle["most"]:.3f}) {unit:2}'
              f' {goal:>5} {verdict(middle["median"], goal):8} {change(before, name, middle["median"])}', flush=True)
    for name, work, options, field, goal, unit in ABSOLUTE:
        progress(name)
        load = options if '--token' in options else []
        values = [measure(build, 'strandcast', work.split(), options, load)[field] for _ in range(min(rounds, 3))]
        progress('')
        put(name, values, goal, unit)
    starts = []
    for _ in range(rounds * 4):
        with Server(build, 'strandcast') as server:
            starts.append(server.start * 1000)
    put('cold start to listening', starts, 10, 'ms')


def plot(build, path):
    """Cost per delivery against subscribers, as a picture."""
    counts = [10, 30, 100, 300, 1000, 3000]
    lines = {}
    for kind in ('each', 'coalesced', 'strandcast'):
        lines[kind] = []
        for count in counts:
            progress(f'plot: {kind}, {count} subscribers')
            work = f'fanout {count} 16 128 {max(100, 600_000 // count)}'.split()
            lines[kind].append(statistics.median(measure(build, kind, work)['cpu'] for _ in range(3)))
    progress('')
    width, height, left, top = 640, 360, 60, 30
    highest = max(map(max, lines.values()))

    def place(index, value):
        return left + index * (width - left - 30) / (len(counts) - 1), height - 40 - value / highest * (height - 40 - top)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" '
             f'font-size="12"><rect width="100%" height="100%" fill="white"/>'
             f'<text x="{left}" y="18">server CPU per delivery (µs) against subscribers; 16 publishes in flight, 128 B</text>']
    for step in range(5):
        value = highest * step / 4
        _, y = place(0, value)
        parts.append(f'<line x1="{left}" x2="{width - 30}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
                     f'<text x="8" y="{y + 4:.1f}">{value:.2f}</text>')
    for index, count in enumerate(counts):
        parts.append(f'<text x="{place(index, 0)[0] - 10:.1f}" y="{height - 20}">{count}</text>')
    for (kind, values), color in zip(lines.items(), ('#999', '#2a7', '#c33')):
        points = ' '.join(f'{x:.1f},{y:.1f}' for x, y in (place(*pair) for pair in enumerate(values)))
        x, y = place(len(values) - 1, values[-1])
        label = kind if kind == 'strandcast' else f'floor, {kind}'
        lift = 14 if kind == 'coalesced' else -8
        parts.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"/>'
                     f'<text x="{x - 90:.1f}" y="{y + lift:.1f}" fill="{color}">{label}</text>')
    pathlib.Path(path).write_text('\n'.join(parts) + '</svg>\n')
    print(f'plot: {path}')


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument('build', type=pathlib.Path)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--only', default='', help='parts of names, with commas between')
    parser.add_argument('--out', type=pathlib.Path)
    parser.add_argument('--compare', type=pathlib.Path)
    parser.add_argument('--plot', type=pathlib.Path)
    return parser.parse_args()


def main():
    options = arguments()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    wanted = [part for part in options.only.split(',') if part]
    before = json.loads(options.compare.read_text()) if options.compare else None
    if len(CORES) < 2:
        print('bench: one core only: server and load share it, and the ratios say less')
    results = {}
    print(f'{"workload":46} {"strandcast":>9} {"beside":>8}      ratio (range)         goal', flush=True)
    for row in ROWS:
        if wanted and not any(part in row.name for part in wanted):
            continue
        results[row.name] = run_row(options.build, row, options.rounds)
        print_row(row.name, results[row.name], before)
    if not wanted:
        run_absolute(options.build, options.rounds, results, before)
    if options.plot:
        plot(options.build, options.plot)
    if options.out:
        options.out.write_text(json.dumps(results, indent=1) + '\n')
        print(f'figures: {options.out}')


if __name__ == '__main__':
    main()
