"""Drives ws-echo and ws-testee as a foreign suite does, over raw sockets: each case is what a peer sends and what it
must get back, after RFC 6455 and RFC 7692, and is run against the server and against the client.

    drive.py WS_ECHO WS_TESTEE
"""
import base64
import hashlib
import os
import random
import re
import socket
import struct
import subprocess
import sys
import threading
import urllib.parse
import zlib

TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 1, 2, 8, 9, 10, 0
SECONDS = 30
AGENT = 'drive.py & co/1.0'


class Peer:
    """The suite's side of one connection: a client of ws-echo, or a server for ws-testee. `deflate` holds the
    parameters of compression that were agreed on; None is without."""

    def __init__(self, stream, is_client, deflate):
        self.stream, self.is_client, self.deflate = stream, is_client, deflate
        self.buffer, self.compressed = b'', 0

    def context(self, side):
        """The window's bits and whether messages refer to those before, in what this side compresses."""
        return int(self.deflate.get(f'{side}_max_window_bits') or 15), f'{side}_no_context_takeover' not in self.deflate

    def deflated(self, messages):
        """The payloads of messages as this side may compress them, with all that was agreed on made use of."""
        bits, takeover = self.context('client' if self.is_client else 'server')
        squeeze = None
        for message in messages:
            if not squeeze or not takeover:
                # zlib has no window of 2^8; with 2^9 it refers back by less than that.
                squeeze = zlib.compressobj(9, zlib.DEFLATED, -max(bits, 9))
            yield (squeeze.compress(message) + squeeze.flush(zlib.Z_SYNC_FLUSH))[:-4]

    def frame(self, opcode, payload=b'', fin=True, rsv=0, masked=None):
        masked = self.is_client if masked is None else masked
        head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
        size, bit = len(payload), 0x80 if masked else 0
        if size < 126:
            head += bytes([bit | size])
        elif size < 65536:
            head += bytes([bit | 126]) + struct.pack('>H', size)
        else:
            head += bytes([bit | 127]) + struct.pack('>Q', size)
        if not masked:
            return head + payload
        mask = os.urandom(4)
        long = int.from_bytes(payload, 'big') ^ int.from_bytes((mask * (size // 4 + 1))[:size], 'big')
        return head + mask + long.to_bytes(size, 'big')

    def send(self, *data, chop=0):
        data = b''.join(data)
        try:
            if not chop:
                return self.stream.sendall(data)
            for at in range(0, len(data), chop):
                self.stream.sendall(data[at:at + chop])
        except OSError:
            pass  # who has failed the connection reads no more; what it said before counts

    def take(self, size):
        while len(self.buffer) < size:
            more = self.stream.recv(1 << 20)
            if not more:
                raise EOFError
            self.buffer += more
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    def read_frame(self):
        """(opcode, payload, fin, rsv), checked as far as each frame must be right."""
        first, second = self.take(2)
        size = second & 0x7F
        if size == 126:
            size, = struct.unpack('>H', self.take(2))
            assert size > 125, 'a length that is not the shortest'
        elif size == 127:
            size, = struct.unpack('>Q', self.take(8))
            assert size > 65535, 'a length that is not the shortest'
        assert bool(second & 0x80) != self.is_client, 'a client masks, and a server does not'
        mask = self.take(4) if second & 0x80 else b''
        payload = self.take(size)
        if mask:
            payload = (int.from_bytes(payload, 'big') ^
                       int.from_bytes((mask * (size // 4 + 1))[:size], 'big')).to_bytes(size, 'big')
        return first & 0x0F, payload, bool(first & 0x80), first >> 4 & 7

    def read_all(self):
        """Everything up to the end: messages, control frames, and the code of a Close."""
        got, message, kind, compressed = [], b'', None, False
        inflate = None
        try:
            while True:
                opcode, payload, fin, rsv = self.read_frame()
                if opcode == CLOSE:
                    code = struct.unpack('>H', payload[:2])[0] if payload else None
                    got.append(('close', code))
                    if not self.is_client:  # a server ends the connection first (RFC 6455, section 7.1.1)
                        self.stream.shutdown(socket.SHUT_WR)
                    continue
                if opcode in (PING, PONG):
                    assert fin and len(payload) < 126 and rsv == 0
                    got.append((opcode, payload))
                    continue
                if opcode != CONTINUATION:
                    kind, message, compressed = opcode, b'', rsv == 4
                message += payload
                if not fin:
                    continue
                if compressed:
                    assert self.deflate is not None, 'compressed, and nobody agreed to it'
                    bits, takeover = self.context('server' if self.is_client else 'client')
                    if not inflate or not takeover:
                        inflate = zlib.decompressobj(-bits)
                    self.compressed += 1
                    message = inflated(inflate, message + b'\x00\x00\xff\xff', bits)
                got.append((kind, message))
        except (EOFError, ConnectionError):
            return got


def deflated(payload, takeover=None, level=zlib.Z_DEFAULT_COMPRESSION, bits=15):
    squeeze = takeover or zlib.compressobj(level, zlib.DEFLATED, -bits)
    return (squeeze.compress(payload) + squeeze.flush(zlib.Z_SYNC_FLUSH))[:-4]


def inflated(inflate, data, bits):
    """Refuses what refers further back than the window: in small steps, since zlib lets pass what refers to no more
    than it has just given."""
    step = 64 if bits < 15 else 0
    parts = [inflate.decompress(data, step)]
    while inflate.unconsumed_tail:
        parts.append(inflate.decompress(inflate.unconsumed_tail, step))
    return b''.join(parts)


# --- the cases ----------------------------------------------------------------------------------------------------

CASES = []


def case(name, deflate=None):
    """`deflate`: the parameters that the suite's peer offers or accepts, '' for none of them."""
    def add(run):
        CASES.append((name, deflate, run))
        return run
    return add


def closing(code=1000, reason=b''):
    return struct.pack('>H', code) + reason


def expect(peer, expected):
    got = peer.read_all()
    assert got == expected, f'{str(expected)[:300]} was expected, and {str(got)[:300]} came'


def echoes(name, payload, opcode=TEXT, chop=0, pieces=0, count=1, deflate=None):
    def run(peer):
        data = peer.frame(opcode, payload)
        if pieces:
            parts = [payload[at:at + pieces] for at in range(0, len(payload), pieces)] or [b'']
            data = b''.join(peer.frame(opcode if at == 0 else CONTINUATION, part, fin=at == len(parts) - 1)
                            for at, part in enumerate(parts))
        sender = threading.Thread(target=peer.send, args=(data * count, peer.frame(CLOSE, closing())),
                                  kwargs={'chop': chop})
        sender.start()
        expect(peer, [(opcode, payload)] * count + [('close', 1000)])
        sender.join()
    case(name, deflate)(run)


for size in (0, 1, 125, 126, 127, 128, 65535, 65536, 65537):
    echoes(f'text of {size} bytes comes back (RFC 6455, 5.2)', b'*' * size)
    echoes(f'binary of {size} bytes comes back (5.2)', b'\xfe' * size, BINARY)
echoes('text that comes in pieces of 997 bytes (5.2)', b'*' * 65536, chop=997)
echoes('text that comes byte by byte (5.2)', 'Hellö €uro \U0001f600'.encode() * 20, chop=1)
echoes('a fragmented text (5.4)', b'0123456789' * 100, pieces=7)
echoes('a fragmented text cut inside of characters (5.4, 5.6)', 'κόσμε'.encode() * 50, pieces=1)
echoes('many messages (5.4)', b'0123456789abcdef', count=1000)
echoes('a text of 1 MiB (5.2)', b'x' * (1 << 20))
echoes('a binary of 16 MiB (5.2)', bytes(range(256)) * 65536, BINARY)
echoes('a binary of 4 MiB in 65536 fragments (5.4)', b'\xaa' * (4 << 20), BINARY, pieces=64)
echoes('a text of 16 MiB in 65536 fragments (5.4)', b'*' * (16 << 20), pieces=256)


@case('a Ping gets its Pong with the same payload (5.5.2)')
def _(peer):
    payloads = [b'', b'hello', bytes(range(125)), b'\x00\xff\xfe']
    peer.send(*(peer.frame(PING, one) for one in payloads), peer.frame(CLOSE, closing()))
    expect(peer, [(PONG, one) for one in payloads] + [('close', 1000)])


@case('a Pong that nobody asked for is passed over (5.5.3)')
def _(peer):
    peer.send(peer.frame(PONG), peer.frame(PONG, b'unasked'), peer.frame(PING, b'x'), peer.frame(CLOSE, closing()))
    expect(peer, [(PONG, b'x'), ('close', 1000)])


@case('control frames stand between fragments (5.4)')
def _(peer):
    peer.send(peer.frame(TEXT, b'frag', fin=False), peer.frame(PING, b'p'), peer.frame(PONG, b'q'),
              peer.frame(CONTINUATION, b'ment'), peer.frame(CLOSE, closing()))
    expect(peer, [(PONG, b'p'), (TEXT, b'fragment'), ('close', 1000)])


def fails(name, code, build, before=(), deflate=None):
    def run(peer):
        peer.send(build(peer))
        expect(peer, [*before, ('close', code)])
    case(name, deflate)(run)


fails('a Ping of 126 bytes fails (5.5)', 1002, lambda p: p.frame(PING, b'x' * 126))
fails('a fragmented Ping fails (5.5)', 1002, lambda p: p.frame(PING, b'x', fin=False))
fails('a fragmented Pong fails (5.5)', 1002, lambda p: p.frame(PONG, b'x', fin=False))
for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
    fails(f'the reserved opcode {opcode} fails (5.2)', 1002, lambda p, o=opcode: p.frame(o, b'x'))
for rsv in (1, 2, 3, 4, 5, 6, 7):
    fails(f'the reserved bits {rsv} fail (5.2)', 1002, lambda p, r=rsv: p.frame(TEXT, b'x', rsv=r))
    fails(f'the reserved bits {rsv} of a Ping fail (5.2)', 1002, lambda p, r=rsv: p.frame(PING, b'x', rsv=r))
fails('what comes before a failure comes back (5.2)', 1002,
      lambda p: p.frame(TEXT, b'first') + p.frame(TEXT, b'x', rsv=5), [(TEXT, b'first')])
fails('masking that the role forbids or lacks fails (5.1)', 1002,
      lambda p: p.frame(TEXT, b'x', masked=not p.is_client))
fails('a continuation of nothing fails (5.4)', 1002, lambda p: p.frame(CONTINUATION, b'x'))
fails('a last continuation of nothing fails (5.4)', 1002, lambda p: p.frame(CONTINUATION, b'x', fin=False))
fails('a new message inside of a fragmented one fails (5.4)', 1002,
      lambda p: p.frame(TEXT, b'a', fin=False) + p.frame(TEXT, b'b'))

BAD_UTF8 = [b'\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited', b'\xf4\x90\x80\x80', b'\xc0\x80',
            b'\xe0\x80\xaf', b'\xf8\x88\x80\x80\x80', b'\xff', b'\x80', b'\xed\xbf\xbf', b'\xf0\x80\x80\xaf']
for number, text in enumerate(BAD_UTF8):
    fails(f'text {number} that is not UTF-8 fails (8.1)', 1007, lambda p, t=text: p.frame(TEXT, t))
    fails(f'text {number} that is not UTF-8, byte by byte (8.1)', 1007,
          lambda p, t=text: b''.join([p.frame(TEXT, t[:1], fin=False)] +
                                     [p.frame(CONTINUATION, t[at:at + 1], fin=at == len(t) - 1)
                                      for at in range(1, len(t))] +
                                     ([p.frame(CONTINUATION)] if len(t) == 1 else [])))
fails('text that ends inside of a character fails (8.1)', 1007, lambda p: p.frame(TEXT, 'ö'.encode()[:1]))


@case('a frame fails at its first bad byte, before its end (8.1)')
def _(peer):
    whole = peer.frame(TEXT, b'ok' * 20 + b'\xff' + b'x' * 60)
    peer.send(whole[:-30])
    expect(peer, [('close', 1007)])


for text in ('\U0010ffff', '\ufffe', '\u0000', '\ud7ff\ue000', 'Hello-µ@ßöäüàá-UTF-8!!'):
    echoes(f'the text {text!a} is UTF-8 (8.1)', text.encode())

for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999):
    def _(peer, code=code):
        peer.send(peer.frame(CLOSE, closing(code, b'because')))
        expect(peer, [('close', code)])
    case(f'a Close with {code} gets it back (7.4)')(_)
for code in (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65535):
    fails(f'a Close with {code}, which none may send, fails (7.4)', 1002, lambda p, c=code: p.frame(CLOSE, closing(c)))
fails('a Close without a code gets one without (7.1.5)', None, lambda p: p.frame(CLOSE))
fails('a Close of one byte fails (5.5.1)', 1002, lambda p: p.frame(CLOSE, b'\x03'))
fails('a Close with a reason of 123 bytes (5.5.1)', 1000, lambda p: p.frame(CLOSE, closing(1000, b'r' * 123)))
fails('a Close of 126 bytes fails (5.5)', 1002, lambda p: p.frame(CLOSE, closing(1000, b'r' * 124)))
fails('a Close whose reason is not UTF-8 fails (7.1.6)', 1007, lambda p: p.frame(CLOSE, closing(1000, b'\xed\xa0\x80')))


@case('after a Close nothing is answered (5.5.1)')
def _(peer):
    peer.send(peer.frame(TEXT, b'before'), peer.frame(CLOSE, closing()), peer.frame(PING, b'late'),
              peer.frame(TEXT, b'late'))
    expect(peer, [(TEXT, b'before'), ('close', 1000)])


@case('a Close inside of a fragmented message ends it (5.4)')
def _(peer):
    peer.send(peer.frame(TEXT, b'never', fin=False), peer.frame(CLOSE, closing()))
    expect(peer, [('close', 1000)])


def far_and_near():
    """Messages that repeat themselves at distances around each size of window, and each other."""
    noise = bytes(random.Random(7).choices(b'abcdefghijklmnopqrstuvwxyz', k=33000))
    near = [noise[:distance] + noise[:distance] for distance in (200, 300, 600, 1100, 2100, 4200, 9000, 17000, 32500)]
    return [b'', b'x', b'{"json": "' + b'data ' * 300 + b'"}', *near, noise, noise]


NO_CONTEXTS = ['', 'server_no_context_takeover', 'client_no_context_takeover',
               'server_no_context_takeover; client_no_context_takeover']
WINDOWS = [*(f'{side}_max_window_bits={bits}' for side in ('server', 'client') for bits in range(8, 16)),
           'server_max_window_bits=15; client_max_window_bits=15', 'server_max_window_bits=8; client_max_window_bits=8']
PARAMETERS = [*NO_CONTEXTS, *WINDOWS, *('; '.join([NO_CONTEXTS[3], windows]) for windows in WINDOWS)]
for parameters in PARAMETERS:
    def _(peer):
        texts = far_and_near()
        sender = threading.Thread(target=peer.send, args=(
            *(peer.frame(TEXT, payload, rsv=4) for payload in peer.deflated(texts)), peer.frame(CLOSE, closing())))
        sender.start()
        expect(peer, [(TEXT, text) for text in texts] + [('close', 1000)])
        sender.join()
        assert peer.compressed, 'nothing of it came compressed'
    case(f'compressed messages come back, [{parameters}] (RFC 7692, 7)', parameters)(_)

    def _(peer):
        packed, again = peer.deflated([b'fragmented ' * 200, b'fragmented ' * 300])
        parts = [packed[at:at + 5] for at in range(0, len(packed), 5)]
        peer.send(*(peer.frame(TEXT if at == 0 else CONTINUATION, part, fin=at == len(parts) - 1, rsv=0 if at else 4)
                    for at, part in enumerate(parts)), peer.frame(TEXT, b'as it is'), peer.frame(BINARY, again, rsv=4),
                  peer.frame(CLOSE, closing()))
        expect(peer, [(TEXT, b'fragmented ' * 200), (TEXT, b'as it is'), (BINARY, b'fragmented ' * 300),
                      ('close', 1000)])
    case(f'a compressed message in fragments, [{parameters}] (RFC 7692, 6.1)', parameters)(_)


@case('a parameter of the client that has no value may be offered (RFC 7692, 7.1.2.2)', 'client_max_window_bits')
def _(peer):
    # As an answer, which a client gets here, it is none: the client is to fail, and says nothing.
    peer.send(peer.frame(TEXT, b'x'), peer.frame(CLOSE, closing()))
    expect(peer, [(TEXT, b'x'), ('close', 1000)] if peer.is_client else [])


@case('a compressed message of 16 MiB in 65536 fragments (RFC 7692, 6.1)', '')
def _(peer):
    noise = os.urandom(16 << 20)  # which gets no smaller, so that the fragments are as many
    packed = deflated(noise, level=1)
    size = len(packed) // 65536 + 1
    parts = [packed[at:at + size] for at in range(0, len(packed), size)]
    sender = threading.Thread(target=peer.send, args=(
        *(peer.frame(CONTINUATION if at else BINARY, part, fin=at == len(parts) - 1, rsv=0 if at else 4)
          for at, part in enumerate(parts)), peer.frame(CLOSE, closing())))
    sender.start()
    expect(peer, [(BINARY, noise), ('close', 1000)])
    sender.join()


fails('a continuation with RSV1 fails (RFC 7692, 6)', 1002,
      lambda p: p.frame(TEXT, deflated(b'abc'), fin=False, rsv=4) + p.frame(CONTINUATION, b'', rsv=4), deflate='')
fails('a compressed Ping fails (RFC 7692, 6)', 1002, lambda p: p.frame(PING, b'x', rsv=4), deflate='')
fails('what does not inflate fails (RFC 7692, 7.2.2)', 1007, lambda p: p.frame(TEXT, b'\xff\xff\xff\xff', rsv=4), deflate='')
fails('compressed text that is not UTF-8 fails (8.1)', 1007, lambda p: p.frame(TEXT, deflated(b'\xff'), rsv=4), deflate='')


# --- the two roles ------------------------------------------------------------------------------------------------

def read_head(stream):
    head = b''
    while b'\r\n\r\n' not in head:
        more = stream.recv(1)
        assert more, 'the connection ended in its handshake'
        head += more
    return head.decode()


def accept_of(key):
    return base64.b64encode(hashlib.sha1((key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').encode()).digest()).decode()


def agreed(head):
    """The parameters of permessage-deflate in a head or a list of them, or None."""
    named = re.search(r'(?im)^(?:sec-websocket-extensions: *)?permessage-deflate *(?:;(.*?))?\r?$', head)
    if not named:
        return None
    pairs = [one.strip().partition('=') for one in (named[1] or '').split(';') if one.strip()]
    assert len({name for name, _, _ in pairs}) == len(pairs), f'a parameter twice: {head}'
    return {name: value for name, _, value in pairs}


def extension(deflate):
    return 'Sec-WebSocket-Extensions: ' + '; '.join(filter(None, ['permessage-deflate', deflate])) + '\r\n'


def check_answer(offer, answer):
    """RFC 7692, section 7.1: what a server may answer to an offer."""
    assert 'server_no_context_takeover' in answer or 'server_no_context_takeover' not in offer, answer
    for side in ('server', 'client'):
        bits = answer.get(f'{side}_max_window_bits')
        if bits is not None:
            assert 8 <= int(bits) <= int(offer.get(f'{side}_max_window_bits') or 15), answer
    assert 'client_max_window_bits' in offer or 'client_max_window_bits' not in answer, answer
    assert 'server_max_window_bits' in answer or 'server_max_window_bits' not in offer, answer


def as_client(port, deflate, run):
    with socket.create_connection(('127.0.0.1', port), SECONDS) as stream:
        key = base64.b64encode(os.urandom(16)).decode()
        request = (f'GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
                   f'Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n')
        if deflate is not None:
            request += extension(deflate)
        stream.sendall((request + '\r\n').encode())
        head = read_head(stream)
        assert head.startswith('HTTP/1.1 101'), head
        assert f'Sec-WebSocket-Accept: {accept_of(key)}' in head, head
        answer = agreed(head)
        assert (answer is not None) == (deflate is not None), head
        if answer is not None:
            offer = agreed(extension(deflate))
            check_answer(offer, answer)
            # A client that says what it keeps to keeps to it, whatever the answer.
            own = {name: value for name, value in offer.items() if name.startswith('client_')}
            answer = {**own, **answer}
        run(Peer(stream, True, answer))


def serve_one(stream, target, deflate, run):
    head = read_head(stream)
    assert head.startswith(f'GET {target} HTTP/1.1\r\n'), head
    key = [line[19:].strip() for line in head.split('\r\n') if line.lower().startswith('sec-websocket-key:')][0]
    answer = ('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
              f'Sec-WebSocket-Accept: {accept_of(key)}\r\n')
    if deflate is not None:
        assert 'permessage-deflate' in head, 'the client offers no compression'
        answer += extension(deflate)
    stream.sendall((answer + '\r\n').encode())
    run(Peer(stream, False, None if deflate is None else agreed(extension(deflate))))


def drive_server(program):
    server = subprocess.Popen([program, '--port', '0', '--deflate'], stdout=subprocess.PIPE, text=True)
    try:
        port = int(server.stdout.readline().rsplit(':', 1)[1])
        for name, deflate, run in CASES:
            yield 'server', name, lambda d=deflate, r=run: as_client(port, d, r)
    finally:
        server.terminate()
        assert server.wait() == 0, 'ws-echo ended badly'


def drive_client(program):
    with socket.create_server(('127.0.0.1', 0)) as listener:
        listener.settimeout(SECONDS)
        client = subprocess.Popen([program, f'ws://127.0.0.1:{listener.getsockname()[1]}', AGENT],
                                  stdout=subprocess.DEVNULL)

        agent = urllib.parse.quote(AGENT)

        def answer(target, run, deflate=None):
            stream, _ = listener.accept()
            stream.settimeout(SECONDS)
            with stream:
                serve_one(stream, target, deflate, run)

        def count(peer):
            peer.send(peer.frame(TEXT, str(len(CASES)).encode()), peer.frame(CLOSE, closing()))
            peer.read_all()
        try:
            answer('/getCaseCount', count)
            for number, (name, deflate, run) in enumerate(CASES, 1):
                target = f'/runCase?case={number}&agent={agent}'
                yield 'client', name, lambda t=target, d=deflate, r=run: answer(t, r, d)
            answer(f'/updateReports?agent={agent}', lambda peer: (peer.send(peer.frame(CLOSE, closing())), peer.read_all()))
        finally:
            if client.poll() is None and sys.exc_info()[0]:
                client.kill()
            assert client.wait() == 0, 'ws-testee ended badly'


def main():
    failed = 0
    for drive, program in ((drive_server, sys.argv[1]), (drive_client, sys.argv[2])):
        for role, name, run in drive(program):
            try:
                run()
            except Exception as error:  # one case's failure is not another's
                failed += 1
                print(f'{role}: {name}: {type(error).__name__} {error}', flush=True)
    print(f'{2 * len(CASES) - failed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
