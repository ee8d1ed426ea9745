#!/usr/bin/env python3
"""Builds somebody else's project with strandcast as its subproject, which must bring the library and nothing else."""
import json
import os
import pathlib
import shutil
import subprocess
import sys


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if done.returncode:
        sys.exit(f'{" ".join(str(part) for part in command)}\n{done.stdout}{done.stderr}')
    return done.stdout


def main(root, folder, compiler):
    # The sources as links; what a build or an editor left at the top of the checkout stays out.
    shutil.rmtree(folder / 'source', ignore_errors=True)
    project = folder / 'source' / 'subprojects' / 'strandcast'
    project.mkdir(parents=True)
    for name in ('meson.build', 'meson_options.txt', 'include', 'lib', 'test', 'tools', 'examples'):
        if (root / name).exists():
            (project / name).symlink_to(root / name)
    for name in ('meson.build', 'main.cpp'):
        shutil.copy2(root / 'test' / 'subproject' / name, folder / 'source' / name)

    build = folder / 'build'
    again = ['--wipe'] if build.exists() else []
    run('meson', 'setup', *again, '-Dbuildtype=plain', folder / 'source', build,
        env={**os.environ, 'CXX': ' '.join(compiler)})
    targets = json.loads(run('meson', 'introspect', build, '--targets'))
    names = sorted({target['name'] for target in targets})
    assert names == ['consumer', 'strandcast'], f'a subproject that builds {names}'
    assert all('librar' in target['type'] for target in targets if target['name'] == 'strandcast'), 'it builds the tool'
    run('ninja', '-C', build, 'consumer')
    assert run(build / 'consumer').strip(), 'the program said nothing'
    print('2 passed, 0 failed')


if __name__ == '__main__':
    split = sys.argv.index('--')
    main(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]), sys.argv[split + 1:])
