#!/usr/bin/env python3
"""curl as a client of `strandcast serve`: its command at the HTTP side doors, and libcurl's WebSocket.

    curl_client.py STRANDCAST

WebSocket is part of libcurl since 7.86, and of Debian's since 8.11 (for Debian 12 from its backports); an older one
has its cases skipped. $STRANDCAST_LIBCURL names another library than the system's. Where there is no curl at all this
says so and exits with 77, which Meson counts as skipped.
"""
import ctypes
import ctypes.util
import functools
import json
import os
import pathlib
import select
import shutil
import subprocess
import sys
import tempfile
import traceback

from run import TOKEN, Server, make_certificate, skip

SECONDS = 30


# --- libcurl's WebSocket ------------------------------------------------------------------------------------------

class Frame(ctypes.Structure):
    """curl_ws_frame"""
    _fields_ = [('age', ctypes.c_int), ('flags', ctypes.c_int), ('offset', ctypes.c_int64),
                ('bytesleft', ctypes.c_int64), ('len', ctypes.c_size_t)]


class Version(ctypes.Structure):
    """curl_version_info_data, as far as its first age goes"""
    _fields_ = [('age', ctypes.c_int), ('version', ctypes.c_char_p), ('version_num', ctypes.c_uint),
                ('host', ctypes.c_char_p), ('features', ctypes.c_int), ('ssl_version', ctypes.c_char_p),
                ('ssl_version_num', ctypes.c_long), ('libz_version', ctypes.c_char_p),
                ('protocols', ctypes.POINTER(ctypes.c_char_p))]


TEXT, BINARY, CONT, CLOSE, PING, PONG = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 4, 1 << 6
URL, CAINFO, CONNECT_ONLY, TIMEOUT_MS, NOSIGNAL, NOPROXY = 10002, 10065, 141, 155, 99, 10177
RESPONSE_CODE, ACTIVE_SOCKET = 0x200000 + 2, 0x500000 + 44
OK, GOT_NOTHING, AGAIN = 0, 52, 81


def libcurl():
    """The library, or why it cannot be one side of a WebSocket."""
    name = os.environ.get('STRANDCAST_LIBCURL') or ctypes.util.find_library('curl') or 'libcurl.so.4'
    try:
        curl = ctypes.CDLL(name)
    except OSError:
        return None, 'there is no libcurl'
    curl.curl_version_info.restype = ctypes.POINTER(Version)
    version = curl.curl_version_info(0).contents
    protocols = []
    while version.protocols[len(protocols)]:
        protocols.append(version.protocols[len(protocols)])
    if b'ws' not in protocols or not hasattr(curl, 'curl_ws_recv'):
        return None, f'libcurl {version.version.decode()} has no WebSocket'
    curl.curl_easy_init.restype = ctypes.c_void_p
    curl.curl_easy_strerror.restype = ctypes.c_char_p
    for function in (curl.curl_easy_perform, curl.curl_easy_cleanup):
        function.argtypes = [ctypes.c_void_p]
    curl.curl_easy_getinfo.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p]
    curl.curl_ws_send.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_int64,
                                  ctypes.c_uint]
    curl.curl_ws_recv.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p]
    curl.curl_global_init(3)
    return curl, ''


class Peer:
    """A WebSocket of libcurl's that speaks the protocol as far as a test needs."""

    def __init__(self, curl, url, authority):
        self.curl, self.handle, self.last_id = curl, ctypes.c_void_p(curl.curl_easy_init()), 0
        self.set(URL, url.encode())
        self.set(NOPROXY, b'*')
        for option, number in ((CONNECT_ONLY, 2), (TIMEOUT_MS, SECONDS * 1000), (NOSIGNAL, 1)):
            self.set(option, ctypes.c_long(number))
        if authority:
            self.set(CAINFO, authority.encode())
        self.done(curl.curl_easy_perform(self.handle))
        status = ctypes.c_long()
        self.done(curl.curl_easy_getinfo(self.handle, RESPONSE_CODE, ctypes.byref(status)))
        assert status.value == 101, status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.curl.curl_easy_cleanup(self.handle)

    def set(self, option, value):
        self.done(self.curl.curl_easy_setopt(self.handle, option, value))

    def done(self, code):
        assert code == OK, self.curl.curl_easy_strerror(code)

    def wait(self, writing):
        stream = ctypes.c_int()
        self.done(self.curl.curl_easy_getinfo(self.handle, ACTIVE_SOCKET, ctypes.byref(stream)))
        ready = select.select([stream.value], [stream.value] if writing else [], [], SECONDS)
        assert ready[0] or ready[1], 'nothing came'

    def send(self, payload, flags=TEXT):
        left, moved = payload, ctypes.c_size_t()
        while True:
            code = self.curl.curl_ws_send(self.handle, left, len(left), ctypes.byref(moved), 0, flags)
            if code != AGAIN:
                self.done(code)
            left = left[moved.value:]
            if not left and code == OK:
                return
            self.wait(writing=True)

    def frame(self):
        """The kind and the payload of the next frame; None for the end of the stream."""
        buffer, moved, meta = ctypes.create_string_buffer(1 << 16), ctypes.c_size_t(), ctypes.POINTER(Frame)()
        payload = b''
        while True:
            code = self.curl.curl_ws_recv(self.handle, buffer, len(buffer), ctypes.byref(moved), ctypes.byref(meta))
            if code == GOT_NOTHING:
                return None
            if code == AGAIN:
                self.wait(writing=False)
                continue
            self.done(code)
            payload += buffer.raw[:moved.value]
            if meta.contents.bytesleft == 0:
                return meta.contents.flags, payload

    def message(self):
        kind, payload = self.frame()
        assert kind & TEXT, (kind, payload)
        return json.loads(payload)

    def say(self, kind, **fields):
        self.last_id += 1
        self.send(json.dumps({'id': f'c-{self.last_id}', 'type': kind, 'version': '1.0.0', 'timestamp': 1,
                              **fields}, ensure_ascii=False).encode())
        return f'c-{self.last_id}'

    def request(self, kind, **fields):
        sent = self.say(kind, **fields)
        answer = self.message()
        assert answer['type'] == 'ack' and answer['messageId'] == sent, answer


def connected(curl, server, authority):
    peer = Peer(curl, server.url.replace('127.0.0.1', 'localhost'), authority)
    assert peer.message()['type'] == 'version-negotiation'
    peer.request('auth', token=TOKEN)
    return peer


def events_of_all_sizes_come_in_order(*how):
    with connected(*how) as listener, connected(*how) as speaker:
        listener.request('subscribe', topics=['curl.*'])
        texts = ['é世\U0001f30d' * size for size in (0, 1, 7, 14, 100, 1000, 7000, 7500, 50000)] + ['x'] * 50
        for text in texts:
            speaker.request('publish', topic='curl.a', data=text)
        for number, text in enumerate(texts, 1):
            event = listener.message()
            assert event['sequenceNumber'] == number and event['data'] == text, str(event)[:300]


def pings_stand_between_fragments(*how):
    with connected(*how) as peer:
        text = json.dumps({'id': 'whole', 'type': 'ping', 'version': '1.0.0', 'timestamp': 1}).encode()
        for at in range(0, len(text), 9):
            peer.send(text[at:at + 9], TEXT | (CONT if at + 9 < len(text) else 0))
            peer.send(f'between {at}'.encode(), PING)
        got = [peer.frame() for _ in range(0, len(text), 9)] + [peer.frame()]
        pongs = [payload.decode() for kind, payload in got if kind & PONG]
        assert pongs == [f'between {at}' for at in range(0, len(text), 9)], got
        assert [json.loads(payload)['id'] for kind, payload in got if kind & TEXT] == ['whole'], got


def a_close_is_answered_with_its_code(*how):
    with connected(*how) as peer:
        peer.send(b'\x10\xe1enough', CLOSE)
        kind, payload = peer.frame()
        assert kind & CLOSE and payload[:2] == b'\x10\xe1', (kind, payload)


def binary_is_refused(*how):
    with connected(*how) as peer:
        peer.send(b'\x00\x01', BINARY)
        kind, payload = peer.frame()
        assert kind & CLOSE and payload[:2] == b'\x03\xeb', (kind, payload)


def a_message_too_large_is_refused(*how):
    with connected(*how) as peer:
        peer.send(b'x' * 600_000)
        kind, payload = peer.frame()
        assert kind & CLOSE and payload[:2] == b'\x03\xf1', (kind, payload)


# --- the command at the HTTP side doors ---------------------------------------------------------------------------

def status(server, authority, path, *options):
    url = server.url.replace('127.0.0.1', 'localhost').replace('ws', 'http', 1)
    said = subprocess.run(['curl', '--silent', '--show-error', '--noproxy', '*', '--max-time', str(SECONDS), '--include',
                           *(['--cacert', authority] if authority else []), *options, url + path],
                          capture_output=True, text=True)
    assert said.returncode == 0, said
    head, _, body = said.stdout.partition('\n\n')
    return int(head.split()[1]), head.lower(), body


def plain_requests_get_plain_answers(server, authority):
    assert status(server, authority, '/healthz')[::2] == (200, 'ok\n')
    assert status(server, authority, '/healthz', '--head')[::2] == (200, '')
    code, head, _ = status(server, authority, '/')
    assert code == 426 and 'upgrade: websocket' in head and 'sec-websocket-version: 13' in head, head
    for method in (['--data', 'a body'], ['--request', 'DELETE'], ['--upload-file', __file__],
                   ['--data', 'x' * 100_000, '--header', 'Expect:']):
        code, head, _ = status(server, authority, '/', *method)
        assert code == 405 and 'allow: get, head' in head, head
    assert status(server, authority, '/healthz', '--header', 'X: ' + 'y' * 20_000)[0] == 431
    assert status(server, authority, '/' + 'p' * 10_000)[0] == 414


def cases(curl):
    yield plain_requests_get_plain_answers
    if curl:
        for case in (events_of_all_sizes_come_in_order, pings_stand_between_fragments, a_close_is_answered_with_its_code,
                     binary_is_refused, a_message_too_large_is_refused):
            run = functools.partial(case, curl)
            run.__name__ = case.__name__
            yield run


def main():
    if not shutil.which('curl'):
        skip('curl is not installed')
    curl, lack = libcurl()
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = make_certificate(pathlib.Path(folder))
        for authority in (None, certificate):
            options = ['--tls-cert', certificate, '--tls-key', key] if authority else []
            server = Server(sys.argv[1], '--token', TOKEN, '--rate-limit', 'off', '--max-message', '500000', '--deflate',
                            *options)
            for case in cases(curl):
                try:
                    case(server, authority)
                    passed += 1
                except Exception:  # one case's failure is not another's
                    failed += 1
                    print(f'FAILED: {case.__name__}{" tls" if authority else ""}')
                    traceback.print_exc()
            failed += server.end() != 0
    if not curl:
        print(f'skipped its WebSocket: {lack}')
    print(f'{passed} passed, {failed} failed' + ('' if curl else ', 1 skipped'))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
