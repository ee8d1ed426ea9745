#!/usr/bin/env python3
"""The swarm digests every file of a directory as sha256sum does, though one of its workers is killed midway.

    swarm.py SWARM
"""
import pathlib
import random
import subprocess
import sys
import tempfile

TIMEOUT = 240


def write_files(root):
    """Files of all sizes around those of a part, and some with names that are no text."""
    chance = random.Random(1)
    names = [f"folder {number % 3}/file {number}" for number in range(60)]
    sizes = [0, 1, 16 * 1024 - 1, 16 * 1024, 16 * 1024 + 1, 100_000, 300_000]
    names += ["-dash", "percent%41", "caf\u00e9", "hash#star*", b"\xff\xfe".decode(errors="surrogateescape")]
    for at, name in enumerate(names):
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(chance.randbytes(sizes[at % len(sizes)]))


def main():
    with tempfile.TemporaryDirectory() as folder:
        root, written = pathlib.Path(folder) / "tree", pathlib.Path(folder) / "digests"
        root.mkdir()
        write_files(root)
        ran = subprocess.run([sys.argv[1], root, "--seconds", "0.5", "--digests", written], capture_output=True, text=True,
                             timeout=TIMEOUT)
        print(ran.stdout, ran.stderr, sep="")
        if ran.returncode != 0:
            print(f"FAILED: exit code {ran.returncode}")
            return 1
        names = [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]
        summed = subprocess.run(["sha256sum", "--", *names], cwd=root, capture_output=True, check=True).stdout
        wrong = set(written.read_bytes().splitlines()) ^ set(summed.splitlines())
        for line in wrong:
            print(f"FAILED: only in one of both: {line}")
        summary = ran.stdout.splitlines()[-1]
        large = sum(path.stat().st_size >= 16 * 1024 for path in root.rglob("*") if path.is_file())
        if f"{large} digests voted on" not in summary or "was killed" not in summary:
            print(f"FAILED: {summary}")
            return 1
    return 1 if wrong else 0


sys.exit(main())
