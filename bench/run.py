"""Runs the benchmarks: strandcast beside its floor, in turn, the server pinned to one core and the load to another. What
counts is the CPU clock of who is measured, as a ratio with its range. A run in which a subscriber misses an event, or
gets one twice or out of order, fails.

    run.py BUILD [--rounds N] [--only NAME,...] [--out FILE.json] [--compare FILE.json] [--plot FILE.svg]
"""
import argparse
import json
import pathlib
import resource

import plot
import rows
import servers
import table


def arguments():
    parser = argparse.ArgumentParser(prog='./dev bench')
    parser.add_argument('build', type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument('--rounds', type=int, default=5, help='of each row that is measured in rounds')
    parser.add_argument('--only', default='', help='rows whose names hold one of these, with commas between; no plot')
    parser.add_argument('--out', type=pathlib.Path, help='where the figures go, as JSON (BUILD/results.json)')
    parser.add_argument('--compare', type=pathlib.Path, help='such a file, to print the change against')
    parser.add_argument('--plot', type=pathlib.Path, help='where the plot goes, as SVG (BUILD/subscribers.svg)')
    return parser.parse_args()


def chosen(only):
    wanted = [part for part in only.split(',') if part]
    return [work for work in rows.ALL
            if not wanted or any(part in row.name for part in wanted for row in work.rows)]


def run_work(work, build, rounds, progress):
    name = work.rows[0].name
    progress.work(name)
    rounds = work.rounds or rounds
    pairs = [[] for _ in work.rows]
    for number in range(rounds):
        progress.round(name, number + 1, rounds)
        for kept, more in zip(pairs, work.run(build)):
            kept += more
    progress.clear()
    return {row.name: table.result(row, kept) for row, kept in zip(work.rows, pairs)}


def draw(build, path, progress):
    progress.work('plot')
    lines = plot.measured(lambda kind, work: servers.measure(build, kind, work), 1, progress)
    progress.clear()
    path.write_text(plot.drawn(lines))
    print(f'plot: {path}')


def main():
    options = arguments()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    if len(servers.CORES) < 2:
        print('bench: one core only: server and load share it, and the ratios say less')
    works = chosen(options.only)
    before = json.loads(options.compare.read_text()) if options.compare else {}
    isPlotted = options.plot or not options.only
    progress = table.Progress(len(works) + bool(isPlotted))
    printed = table.Table(before)
    results = {}
    for work in works:
        for name, found in run_work(work, options.build, options.rounds, progress).items():
            results[name] = found
            printed.print(name, found)
    table.print_sum(results)
    if isPlotted:
        draw(options.build, options.plot or options.build / 'subscribers.svg', progress)
    out = options.out or options.build / 'results.json'
    out.write_text(json.dumps(results, indent=1) + '\n')
    print(f'figures: {out}\n{progress.minutes()} minutes')


if __name__ == '__main__':
    main()
