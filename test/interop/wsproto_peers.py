#!/usr/bin/env python3
"""wsproto, which does no I/O and so shows each frame, as a client of ours and as a server for our command.

    wsproto_peers.py STRANDCAST

Each case plain, compressed, over TLS, and both. Where its package is missing this says so and exits with 77, which
Meson counts as skipped.
"""
import json
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import traceback

from run import SKIPPED, TOKEN, Server, make_certificate

try:
    import wsproto
except ImportError:
    if 'STRANDCAST_DEBIAN_PYTHON' not in os.environ and os.path.exists('/usr/bin/python3'):
        # Debian's package belongs to Debian's python.
        os.environ['STRANDCAST_DEBIAN_PYTHON'] = '1'
        os.execv('/usr/bin/python3', ['/usr/bin/python3', *sys.argv])
    print('skipped: python3-wsproto is not installed')
    sys.exit(SKIPPED)

from wsproto.events import (AcceptConnection, BytesMessage, CloseConnection, Ping, Pong, Request, TextMessage)
from wsproto.extensions import PerMessageDeflate

SECONDS = 30


class Peer:
    """One side of a connection: wsproto, and the socket that it knows nothing of."""

    def __init__(self, stream, kind, deflate):
        self.stream, self.deflate = stream, deflate
        self.protocol = wsproto.WSConnection(kind)
        self.waiting, self.text, self.last_id = [], '', 0

    def send(self, event):
        self.stream.sendall(self.protocol.send(event))

    def event(self):
        while not self.waiting:
            data = self.stream.recv(65536)
            self.protocol.receive_data(data or None)
            self.waiting += self.protocol.events()
        return self.waiting.pop(0)

    def message(self):
        """The next whole message; Pings are answered."""
        while True:
            event = self.event()
            if isinstance(event, Ping):
                self.send(event.response())
            elif isinstance(event, TextMessage):
                self.text += event.data
                if event.message_finished:
                    text, self.text = self.text, ''
                    return json.loads(text)
            elif isinstance(event, CloseConnection):
                raise ConnectionError(f'closed: {event.code} {event.reason}')

    def say(self, kind, pieces=0, **fields):
        self.last_id += 1
        text = json.dumps({'id': f'w-{self.last_id}', 'type': kind, 'version': '1.0.0', 'timestamp': 1, **fields})
        if not pieces:
            self.send(TextMessage(data=text))
        for at in range(0, len(text) if pieces else 0, pieces or 1):
            self.send(TextMessage(data=text[at:at + pieces], message_finished=at + pieces >= len(text)))
            self.send(Ping(payload=b'between'))
        return f'w-{self.last_id}'

    def request(self, kind, **fields):
        sent = self.say(kind, **fields)
        answer = self.message()
        assert answer['type'] == 'ack' and answer['messageId'] == sent, answer


def connected(server, deflate, authority):
    port = int(server.url.rsplit(':', 1)[1])
    stream = socket.create_connection(('127.0.0.1', port), SECONDS)
    if authority:
        stream = ssl.create_default_context(cafile=authority).wrap_socket(stream, server_hostname='localhost')
    peer = Peer(stream, wsproto.ConnectionType.CLIENT, deflate)
    extensions = [PerMessageDeflate()] if deflate else []
    peer.send(Request(host=f'localhost:{port}', target='/', extensions=extensions))
    accepted = peer.event()
    assert isinstance(accepted, AcceptConnection), accepted
    assert bool(accepted.extensions) == deflate, accepted
    assert peer.message()['type'] == 'version-negotiation'
    peer.request('auth', token=TOKEN)
    return peer


def events_come_in_order(server, *how):
    listener, speaker = connected(server, *how), connected(server, *how)
    listener.request('subscribe', topics=['wsproto.*'])
    for number in range(50):
        speaker.request('publish', topic='wsproto.a', data={'number': number, 'text': 'é世\U0001f30d' * 200})
    for number in range(50):
        event = listener.message()
        assert event['sequenceNumber'] == number + 1 and event['data']['number'] == number, event
        assert event['data']['text'] == 'é世\U0001f30d' * 200, event


def pings_stand_between_fragments(server, *how):
    peer = connected(server, *how)
    sent = peer.say('ping', pieces=9)
    assert peer.message()['id'] == sent


def a_close_is_answered_with_its_code(server, *how):
    peer = connected(server, *how)
    peer.send(CloseConnection(code=4321, reason='enough'))
    while not isinstance(event := peer.event(), CloseConnection):
        pass
    assert event.code == 4321, event


def binary_is_refused(server, *how):
    peer = connected(server, *how)
    peer.send(BytesMessage(data=b'\x00\x01'))
    while not isinstance(event := peer.event(), CloseConnection):
        pass
    assert event.code == 1003, event


def serve_one(stream, deflate, published, closed):
    """A server of version 1.0.0 for one client that publishes."""
    peer = Peer(stream, wsproto.ConnectionType.SERVER, deflate)
    request = peer.event()
    peer.send(AcceptConnection(extensions=[PerMessageDeflate()] if deflate else []))
    peer.say('version-negotiation', supportedVersions=['1.0.0'])
    try:
        while True:
            message = peer.message()
            if message['type'] == 'publish':
                published.append(message['data'])
            peer.say('ack', messageId=message['id'], success=True, pieces=40)
    except ConnectionError as end:
        closed.append(str(end))
        peer.send(CloseConnection(code=1000))
        stream.close()  # the server's to do (RFC 6455, section 7.1.1), and waited for


def our_command_publishes_to_it(strandcast, authority, certificate, key):
    published, closed = [], []
    with socket.create_server(('127.0.0.1', 0)) as listener:
        listener.settimeout(SECONDS)
        port = listener.getsockname()[1]
        url = f'{"wss" if authority else "ws"}://localhost:{port}'
        command = [strandcast, 'pub', url, 'wsproto.b', '-', '--token', TOKEN, *(['--ca', authority] if authority else [])]
        program = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)
        stream, _ = listener.accept()
        stream.settimeout(SECONDS)
        if authority:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            stream = context.wrap_socket(stream, server_side=True)
        server = threading.Thread(target=serve_one, args=(stream, False, published, closed))
        server.start()
        program.communicate(''.join(f'{{"n":{number}}}\n' for number in range(20)), SECONDS)
        server.join()
    assert program.returncode == 0, program.returncode
    assert published == [{'n': number} for number in range(20)], published
    assert closed and closed[0].startswith('closed: 1000'), closed


def cases(strandcast, certificate, key):
    for tls in (False, True):
        for deflate in (False, True):
            options = ['--token', TOKEN, '--rate-limit', 'off', *(['--deflate'] if deflate else []),
                       *(['--tls-cert', certificate, '--tls-key', key] if tls else [])]
            how = (deflate, certificate if tls else None)
            for case in (events_come_in_order, pings_stand_between_fragments, a_close_is_answered_with_its_code,
                         binary_is_refused):
                def run(case=case, options=options, how=how):
                    server = Server(strandcast, *options)
                    try:
                        case(server, *how)
                    finally:
                        ended = server.end()
                    assert ended == 0
                yield f'{case.__name__}{" deflate" if deflate else ""}{" tls" if tls else ""}', run
        yield f'our_command_publishes_to_it{" tls" if tls else ""}', \
            lambda tls=tls: our_command_publishes_to_it(strandcast, certificate if tls else None, certificate, key)


def main():
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, run in cases(sys.argv[1], *make_certificate(pathlib.Path(folder))):
            try:
                run()
                passed += 1
            except Exception:  # one case's failure is not another's
                failed += 1
                print(f'FAILED: {name}')
                traceback.print_exc()
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
