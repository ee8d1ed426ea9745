#!/usr/bin/env python3
"""Starts `strandcast serve` on a free port and lets a client that nobody here wrote talk to it.

    run.py STRANDCAST CLIENT [deflate]

With `deflate` both compress what they send. CLIENT is ws_client.mjs (the ws package of npm) or websockets_client.py. Where its package is missing this says so and
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


def make_certificate(folder):
    """The files of a certificate for this machine, which vouches for itself, and of its key."""
    if not shutil.which("openssl"):
        skip("openssl is not installed")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=strandcast test", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
                    "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return str(certificate), str(key)


class Server:
    """`strandcast serve` on a free port; asked to end it has to end well."""

    def __init__(self, strandcast, *arguments):
        self.process = subprocess.Popen([strandcast, "serve", "--port", "0", *arguments], stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().split()[-1]

    def end(self):
        self.process.terminate()
        code = self.process.wait(timeout=30)
        if code != 0:
            print(f"strandcast serve ended with {code}")
        return code


def main():
    strandcast, client, deflate = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:4]
    options = ["--deflate"] if deflate else []
    peer = command(client)
    servers = [Server(strandcast, "--token", TOKEN, "--rate-limit", "off", "--max-message", "65536", *options),
               Server(strandcast, "--rate-limit", "5/3600", *options),
               Server(strandcast, *options)]
    try:
        # From version 15 on websockets goes through the proxy of the environment.
        direct = {**os.environ, "no_proxy": "127.0.0.1"}
        arguments = [servers[0].url, TOKEN, servers[1].url, servers[2].url, str(servers[2].process.pid), *deflate]
        code = subprocess.run([*peer, *arguments], timeout=120, env=direct).returncode
    finally:
        ended = [server.end() for server in servers]
    return code or max(ended)


if __name__ == "__main__":
    sys.exit(main())
