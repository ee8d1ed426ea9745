#!/usr/bin/env python3
"""`strandcast pub` and `sub` through an HTTP proxy that tunnels, to a server of TLS: the certificate is the server's, and
the proxy sees nothing of what is said.

    proxy.py STRANDCAST

Where the openssl command is missing this says so and exits with 77, which Meson counts as skipped.
"""
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

from run import TOKEN, Server, skip

SECONDS = 30


class Proxy:
    """Tunnels wherever it is asked to, and notes what it saw."""

    def __init__(self):
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.url = f'http://me:word@127.0.0.1:{self.listener.getsockname()[1]}'
        self.heads, self.seen, self.strands = [], b'', []
        self.accepting = threading.Thread(target=self.accept)
        self.accepting.start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            strand = threading.Thread(target=self.tunnel, args=(client,))
            strand.start()
            self.strands.append(strand)

    def tunnel(self, client):
        head = b''
        while b'\r\n\r\n' not in head:
            head += client.recv(1)
        self.heads.append(head.decode())
        host, port = head.split(b' ')[1].decode().rsplit(':', 1)
        server = socket.create_connection((host, int(port)), SECONDS)
        client.sendall(b'HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n')
        back = threading.Thread(target=self.pass_on, args=(server, client))
        back.start()
        self.pass_on(client, server)
        back.join()
        client.close()
        server.close()

    def pass_on(self, one, other):
        try:
            while data := one.recv(65536):
                self.seen += data
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def end(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.accepting.join()
        for strand in self.strands:
            strand.join()


def make_certificate(folder):
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
                    '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', folder / 'key.pem',
                    '-out', folder / 'certificate.pem'], check=True, capture_output=True)


def run(strandcast, folder, is_secure):
    tls = ['--tls-cert', folder / 'certificate.pem', '--tls-key', folder / 'key.pem'] if is_secure else []
    server, proxy = Server(strandcast, '--token', TOKEN, *tls), Proxy()
    try:
        url = server.url.replace('127.0.0.1', 'localhost')
        how = [*(['--ca', folder / 'certificate.pem'] if is_secure else []), '--token', TOKEN, '--proxy', proxy.url]
        watcher = subprocess.Popen([strandcast, 'sub', url, 'through.#', *how], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True)
        assert watcher.stderr.readline() == 'strandcast: subscribed\n'
        said = subprocess.run([strandcast, 'pub', url, 'through.a', '"the secret of the tunnel"', *how], timeout=SECONDS)
        assert said.returncode == 0, said
        line = watcher.stdout.readline()
        assert 'the secret of the tunnel' in line, line
        watcher.terminate()
        assert watcher.wait(SECONDS) == 0
    finally:
        proxy.end()
        ended = server.end()
    assert ended == 0
    port = server.url.rsplit(':', 1)[1]
    assert len(proxy.heads) == 2 and all(head.startswith(f'CONNECT localhost:{port} HTTP/1.1\r\n') for head in proxy.heads)
    assert all('Proxy-Authorization: Basic bWU6d29yZA==\r\n' in head for head in proxy.heads), proxy.heads
    # The name stands in what opens TLS, and the answers and events in nothing that is readable.
    assert (b'version-negotiation' in proxy.seen) != is_secure


def main():
    if not shutil.which('openssl'):
        skip('the openssl command is not installed')
    with tempfile.TemporaryDirectory() as folder:
        make_certificate(pathlib.Path(folder))
        for is_secure in (False, True):
            run(sys.argv[1], pathlib.Path(folder), is_secure)
    print('2 passed, 0 failed')


if __name__ == '__main__':
    main()
