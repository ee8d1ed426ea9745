#!/usr/bin/env python3
"""Starts `strandcast serve` on a free port and lets a client that nobody here wrote talk to it.

    run.py STRANDCAST CLIENT

CLIENT is ws_client.mjs (the ws package of npm) or websockets_client.py. Where its package is missing this says so and
exits with 77, which Meson counts as skipped.
"""
import os
import pathlib
import shutil
import subprocess
import sys

TOKEN = "interop"
SKIPPED = 77


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def python_with_websockets():
    for python in ["/usr/bin/python3", sys.executable]:  # Debian's package belongs to Debian's python
        if shutil.which(python) and subprocess.run([python, "-c", "import websockets"], capture_output=True).returncode == 0:
            return python
    skip("python3-websockets is not installed")


def command(client):
    if client.suffix == ".py":
        return [python_with_websockets(), client]
    if not shutil.which("node"):
        skip("node is not installed")
    if not (client.parent / "node_modules" / "ws").is_dir():
        skip("the ws package is not installed: npm ci in test/interop")
    return ["node", client]


def main():
    strandcast, client = sys.argv[1], pathlib.Path(sys.argv[2])
    peer = command(client)
    server = subprocess.Popen(
        [strandcast, "serve", "--port", "0", "--token", TOKEN, "--rate-limit", "off", "--max-message", "65536"],
        stdout=subprocess.PIPE, text=True)
    try:
        url = server.stdout.readline().split()[-1]
        # From version 15 on websockets goes through the proxy of the environment.
        direct = {**os.environ, "no_proxy": "127.0.0.1"}
        code = subprocess.run([*peer, url, TOKEN], timeout=120, env=direct).returncode
    finally:
        server.terminate()
        ended = server.wait(timeout=30)
    if ended != 0:
        print(f"strandcast serve ended with {ended}")
    return code or ended


if __name__ == "__main__":
    sys.exit(main())
