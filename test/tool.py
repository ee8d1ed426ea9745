#!/usr/bin/env python3
"""Uses the strandcast command as people do: serve, sub and pub, their exit codes, and what they say.

    tool.py STRANDCAST [WORD...]        only the cases that have one of the words in their name
"""
import base64
import contextlib
import fcntl
import hashlib
import json
import os
import pty
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import traceback

strandcast = sys.argv[1]
TIMEOUT = 60


def run(*arguments, stdin=None):
    return subprocess.run([strandcast, *arguments], input=stdin, capture_output=True, text=True, timeout=TIMEOUT)


class Process:
    """A command that runs until it is told to end."""

    def __init__(self, *arguments, first_line_on):
        self.errors = tempfile.TemporaryFile("w+") if first_line_on == "stdout" else None
        self.process = subprocess.Popen([strandcast, *arguments], stdout=subprocess.PIPE,
                                        stderr=self.errors or subprocess.PIPE, text=True)
        self.first_line = getattr(self.process, first_line_on).readline()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(TIMEOUT)

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(TIMEOUT)

    def lines(self, count):
        return [self.process.stdout.readline() for _ in range(count)]


def serve(*arguments):
    process = Process("serve", "--port", "0", *arguments, first_line_on="stdout")
    process.url = process.first_line.split()[-1]
    return process


def sub(*arguments):
    process = Process("sub", *arguments, first_line_on="stderr")
    assert process.first_line == "strandcast: subscribed\n", process.first_line
    return process


def publisher(url, topic, *arguments, stdin=subprocess.PIPE):
    """A `pub` of what comes on its standard input."""
    return subprocess.Popen([strandcast, "pub", url, topic, "-", *arguments], stdin=stdin, stderr=subprocess.PIPE, text=True)


def say(process, text):
    process.stdin.write(text)
    process.stdin.flush()


class Skipped(Exception):
    pass


def issue(folder):
    """A certificate for 127.0.0.1 that is its own authority, and its key."""
    if not shutil.which("openssl"):
        raise Skipped("openssl is not installed")
    if "without TLS" in run("pub", "wss://127.0.0.1:1", "a", "1").stderr:
        raise Skipped("this strandcast was built without TLS")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=strandcast test", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
                    "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"], check=True, capture_output=True)


@contextlib.contextmanager
def certificates():
    with tempfile.TemporaryDirectory() as folder:
        issue(folder)
        yield folder


class ForeignServer(threading.Thread):
    """Lets one client in, acks its `subscribe`, and sends `texts` as they are. What comes of its own it keeps."""

    def __init__(self, *texts, acks=True):
        super().__init__(daemon=True)
        self.texts, self.acks = texts, acks
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"ws://127.0.0.1:{self.listener.getsockname()[1]}"
        self.start()

    def run(self):
        peer, _ = self.listener.accept()
        stream = peer.makefile("rwb")
        headers = dict(line.split(": ", 1) for line in iter(lambda: stream.readline().decode().strip(), "") if ": " in line)
        key = headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        stream.write(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      f"Sec-WebSocket-Accept: {accept}\r\n\r\n").encode())
        self.send(stream, json.dumps({"id": "v", "type": "version-negotiation", "version": "1.0.0", "timestamp": 1,
                                      "supportedVersions": ["1.0.0"]}))
        while self.acks and (message := self.receive(stream)):
            self.send(stream, json.dumps({"id": "a" + message["id"], "type": "ack", "version": "1.0.0", "timestamp": 1,
                                          "messageId": message["id"], "success": True}))
            if message["type"] == "subscribe":
                for text in self.texts:
                    self.send(stream, text)
        while stream.read(1):
            pass

    @staticmethod
    def send(stream, text):
        payload = text.encode()
        size = bytes([len(payload)]) if len(payload) < 126 else b"\x7e" + struct.pack("!H", len(payload))
        stream.write(b"\x81" + size + payload)
        stream.flush()

    @staticmethod
    def receive(stream):
        head = stream.read(2)
        if len(head) < 2 or head[0] != 0x81:
            return None
        size = head[1] & 0x7f
        if size == 126:
            size = struct.unpack("!H", stream.read(2))[0]
        mask, payload = stream.read(4), stream.read(size)
        return json.loads(bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload)))


def what_is_published_is_printed_a_line_each():
    with serve() as server, sub(server.url, "agent.*.status", "task/#") as watcher:
        assert run("pub", server.url, "agent.7.status", '{"x": 1.50}').returncode == 0
        assert run("pub", server.url, "task/1", "null").returncode == 0
        assert watcher.lines(2) == ['agent.7.status #1 {"x": 1.50}\n', "task/1 #1 null\n"]
        assert watcher.end(signal.SIGINT) == 0
        assert server.end() == 0


def with_json_an_event_is_printed_as_it_came():
    with serve() as server, sub(server.url, "a", "--json") as watcher:
        data = '{"n":12345678901234567890,"s":"\\u00e9"}'
        assert run("pub", server.url, "a", data).returncode == 0
        line = watcher.lines(1)[0]
        event = json.loads(line)
        assert (event["type"], event["version"], event["topic"], event["sequenceNumber"]) == ("event", "1.1.0", "a", 1)
        assert f'"data":{data}' in line, line
        assert event["id"] and event["timestamp"], line
    came = '{ "topic": "a",\n\t"sequenceNumber":1, "x":[ 1 ], "type":"event", "id":"e\\u0031","version":"1.0.0",' \
           '"timestamp" : 5.0, "data" :1e0 }'
    with sub(ForeignServer(came).url, "a", "--json") as watcher:
        assert watcher.lines(1) == [came.replace("\n", " ") + "\n"]


def json_over_several_lines_is_printed_on_one():
    with serve() as server, sub(server.url, "a", "--json") as watcher:
        assert run("pub", server.url, "a", '{\n"x":\r\n1}').returncode == 0
        assert json.loads(watcher.lines(1)[0])["data"] == {"x": 1}


def several_shards_serve_as_one():
    with serve("--shards", "3", "--token", "secret") as server:
        watchers = [sub(server.url, "a", "--token", "secret") for _ in range(4)]
        published = run("pub", server.url, "a", "-", "--token", "secret", stdin="1\n2\n3\n")
        assert published.returncode == 0, published
        for watcher in watchers:
            with watcher:
                assert watcher.lines(3) == ["a #1 1\n", "a #2 2\n", "a #3 3\n"]
                assert watcher.end() == 0
        assert server.end() == 0
    assert run("serve", "--port", "0", "--shards", "5000").returncode == 2


def several_addresses_are_listened_on_and_each_gets_a_line():
    with tempfile.TemporaryDirectory() as folder:
        places = ["127.0.0.1:0", "[::1]:0", f"unix:{folder}/it.sock"]
        with Process("serve", "--listen", *places, "--max-per-address", "1", "--accept-rate", "100", first_line_on="stdout") as server:
            urls = [line.split()[-1] for line in [server.first_line, *server.lines(2)]]
            assert urls[1].startswith("ws://[::1]:") and urls[2] == f"ws+unix:{folder}/it.sock", urls
            with sub(urls[1], "a") as watcher:
                assert run("pub", urls[0], "a", "1").returncode == 0
                assert watcher.lines(1) == ["a #1 1\n"]
                refused = run("pub", urls[1], "a", "1")
                assert refused.returncode == 1 and "429" in refused.stderr, refused
            assert server.end() == 0
        assert not os.path.exists(f"{folder}/it.sock")
    wrong = run("serve", "--listen", "example.com:80")
    assert wrong.returncode == 2 and "is nothing to listen on" in wrong.stderr, wrong


def what_is_reported_of_one_agent_reaches_who_watches_all():
    with serve("--shards", "2") as server, sub(server.url, "agent.status") as watcher:
        status = '{"agentId":"7","status":"busy","timestamp":1}'
        assert run("pub", server.url, "agent.7.status", status).returncode == 0
        assert watcher.lines(1) == [f"agent.status #1 {status}\n"]


def lines_of_standard_input_are_published_in_order():
    with serve("--rate-limit", "off") as server, sub(server.url, "a") as watcher:
        published = run("pub", server.url, "a", "-", stdin="".join(f"{n}\n" for n in range(2000)))
        assert published.returncode == 0, published
        assert watcher.lines(2000) == [f"a #{n + 1} {n}\n" for n in range(2000)]


def a_line_that_is_refused_is_named_and_the_rest_goes_on():
    with serve() as server, sub(server.url, "a") as watcher:
        published = run("pub", server.url, "a", "-", stdin="1\nno json\n\n2")
        assert published.returncode == 1
        assert "line 2: not JSON" in published.stderr, published.stderr
        assert watcher.lines(2) == ["a #1 1\n", "a #2 2\n"]
    with serve() as server:
        published = run("pub", server.url, "a.*", "1")
        assert published.returncode == 1 and "PUBLISH_FAILED" in published.stderr, published


def the_rate_limit_is_told_line_by_line():
    with serve("--rate-limit", "5/60.5") as server:
        published = run("pub", server.url, "a", "-", stdin="1\n" * 7)
        assert published.returncode == 1
        # Five messages: the selection of the version and four lines.
        assert published.stderr.count("RATE_LIMIT_EXCEEDED") == 3, published.stderr


def a_large_line_passes_and_one_over_the_limit_does_not():
    with serve("--max-message", "1000000") as server, sub(server.url, "a") as watcher:
        assert run("pub", server.url, "a", "-", stdin=json.dumps("x" * 900_000)).returncode == 0
        assert len(watcher.lines(1)[0]) > 900_000
        published = run("pub", server.url, "a", "-", stdin=json.dumps("x" * 1_100_000))
        assert published.returncode == 1 and "1009" in published.stderr, published.stderr


def a_token_lets_in_and_another_does_not():
    with serve("--token", "secret") as server:
        assert run("pub", server.url, "a", "1", "--token", "secret").returncode == 0
        for wrong in [["--token", "secre"], ["--token", ""], ["--token", "secret2"]]:
            refused = run("pub", server.url, "a", "1", *wrong)
            assert refused.returncode == 1 and "Invalid credentials" in refused.stderr, refused
            assert "secre" not in refused.stderr, refused


def with_a_certificate_wss_is_served_and_spoken():
    with certificates() as folder:
        with serve("--tls-cert", f"{folder}/cert.pem", "--tls-key", f"{folder}/key.pem") as server:
            assert server.url.startswith("wss://127.0.0.1:"), server.first_line
            with sub(server.url, "a", "--ca", f"{folder}/cert.pem") as watcher:
                said = run("pub", server.url, "a", "1", "--ca", f"{folder}/cert.pem")
                assert said.returncode == 0, said
                assert watcher.lines(1) == ["a #1 1\n"]
                refused = run("pub", server.url, "a", "1")
                assert refused.returncode == 1 and refused.stderr.count("\n") == 1, refused
                assert "certificate is not accepted: self-signed certificate" in refused.stderr, refused
                plain = run("pub", server.url.replace("wss", "ws"), "a", "1")
                assert plain.returncode == 1 and "wss is expected" in plain.stderr, plain
                assert watcher.end() == 0
            assert server.end() == 0
    with serve() as server:
        wrong = run("pub", server.url.replace("ws", "wss"), "a", "1")
        assert wrong.returncode == 1 and "does not speak TLS" in wrong.stderr, wrong


def a_hang_up_has_the_certificate_read_again():
    with certificates() as folder:
        arguments = ["serve", "--port", "0", "--tls-cert", f"{folder}/cert.pem", "--tls-key", f"{folder}/key.pem"]
        server = subprocess.Popen([strandcast, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            url = server.stdout.readline().split()[-1]
            with sub(url, "a", "--ca", f"{folder}/cert.pem") as watcher:
                issue(folder)
                server.send_signal(signal.SIGHUP)
                assert server.stderr.readline() == "strandcast: the certificate was read again\n"
                said = run("pub", url, "a", "1", "--ca", f"{folder}/cert.pem")
                assert said.returncode == 0, said
                assert watcher.lines(1) == ["a #1 1\n"]
                os.remove(f"{folder}/key.pem")
                server.send_signal(signal.SIGHUP)
                failure = server.stderr.readline()
                assert "key.pem': No such file" in failure and "stays as it was" in failure, failure
                assert run("pub", url, "a", "1", "--ca", f"{folder}/cert.pem").returncode == 0
                assert watcher.end() == 0
            server.terminate()
            assert server.wait(TIMEOUT) == 0
        finally:
            server.kill()
            server.wait(TIMEOUT)


def files_for_tls_that_cannot_be_used_are_named():
    with certificates() as folder:
        for arguments, file in [(["serve", "--port", "0", "--tls-cert", f"{folder}/none", "--tls-key", f"{folder}/key.pem"], "none"),
                                (["serve", "--port", "0", "--tls-cert", f"{folder}/cert.pem", "--tls-key", f"{folder}/cert.pem"],
                                 "cert.pem"),
                                (["pub", "wss://127.0.0.1:1", "a", "1", "--ca", f"{folder}/key.pem"], "key.pem")]:
            failed = run(*arguments)
            assert failed.returncode == 1 and failed.stderr.count("\n") == 1, failed
            assert f"{folder}/{file}'" in failed.stderr, failed
        assert run("serve", "--tls-cert", f"{folder}/cert.pem").returncode == 2
        needless = run("pub", "ws://127.0.0.1:1", "a", "1", "--ca", f"{folder}/cert.pem")
        assert needless.returncode == 1 and "--ca is for wss://" in needless.stderr, needless


def a_server_out_of_reach_is_one_line_and_exit_code_1():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        url = f"ws://127.0.0.1:{nobody.getsockname()[1]}"
        for command in [["pub", url, "a", "1"], ["sub", url, "a"]]:
            failed = run(*command)
            assert failed.returncode == 1 and failed.stdout == "", failed
            assert failed.stderr.count("\n") == 1 and "Connection refused" in failed.stderr, failed.stderr


def a_port_that_is_taken_is_one_line_and_exit_code_1():
    with serve() as server:
        failed = run("serve", "--port", server.url.rsplit(":", 1)[1])
        assert failed.returncode == 1 and failed.stderr.count("\n") == 1, failed
        assert "Address already in use" in failed.stderr, failed.stderr


def a_watcher_that_loses_its_server_says_so_and_fails():
    with serve() as server, sub(server.url, "a") as watcher:
        assert server.end() == 0
        assert watcher.process.wait(TIMEOUT) == 1
        assert "lost: close code 1001, Server shutting down" in watcher.process.stderr.read()


def no_token_is_in_any_line():
    with serve("--token", "sesame") as server:
        url = server.url + "/?token=sesame"
        with sub(url, "a", "--token", "sesame") as watcher:
            assert run("pub", url, "a", "1", "--token", "sesame").returncode == 0
            assert run("pub", url, "a", "1", "--token", "sesam").returncode == 1
            refused = run("pub", url, "a", "1", "--token", "sesame-not")
            assert refused.returncode == 1 and "sesame" not in refused.stderr, refused
            assert server.end() == 0 and watcher.process.wait(TIMEOUT) == 1
            lost = watcher.process.stderr.read()
            assert "lost: close code 1001" in lost and "sesame" not in lost, lost
        server.errors.seek(0)
        said = server.process.stdout.read() + server.errors.read()
        assert "sesam" not in said, said
    for command in [["pub", url, "a", "1"], ["pub", "ws://me:sesame@localhost", "a", "1"]]:
        failed = run(*command)
        assert failed.returncode == 1 and failed.stderr.count("\n") == 1 and "sesame" not in failed.stderr, failed


def a_watcher_whose_reader_goes_ends_quietly():
    with serve() as server, sub(server.url, "a") as watcher:
        watcher.process.stdout.close()  # and no event comes that could not be written
        assert watcher.process.wait(TIMEOUT) == 0
        assert watcher.process.stderr.read() == ""


def a_watcher_whose_reader_sleeps_ends_on_sigterm():
    with serve("--rate-limit", "off") as server, sub(server.url, "a") as watcher:
        # More than a pipe and the stream hold, and nobody reads them: they wait in the watcher, or are told of.
        lines = json.dumps("x" * 1000) + "\n"
        assert run("pub", server.url, "a", "-", stdin=lines * 3000).returncode == 0
        assert watcher.end() == 0
        assert server.end() == 0


def a_watcher_that_cannot_write_says_so_and_fails():
    with serve() as server, open("/dev/full", "w") as full:
        watcher = subprocess.Popen([strandcast, "sub", server.url, "a"], stdout=full, stderr=subprocess.PIPE, text=True)
        assert watcher.stderr.readline() == "strandcast: subscribed\n"
        assert run("pub", server.url, "a", "1").returncode == 0
        assert watcher.wait(TIMEOUT) == 1
        assert "No space left on device" in watcher.stderr.read()


def control_characters_of_a_topic_do_not_reach_the_terminal():
    with serve() as server, sub(server.url, "#") as watcher:
        assert run("pub", server.url, "a\x1b[31m\nb", "1").returncode == 0
        assert watcher.lines(1) == ["a?[31m?b #1 1\n"]


def large_lines_keep_their_order():
    with serve("--rate-limit", "off") as server, sub(server.url, "a") as watcher:
        sizes = [1 if number % 3 else 400_000 for number in range(24)]
        with tempfile.TemporaryFile("w+") as lines:
            lines.writelines(json.dumps([number, "x" * size]) + "\n" for number, size in enumerate(sizes))
            lines.seek(0)
            publishing = publisher(server.url, "a", stdin=lines)
            numbers = [json.loads(line.split(" ", 2)[2])[0] for line in watcher.lines(24)]
            assert numbers == list(range(24)), numbers
            assert publishing.wait(TIMEOUT) == 0


def publishing_that_loses_its_server_ends_though_the_input_does_not():
    with serve() as server, sub(server.url, "a") as watcher:
        publishing = publisher(server.url, "a")
        say(publishing, "1\n")
        assert watcher.lines(1) == ["a #1 1\n"]
        assert server.end() == 0
        assert publishing.wait(TIMEOUT) == 1
        errors = publishing.stderr.read()
        assert "1001, Server shutting down" in errors, errors


def publishing_that_is_interrupted_tells_so_by_its_exit_code():
    with serve() as server, sub(server.url, "a") as watcher:
        number = 0
        for how in signal.SIGINT, signal.SIGTERM:
            # A watcher may see an event before its publisher sees the ack. Interrupted between these the publish is
            # named as one without an answer; else there is nothing to say.
            errors = None
            for _ in range(50):
                number += 1
                publishing = publisher(server.url, "a")
                say(publishing, f"{number}\n")
                assert watcher.lines(1) == [f"a #{number} {number}\n"]
                publishing.send_signal(how)
                assert publishing.wait(TIMEOUT) == 128 + how
                errors = publishing.stderr.read()
                if errors == "":
                    break
                assert "line 1: " in errors, errors
            assert errors == "", errors
    silent = ForeignServer(acks=False)
    publishing = publisher(silent.url, "a", stdin=subprocess.DEVNULL)
    assert publishing.wait(TIMEOUT) == 0  # nothing to do is nothing undone


def a_second_ctrl_c_ends_at_once():
    with serve() as server, sub(server.url, "a") as watcher:
        publishing = publisher(server.url, "a")
        say(publishing, "1\n")
        assert watcher.lines(1) == ["a #1 1\n"]
        server.process.send_signal(signal.SIGSTOP)  # a server that does not answer the Close
        os.waitpid(server.process.pid, os.WUNTRACED)
        for _ in range(600):
            publishing.send_signal(signal.SIGINT)
            try:
                publishing.wait(0.1)
                break
            except subprocess.TimeoutExpired:
                continue
        server.process.send_signal(signal.SIGCONT)
        assert publishing.returncode == 130, publishing.returncode


def what_was_never_answered_is_named_when_interrupted():
    publishing = publisher(ForeignServer(acks=False).url, "a")
    say(publishing, "1\n2\nno json\n")
    assert "line 3: not JSON" in publishing.stderr.readline()  # so the two before it are on their way
    publishing.send_signal(signal.SIGINT)
    errors = publishing.stderr.read()
    assert publishing.wait(TIMEOUT) == 130
    assert "line 1: " in errors and "line 2: " in errors, errors


def connecting_ends_on_ctrl_c():
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # takes connections, and says nothing
        url = f"ws://127.0.0.1:{deaf.getsockname()[1]}"
        for command, code in [(["sub", url, "a"], 0), (["pub", url, "a", "1"], 130)]:
            waiting = subprocess.Popen([strandcast, *command], stderr=subprocess.PIPE, text=True)
            peer, _ = deaf.accept()
            waiting.send_signal(signal.SIGINT)
            assert waiting.wait(TIMEOUT) == code and waiting.stderr.read() == ""
            peer.close()


def a_terminal_keeps_its_mode_however_the_command_ends():
    leader, terminal = pty.openpty()
    with serve() as server, sub(server.url, "a") as watcher:
        publishing = publisher(server.url, "a", stdin=terminal)
        os.write(leader, b"1\n")
        assert watcher.lines(1) == ["a #1 1\n"]
        assert not fcntl.fcntl(terminal, fcntl.F_GETFL) & os.O_NONBLOCK
        os.write(leader, b"2\n")
        assert watcher.lines(1) == ["a #2 2\n"]
        publishing.kill()
        publishing.wait(TIMEOUT)
        assert not fcntl.fcntl(terminal, fcntl.F_GETFL) & os.O_NONBLOCK
        publishing = publisher(server.url, "a", stdin=terminal)
        os.write(leader, b"3\n\x04")  # and Ctrl-D
        assert publishing.wait(TIMEOUT) == 0
        assert watcher.lines(1) == ["a #3 3\n"]
    os.close(leader)
    os.close(terminal)


def standard_input_may_be_empty_a_file_or_nothing():
    with serve() as server, sub(server.url, "a") as watcher, tempfile.TemporaryFile("w+") as file:
        assert run("pub", server.url, "a", "-", stdin="").returncode == 0
        file.write("1\n2")
        file.seek(0)
        assert publisher(server.url, "a", stdin=file).wait(TIMEOUT) == 0
        assert watcher.lines(2) == ["a #1 1\n", "a #2 2\n"]
        assert publisher(server.url, "a", stdin=subprocess.DEVNULL).wait(TIMEOUT) == 0


def a_number_below_zero_is_published_behind_two_dashes():
    with serve() as server, sub(server.url, "a") as watcher:
        assert run("pub", server.url, "a", "--", "-5").returncode == 0
        assert watcher.lines(1) == ["a #1 -5\n"]


def standard_streams_may_be_closed():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        url = f"ws://127.0.0.1:{nobody.getsockname()[1]}"
        for closed in ["2>&-", "<&- >&- 2>&-"]:
            failed = subprocess.run(["sh", "-c", f'"$0" pub {url} a 1 {closed}', strandcast], timeout=TIMEOUT)
            assert failed.returncode == 1, failed


def wrong_arguments_are_told_with_exit_code_2():
    for arguments in [[], ["nothing"], ["serve", "--rate-limit", "fast"], ["serve", "--rate-limit", "0/60"],
                      ["serve", "--heartbeat", "0"], ["serve", "--heartbeat", "nan"], ["serve", "--heartbeat", "1e300"],
                      ["serve", "--token", ""], ["serve", "--port", "70000"], ["pub", "ws://x"], ["sub", "ws://x"]]:
        failed = run(*arguments)
        assert failed.returncode == 2 and failed.stderr, (arguments, failed)
    assert "strandcast: no such command: serv (see strandcast --help)\n" == run("serv").stderr
    assert run().stderr == run("--help").stdout
    assert run("pub").stderr.startswith("strandcast: URL is required\n")
    assert "'-1' is no count" in run("serve", "--queue-size", "-1").stderr
    for url in ["http://x", "wss//x", "wss://", "ws://", "ws://x:0", "ws://[::1"]:
        failed = run("pub", url, "a", "1")
        assert failed.returncode == 1 and "invalid URL" in failed.stderr, (url, failed)


def help_is_exit_code_0():
    for arguments in [["--help"], ["serve", "--help"], ["sub", "--help"], ["pub", "--help"], ["--version"]]:
        helped = run(*arguments)
        assert helped.returncode == 0 and helped.stdout and not helped.stderr, (arguments, helped)


def take_too_long(*_):
    raise TimeoutError(f"took longer than {TIMEOUT} seconds")


def main():
    this = sys.modules[__name__]
    apart = {"main", "run", "issue", "certificates", "serve", "sub", "publisher", "say", "take_too_long"}
    only = sys.argv[2:]
    signal.signal(signal.SIGALRM, take_too_long)
    passed = failed = 0
    for name, case in list(vars(this).items()):
        if not callable(case) or getattr(case, "__module__", "") != __name__ or isinstance(case, type) or name in apart:
            continue
        if only and not any(word in name for word in only):
            continue
        signal.alarm(TIMEOUT)
        try:
            case()
            passed += 1
            print(f"ok: {name.replace('_', ' ')}")
        except Skipped as why:
            print(f"skipped: {name.replace('_', ' ')}: {why}")
        except Exception:  # whatever it is, the other cases run
            failed += 1
            print(f"FAILED: {name.replace('_', ' ')}: {traceback.format_exc()}")
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
