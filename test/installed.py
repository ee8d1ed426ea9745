#!/usr/bin/env python3
"""Installs the build folder into an empty one; a program must build against it with what pkg-config says."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if done.returncode:
        sys.exit(f'{" ".join(str(part) for part in command)}\n{done.stdout}{done.stderr}')
    return done.stdout


def main(build, compiler):
    here = pathlib.Path(__file__).parent
    with tempfile.TemporaryDirectory() as temporary:
        destination = pathlib.Path(temporary)
        run('meson', 'install', '-C', build, '--no-rebuild', env={**os.environ, 'DESTDIR': str(destination)})
        description = next(destination.rglob('strandcast.pc'))
        # Installed under another root than the one it was made for: its own prefix is what moves.
        prefix = next(line.split('=')[1] for line in description.read_text().splitlines() if line.startswith('prefix='))
        moved = destination / prefix.lstrip('/')
        environment = {**os.environ, 'PKG_CONFIG_PATH': str(description.parent)}

        def ask(*options):
            answer = run('pkg-config', *options, 'strandcast', env=environment).split()
            return [part.replace(prefix, str(moved), 1) if part.startswith(('-I', '-L')) else part for part in answer]

        library = next(destination.rglob('libstrandcast.so')).parent
        assert list(library.glob('libstrandcast.so.*.*.*')), 'no versioned shared library'
        program = destination / 'program'
        build_it = [*compiler, '-std=c++20', here / 'subproject' / 'main.cpp', '-o', program]
        run(*build_it, *ask('--cflags', '--libs'))
        said = run(program, env={**os.environ, 'LD_LIBRARY_PATH': str(library)})
        assert said.strip(), 'the program said nothing'
        for shared in library.glob('libstrandcast.so*'):
            shared.unlink()
        # Ours static, those of the system shared: `--static` asks for the static needs of all of them, which Debian
        # does not install (libcrypto's are zstd's).
        described = description.read_text()
        private = next(line for line in described.splitlines() if line.startswith('Libs.private:')).split()[1:]
        required = [name.split()[0] for name in run('pkg-config', '--print-requires-private', 'strandcast',
                                                    env=environment).splitlines()]
        run(*build_it, *ask('--cflags', '--libs'), *private, *run('pkg-config', '--libs', *required).split())
        assert run(program) == said, 'the static library says something else'
    print('2 passed, 0 failed')


if __name__ == '__main__':
    if not shutil.which('pkg-config'):
        print('pkg-config is not installed')
        sys.exit(77)
    split = sys.argv.index('--')
    main(sys.argv[1], sys.argv[split + 1:])
