#!/usr/bin/env python3
"""TLS between `strandcast` and what nobody here wrote: python3-websockets as a client and as a server's peer over wss,
and OpenSSL's own command as a client and as a server. Every case prints a line, and the last one counts them.

    tls_peers.py STRANDCAST

Where the openssl command or python3-websockets is missing this says so and exits with 77, which Meson counts as skipped.
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import traceback

from run import Server, make_certificate, python_with_websockets

TIMEOUT = 30
strandcast = sys.argv[1]


def s_client(port, folder, text, *arguments):
    """What OpenSSL's client gets for `text`, and what it says of the connection."""
    peer = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "localhost",
                             "-CAfile", folder / "cert.pem", "-verify_return_error", "-verify_hostname", "localhost",
                             *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        # It goes on until the server ends the connection: its standard input stays open.
        if text:
            peer.stdin.write(text.encode())
            peer.stdin.flush()
        else:
            peer.stdin.close()
        watch = threading.Timer(TIMEOUT, peer.kill)
        watch.start()
        said = peer.stdout.read().decode(errors="replace")
        watch.cancel()
        peer.wait(TIMEOUT)
        return said
    finally:
        peer.kill()


REQUEST = "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n"


def openssl_speaks_tls_1_2_and_1_3_with_our_server(port, folder):
    for version, name in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")]:
        said = s_client(port, folder, REQUEST, version)
        assert name in said and "Verify return code: 0 (ok)" in said, said
        assert "HTTP/1.1 505" in said, said
        assert "unexpected eof" not in said, said


def openssl_does_not_get_tls_1_1_from_our_server(port, folder):
    said = s_client(port, folder, "", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
    assert "alert protocol version" in said, said


def openssl_may_not_renegotiate(port, folder):
    # Its client takes an R at the begin of a line for that.
    said = s_client(port, folder, "R\n", "-tls1_2")
    assert "no renegotiation" in said, said


def websockets_speaks_wss_with_our_server(port, folder):
    code = f"""
import asyncio, json, ssl, websockets
async def main():
    trust = ssl.create_default_context(cafile={str(folder / "cert.pem")!r})
    async with websockets.connect("wss://localhost:{port}", ssl=trust, max_size=None) as one:
        assert json.loads(await one.recv())["type"] == "version-negotiation"
        async def request(kind, **fields):
            await one.send(json.dumps(dict(id=kind, type=kind, version="1.0.0", timestamp=1, **fields)))
        await request("subscribe", topics=["a"])
        assert json.loads(await one.recv())["success"]
        for size in [1, 1000, 16383, 16384, 16385, 100000, 1000000]:
            await request("publish", topic="a", data="x" * size, broadcast=True)
            kinds = set()
            for _ in range(2):
                message = json.loads(await one.recv())
                kinds.add(message["type"])
                assert message["type"] == "ack" or message["data"] == "x" * size
            assert kinds == {{"ack", "event"}}
    assert one.close_code == 1000
asyncio.run(main())
"""
    subprocess.run([python_with_websockets(), "-c", code], check=True, timeout=TIMEOUT)


SERVER = """
import asyncio, json, ssl, sys, websockets
async def serve(socket, path=None):
    await socket.send(json.dumps(dict(id="v", type="version-negotiation", version="1.0.0", timestamp=1,
                                      supportedVersions=["1.0.0"])))
    async for text in socket:
        message = json.loads(text)
        if message["type"] == "publish":
            print(len(message["data"]), flush=True)
        await socket.send(json.dumps(dict(id="a", type="ack", version="1.0.0", timestamp=1, messageId=message["id"],
                                          success=True)))
async def main():
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(sys.argv[1] + "/cert.pem", sys.argv[1] + "/key.pem")
    async with websockets.serve(serve, "127.0.0.1", 0, ssl=own) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()
asyncio.run(main())
"""


def our_client_speaks_wss_with_websockets(_, folder):
    server = subprocess.Popen([python_with_websockets(), "-c", SERVER, folder], stdout=subprocess.PIPE, text=True)
    try:
        url = f"wss://127.0.0.1:{server.stdout.readline().strip()}"
        lines = "".join(json.dumps("x" * size) + "\n" for size in [1, 16384, 200000])
        said = subprocess.run([strandcast, "pub", url, "a", "-", "--ca", folder / "cert.pem"], input=lines, text=True,
                              capture_output=True, timeout=TIMEOUT)
        assert said.returncode == 0, said
        assert [server.stdout.readline().strip() for _ in range(3)] == ["1", "16384", "200000"]
    finally:
        server.kill()
        server.wait(TIMEOUT)


def our_client_tells_what_is_wrong_with_openssls_server(_, folder):
    # Port 0 is a free one; the line that it is ready with names it.
    server = subprocess.Popen(["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", folder / "cert.pem",
                               "-key", folder / "key.pem"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
    watch = threading.Timer(TIMEOUT, server.kill)
    watch.start()
    try:
        ready = next((line for line in server.stdout if line.startswith("ACCEPT")), "it ended")
        port = ready.rsplit(":", 1)[-1].strip()
        unknown = subprocess.run([strandcast, "pub", f"wss://127.0.0.1:{port}", "a", "1"], text=True, capture_output=True,
                                 timeout=TIMEOUT)
        assert unknown.returncode == 1 and unknown.stderr.count("\n") == 1, unknown
        assert "certificate is not accepted" in unknown.stderr, unknown
        plain = subprocess.run([strandcast, "pub", f"ws://127.0.0.1:{port}", "a", "1"], text=True, capture_output=True,
                               timeout=TIMEOUT)
        assert plain.returncode == 1 and plain.stderr.count("\n") == 1, plain
    finally:
        watch.cancel()
        server.kill()
        server.wait(TIMEOUT)


def main():
    python_with_websockets()
    cases = [openssl_speaks_tls_1_2_and_1_3_with_our_server, openssl_does_not_get_tls_1_1_from_our_server,
             openssl_may_not_renegotiate, websockets_speaks_wss_with_our_server, our_client_speaks_wss_with_websockets,
             our_client_tells_what_is_wrong_with_openssls_server]
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        make_certificate(folder)
        server = Server(strandcast, "--tls-cert", folder / "cert.pem", "--tls-key", folder / "key.pem", "--rate-limit", "off")
        port = server.url.rsplit(":", 1)[1]
        for case in cases:
            title = case.__name__.replace("_", " ")
            try:
                case(port, folder)
                print(f"ok: {title}")
            except Exception:  # whatever it is, the other cases run
                failed += 1
                print(f"FAILED: {title}: {traceback.format_exc()}")
        ended = server.end()
    print(f"{len(cases) - failed} passed, {failed} failed")
    return 1 if failed or ended else 0


if __name__ == "__main__":
    sys.exit(main())
