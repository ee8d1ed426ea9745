"""Starts what is measured, pinned to the first core, and what measures it, pinned to the second."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

CORES = sorted(os.sched_getaffinity(0))
SERVE = ['serve', '--port', '0', '--rate-limit', 'off', '--max-connections', '20000']
CORE, OTHER_CORE = CORES[0], CORES[1 % len(CORES)]


def pinned(core):
    return lambda: os.sched_setaffinity(0, {core})


class Server:
    """`strandcast serve`, or the floor of a kind. A pool of shards is pinned to no core."""

    def __init__(self, build, kind, options=(), wrapper=()):
        command = [str(build / 'strandcast'), *SERVE, *options] if kind == 'strandcast' else \
            [str(build / 'bench' / 'floor'), '0', kind]
        before = time.perf_counter()
        pin = None if '--shards' in options else pinned(CORE)
        self.process = subprocess.Popen([*wrapper, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        preexec_fn=pin)
        self.port = re.search(r'(\d+)\s*$', self.process.stdout.readline()).group(1)
        self.start = time.perf_counter() - before

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.terminate()
        self.process.wait()


def run(command, core=None):
    """What a program of the benchmark prints, which is JSON; where it fails, so does all."""
    ended = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True,
                           preexec_fn=None if core is None else pinned(core))
    if ended.returncode != 0:
        sys.exit(f'bench: {" ".join(map(str, command))} failed: see above')
    return json.loads(ended.stdout)


def load(build, server, work, options=()):
    return run([build / 'bench' / 'load', server.port, server.process.pid, *options, *work.split()], OTHER_CORE)


def measure(build, kind, work, options=(), load_options=(), wrapper=()):
    with Server(build, kind, options, wrapper) as server:
        return load(build, server, work, load_options)


class Certificate:
    """One for loopback, for as long as this runs."""
    folder = None

    @classmethod
    def options(cls):
        if not cls.folder:
            cls.folder = tempfile.TemporaryDirectory()
            path = pathlib.Path(cls.folder.name)
            subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                            '-days', '2', '-subj', '/CN=localhost', '-keyout', path / 'key.pem', '-out', path / 'cert.pem'],
                           check=True, capture_output=True)
        path = pathlib.Path(cls.folder.name)
        return ['--tls-cert', str(path / 'cert.pem'), '--tls-key', str(path / 'key.pem')]
