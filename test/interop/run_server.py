#!/usr/bin/env python3
"""Starts a server that nobody here wrote, and lets our client and our command talk to it.

    run_server.py STRANDCAST PROGRAM SERVER [deflate]

With `deflate` PROGRAM and SERVER compress what they send. PROGRAM is foreign_server, SERVER is ws_server.mjs (the ws package of npm). Where a package is missing this says so and
exits with 77, which Meson counts as skipped.
"""
import json
import pathlib
import subprocess
import sys

from run import TOKEN, command

TIMEOUT = 60


def check(what, is_so, *shown):
    print(f"{'ok' if is_so else 'FAILED'}: {what}", *([] if is_so else shown))
    return is_so


def use_command(strandcast, url):
    """Whether `sub` and `pub` do with this server what they do with ours."""
    watcher = subprocess.Popen([strandcast, "sub", url, "cmd.#", "--json", "--token", TOKEN], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    ready = watcher.stderr.readline()
    said = subprocess.run([strandcast, "pub", url, "cmd.a", "-", "--token", TOKEN], input='{"n":1}\n2\n', text=True,
                          capture_output=True, timeout=TIMEOUT)
    lines = [watcher.stdout.readline() for _ in range(2)] if said.returncode == 0 else []
    watcher.terminate()
    ended = watcher.wait(TIMEOUT)
    refused = subprocess.run([strandcast, "pub", url, "cmd.*", "1", "--token", TOKEN], text=True, capture_output=True,
                             timeout=TIMEOUT)
    stranger = subprocess.run([strandcast, "pub", url, "cmd.a", "1", "--token", "wrong"], text=True, capture_output=True,
                              timeout=TIMEOUT)
    return all([
        check("sub subscribes", ready == "strandcast: subscribed\n", ready),
        check("pub is acked", said.returncode == 0, said),
        check("sub prints what came", [json.loads(line)["data"] for line in lines] == [{"n": 1}, 2], lines),
        check("and as it came", all('"x-server": "ws"' in line for line in lines), lines),
        check("sub ends in good order", ended == 0, ended),
        check("a refusal is told", refused.returncode == 1 and "PUBLISH_FAILED" in refused.stderr, refused),
        check("a wrong token is told", stranger.returncode == 1 and "Invalid credentials" in stranger.stderr, stranger),
    ])


def main():
    strandcast, program, server, deflate = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]), sys.argv[4:5]
    running = subprocess.Popen([*command(server), TOKEN, *deflate], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        url = running.stdout.readline().strip()
        used = use_command(strandcast, url)
        code = subprocess.run([program, url, TOKEN, *deflate], timeout=TIMEOUT).returncode
    finally:
        running.stdin.close()
        running.wait(TIMEOUT)
    return 0 if used and code == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
