"""The rows of the table: what each measures, beside what, and what it is to cost at most."""
import dataclasses
import functools
import os
import typing

import servers
from servers import Certificate, Server, load, measure

SECURE = ['--tls']
TOKEN = ['--token', 'secret']


@dataclasses.dataclass
class Row:
    name: str
    unit: str = 'µs'
    goal: typing.Optional[float] = None
    of: str = 'ratio'  # what the goal bounds: 'ratio', or the 'value' itself


@dataclasses.dataclass
class Work:
    """Something that is run in rounds: for each of its rows it gives pairs of a value and what that stands beside, or
    None."""
    rows: list
    run: typing.Callable  # with the build folder
    rounds: typing.Optional[int] = None  # in place of those that are asked for


def beside(name, work, kind, goal, other_work=None, options=(), load_options=(), other_options=(), other_load=()):
    """The server's CPU for each delivery, and that of the floor, or of itself without the options."""
    def sample(build):
        other = measure(build, kind, other_work or work, other_options, other_load)['cpu']
        given = options() if callable(options) else options
        return [[(measure(build, 'strandcast', work, given, load_options)['cpu'], other)]]
    return Work([Row(name, goal=goal)], sample)


def latency(build):
    with Server(build, 'strandcast') as ours, Server(build, 'each') as floor:
        found = load(build, ours, f'latency {floor.port} 1000 128 400')
    return [[(found['median'], found['besideMedian'])], [(found['p99'], found['besideP99'])]]


def absolute(name, work, field, unit, goal, options=(), load_options=(), rounds=None):
    def sample(build):
        given = options() if callable(options) else options
        return [[(measure(build, 'strandcast', work, given, load_options)[field], None)]]
    return Work([Row(name, unit, goal, 'value')], sample, rounds)


def cold_start(build):
    with Server(build, 'strandcast') as server:
        return [[(server.start * 1000, None)]]


def crossing(batches, build):
    return [[(servers.run([build / 'bench' / 'crossing', batches, 100_000])['cpu'], None)]]


def received(kinds, window, events, build):
    def sample(kind):
        return servers.run([build / 'bench' / 'client', 'events', kind, window, 128, events, servers.OTHER_CORE],
                           servers.CORE)['cpu']
    raw = sample('raw')
    return [[(sample(kind), raw)] for kind in kinds]


def published(build):
    def sample(kind):
        # The server has the load's core: what is measured here is the client.
        with Server(build, 'strandcast') as server:
            os.sched_setaffinity(server.process.pid, {servers.OTHER_CORE})
            return servers.run([build / 'bench' / 'client', 'publishes', kind, server.port, 64, 128, 250_000],
                               servers.CORE)['cpu']
    raw = sample('raw')
    return [[(sample('strandcast'), raw)]]


FIRST = 'fanout 1000 16 128 2000'
LARGE = 'fanout 1000 16 1024 1200'

NETWORK = [
    beside('1000 subscribers, 16 in flight, 128 B', FIRST, 'coalesced', 1.10),
    beside('1000 subscribers, 16 in flight, 1 KiB', LARGE, 'coalesced', 1.10),
    beside('1000 subscribers, 1 in flight, 128 B', 'fanout 1000 1 128 200', 'each', 1.10),
    beside('100 subscribers, 16 in flight, 128 B', 'fanout 100 16 128 15000', 'coalesced', 1.10),
    beside('10000 subscribers, 4 in flight, 128 B', 'fanout 10000 4 128 50', 'coalesced', 1.10),
    beside('pattern agent.*.status, 1000 subscribers', FIRST.replace('fanout', 'pattern'), 'coalesced', 1.10, FIRST),
    beside('1000 topics, each subscriber on 10', 'topics 1000 1000 10 16 15000', 'coalesced', 1.10),
    beside('request and ack, 64 connections', 'requests 64 300000', 'coalesced', 1.10),
    # Of 400 publishes the fifth worst: it takes more rounds to settle.
    Work([Row('latency of the last delivery, median', goal=1.10), Row('latency of the last delivery, p99', goal=1.10)],
         latency, 11),
    beside('connect, auth, subscribe beside an upgrade', 'connects 2000', 'each', 2.0, 'upgrades 2000', TOKEN, TOKEN),
    beside('two shards beside one', FIRST, 'strandcast', 1.15, options=['--shards', '2']),
    Work([Row('posting a batch to a shard that sleeps')], functools.partial(crossing, 1)),
    Work([Row('posting a batch to a shard that is busy')], functools.partial(crossing, 64)),
    beside('TLS beside plain, 128 B', FIRST, 'strandcast', None, options=Certificate.options, load_options=SECURE),
    beside('TLS beside plain, 1 in flight', 'fanout 1000 1 128 200', 'strandcast', None, options=Certificate.options,
           load_options=SECURE),
    beside('compressed beside plain, 1 KiB', LARGE, 'strandcast', None, options=['--deflate'],
           load_options=['--compressed']),
]

CLIENT = [
    Work([Row('client: an event, 16 at a time', goal=1.5), Row('the same, what is there taken by tryNext()', goal=1.5)],
         functools.partial(received, ['strandcast', 'taking'], 16, 1_000_000)),
    Work([Row('client: an event, one at a time', goal=1.5)], functools.partial(received, ['strandcast'], 1, 100_000)),
    Work([Row('client: an acked publish, 64 in flight')], published, 4),
]

ABSOLUTE = [
    absolute('resident bytes per idle client', 'idle 10000 2', 'bytes', 'B', 1024, TOKEN, TOKEN, 2),
    absolute('the same with permessage-deflate', 'idle 10000 2', 'bytes', 'B', None, TOKEN + ['--deflate'],
             TOKEN + ['--compressed'], 1),
    absolute('the same with TLS', 'idle 2000 1', 'bytes', 'B', None, lambda: TOKEN + Certificate.options(),
             TOKEN + SECURE, 1),
    absolute('share of a core, 18000 held, 180 publish a second', 'hold 18000 4', 'share', '', 0.05, rounds=2),
    Work([Row('cold start to listening', 'ms', 10, 'value')], cold_start, 20),
]


# --- Google Benchmark -----------------------------------------------------------------------------------------------

UNITS = {'ns': 1, 'us': 1e3, 'ms': 1e6, 's': 1e9}


def nanoseconds(one):
    return one['cpu_time'] * UNITS[one['time_unit']]


def counter(name, factor=1):
    return lambda one: one[name] * factor


@dataclasses.dataclass
class Micro:
    """A row of a program of Google Benchmark's: one of its benchmarks, another that it stands beside, and which figure
    of them it is."""
    row: Row
    name: str
    beside: typing.Optional[str] = None
    figure: typing.Callable = nanoseconds


def google(program, micros):
    def sample(build):
        found = {}
        command = [build / 'bench' / program, '--benchmark_format=json', '--benchmark_repetitions=5',
                   '--benchmark_min_time=0.05', '--benchmark_enable_random_interleaving=true']
        for one in servers.run(command, servers.CORE)['benchmarks']:
            if one['run_type'] == 'iteration':
                found.setdefault(one['run_name'], []).append(one)
        return [[(micro.figure(one), micro.figure(other) if other else None) for one, other in
                 zip(found[micro.name], found[micro.beside] if micro.beside else [None] * len(found[micro.name]))]
                for micro in micros]
    return Work([micro.row for micro in micros], sample, 1)


rate = counter('bytes_per_second', 1e-9)
per_change = counter('perChange', 1e9)
TOPICS = google('topic_match', [
    Micro(Row('match, cached, 1 000 000 subscriptions', 'ns', 100, 'value'), 'matchCached/1000000'),
    Micro(Row('match, ten found, beside a look-up per segment', 'ns', 1000, 'value'), 'matchUncached/1000000',
          'lookUpSegments/1000000'),
    Micro(Row('match, beside a scan of all', 'ns'), 'matchUncached/1000000', 'scanAll/1000000'),
    Micro(Row('match, looked ahead for, 1 000 000 beside 1000', 'ns', 3), 'matchAhead/1000000', 'matchAhead/1000'),
    Micro(Row('match, at once, 1 000 000 beside 1000', 'ns', 3), 'matchUncached/1000000', 'matchUncached/1000'),
    Micro(Row('a look-up per segment, 1 000 000 beside 1000', 'ns'), 'lookUpSegments/1000000', 'lookUpSegments/1000'),
    Micro(Row('a subscribe or an unsubscribe', 'ns', 2000, 'value'), 'unsubscribeAndSubscribe/1000000', None, per_change),
    Micro(Row('the same, one of a list, 1 000 000 beside 1000', 'ns', 3), 'unsubscribeAndSubscribeLists/1000000',
          'unsubscribeAndSubscribeLists/1000', per_change),
    Micro(Row('the same, alone, 1 000 000 beside 1000', 'ns', 3), 'unsubscribeAndSubscribe/1000000',
          'unsubscribeAndSubscribe/1000', per_change),
    Micro(Row('bytes per subscription', 'B', 100, 'value'), 'subscribeAll/shared/1000000', None, counter('bytes')),
    Micro(Row('bytes per subscription that shares nothing', 'B', 100, 'value'), 'subscribeAll/lone/1000000', None,
          counter('bytes')),
])
CODEC = google('codec', [
    Micro(Row('unmask 64 KiB, beside memcpy', 'ns', 1.25), 'unmask/65536', 'copy/65536'),
    Micro(Row('unmask 128 B, beside memcpy', 'ns'), 'unmask/128', 'copy/128'),
    Micro(Row('split a read of 16 messages, each', 'ns'), 'splitFrames/16', None, counter('perMessage', 1e9)),
    Micro(Row('read an envelope, beside Boost.JSON\'s parse', 'ns'), 'readEnvelope', 'parseWithBoostJson'),
    Micro(Row('write an event', 'ns'), 'writeEvent'),
    Micro(Row('check UTF-8, ASCII', 'GB/s'), 'checkUtf8/ascii/65536', None, rate),
    Micro(Row('check UTF-8, German', 'GB/s'), 'checkUtf8/german/65536', None, rate),
    Micro(Row('check UTF-8, Japanese', 'GB/s'), 'checkUtf8/japanese/65536', None, rate),
])

ALL = [*NETWORK, *CLIENT, *ABSOLUTE, TOPICS, CODEC]
