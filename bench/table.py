"""Prints the rows, each when it is measured, and how they compare with an earlier run. On its own it writes a file of
results as a table for docs/performance.md:

    table.py RESULTS.json
"""
import json
import pathlib
import statistics
import sys
import time

WIDTH = 52


def summary(values):
    return {'median': statistics.median(values), 'least': min(values), 'most': max(values)}


def result(row, pairs):
    """What is written as JSON of a row: from pairs of a value and what it stands beside."""
    found = {'unit': row.unit, 'value': summary([value for value, _ in pairs])}
    if pairs[0][1] is not None:
        found['beside'] = summary([other for _, other in pairs])
        found['ratio'] = summary([value / other for value, other in pairs])
    if row.goal is not None:
        found |= {'goal': row.goal, 'of': row.of, 'reached': found[row.of]['median'] <= row.goal}
    return found


def short(number):
    """Three digits that count, or all in front of the point."""
    if number == 0 or abs(number) >= 100:
        return f'{number:.0f}'
    return f'{number:.3g}' if abs(number) < 0.1 else f'{number:.{2 if abs(number) < 10 else 1}f}'


def bound(found):
    """The goal: of a ratio a number alone, of a value with its unit."""
    if 'goal' not in found:
        return ''
    return f'{found["goal"]} {found["unit"]}'.rstrip() if found['of'] == 'value' else f'{found["goal"]}'


def spread(found):
    return f'{short(found["median"])} ({short(found["least"])} to {short(found["most"])})'


class Progress:
    """Which work is under way: a line that is written over on a terminal, else a line for each."""

    def __init__(self, works):
        self.works, self.done, self.begin = works, 0, time.monotonic()

    def work(self, name):
        self.done += 1
        if not sys.stderr.isatty():
            print(self._line(name), file=sys.stderr, flush=True)

    def round(self, name, number, rounds):
        if sys.stderr.isatty():
            print(f'\r\033[K{self._line(name)}, round {number} of {rounds}', end='', file=sys.stderr, flush=True)

    def clear(self):
        if sys.stderr.isatty():
            print('\r\033[K', end='', file=sys.stderr, flush=True)

    def minutes(self):
        passed = int(time.monotonic() - self.begin)
        return f'{passed // 60}:{passed % 60:02}'

    def _line(self, name):
        return f'[{self.minutes()}] {self.done} of {self.works}: {name}'


class Table:
    def __init__(self, before):
        self.before = before
        print(f'{"workload":{WIDTH}} {"value (range)":28} {"beside":>9} {"ratio (range)":24} {"goal":>8}', flush=True)

    def print(self, name, found):
        beside = short(found['beside']['median']) if 'beside' in found else ''
        ratio = spread(found['ratio']) if 'ratio' in found else ''
        verdict = {None: '', True: 'reached', False: 'MISSED'}[found.get('reached')]
        print(f'{name:{WIDTH}} {spread(found["value"]) + " " + found["unit"]:28} {beside:>9} {ratio:24} {bound(found):>8}'
              f' {verdict:8} {self._change(name, found)}'.rstrip(), flush=True)

    def _change(self, name, found):
        """Of the ratio, which a noisy machine leaves as it is; of the value where there is none."""
        if name not in self.before:
            return ''
        of = 'ratio' if 'ratio' in found and 'ratio' in self.before[name] else 'value'
        return f'{(found[of]["median"] / self.before[name][of]["median"] - 1) * 100:+.0f}%'


def print_sum(results):
    judged = [found['reached'] for found in results.values() if 'reached' in found]
    missed = [name for name, found in results.items() if found.get('reached') is False]
    print(f'{sum(judged)} of {len(judged)} goals reached' + (f'; missed: {"; ".join(missed)}' if missed else ''))


def markdown(results):
    """As docs/performance.md has it."""
    lines = ['| workload | value | beside | ratio (range) | goal | |', '|---|---|---|---|---|---|']
    for name, found in results.items():
        ratio = found.get('ratio')
        value = short(found['value']['median']) if ratio else spread(found['value'])
        beside = short(found['beside']['median']) if ratio else ''
        verdict = {None: '', True: 'reached', False: '**missed**'}[found.get('reached')]
        lines.append(f'| {name} | {value} {found["unit"]} | {beside} | {spread(ratio) if ratio else ""} |'
                     f' {bound(found)} | {verdict} |')
    return '\n'.join(lines)


if __name__ == '__main__':
    print(markdown(json.loads(pathlib.Path(sys.argv[1]).read_text())))
