#!/usr/bin/env python3
"""Uses the strandcast command as people do: serve, sub and pub, their exit codes, and what they say.

    tool.py STRANDCAST
"""
import json
import signal
import socket
import subprocess
import sys
import tempfile
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
        assert (event["type"], event["version"], event["topic"], event["sequenceNumber"]) == ("event", "1.0.0", "a", 1)
        assert f'"data":{data}' in line, line
        assert event["id"] and event["timestamp"], line


def json_over_several_lines_is_printed_on_one():
    with serve() as server, sub(server.url, "a", "--json") as watcher:
        assert run("pub", server.url, "a", '{\n"x":\r\n1}').returncode == 0
        assert json.loads(watcher.lines(1)[0])["data"] == {"x": 1}


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
        assert published.stderr.count("RATE_LIMIT_EXCEEDED") == 2, published.stderr


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
        assert "lost" in watcher.process.stderr.read()


def a_watcher_whose_reader_goes_ends_quietly():
    with serve() as server, sub(server.url, "a") as watcher:
        watcher.process.stdout.close()
        assert run("pub", server.url, "a", "1").returncode == 0
        assert watcher.process.wait(TIMEOUT) == 0
        assert watcher.process.stderr.read() == ""


def wrong_arguments_are_told_with_exit_code_2():
    for arguments in [[], ["nothing"], ["serve", "--rate-limit", "fast"], ["serve", "--heartbeat", "0"], ["pub", "ws://x"],
                      ["sub", "ws://x"], ["serve", "--port", "70000"]]:
        failed = run(*arguments)
        assert failed.returncode == 2 and failed.stderr, (arguments, failed)
    for url in ["http://x", "wss://x", "ws://", "ws://x:0", "ws://[::1"]:
        failed = run("pub", url, "a", "1")
        assert failed.returncode == 1 and "invalid URL" in failed.stderr, (url, failed)


def help_is_exit_code_0():
    for arguments in [["--help"], ["serve", "--help"], ["sub", "--help"], ["pub", "--help"], ["--version"]]:
        helped = run(*arguments)
        assert helped.returncode == 0 and helped.stdout and not helped.stderr, (arguments, helped)


def main():
    this = sys.modules[__name__]
    apart = {"main", "run", "serve", "sub"}
    passed = failed = 0
    for name, case in list(vars(this).items()):
        if not callable(case) or getattr(case, "__module__", "") != __name__ or isinstance(case, type) or name in apart:
            continue
        try:
            case()
            passed += 1
            print(f"ok: {name.replace('_', ' ')}")
        except Exception:  # whatever it is, the other cases run
            failed += 1
            print(f"FAILED: {name.replace('_', ' ')}: {traceback.format_exc()}")
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
