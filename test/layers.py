#!/usr/bin/env python3
"""Fails where a layer includes what lies above or beside it (CONTRIBUTING.md, "Layers")."""
import pathlib
import re
import sys

# Each layer, and what it may include besides itself and what those may include.
LAYERS = {
    'websocket': [], 'message': [], 'topic': [], 'coro': [],
    'transport': ['coro'],
    'connection': ['websocket', 'message', 'transport', 'coro'],
    'broker': ['message', 'coro', 'transport'],
    'server': ['topic', 'connection'],
    'client': ['topic', 'connection'],
    'router': ['topic', 'broker', 'server'],
    'channel': ['router', 'client'],
    'sim': ['transport', 'coro'],
}
# The layer of each public header. '' lies under all layers; 'strandcast' above them.
PUBLIC = {
    'error': '', 'close_reason': '', 'authenticated': '', 'deflate_options': 'websocket',
    'message': 'message', 'message_serializer': 'message', 'frame_slot': 'message',
    'topics': 'topic',
    'strand': 'coro', 'clock': 'coro', 'random': 'coro', 'event_stream': 'coro',
    'shard_pool': 'coro',
    'backpressure': 'connection',
    'transport': 'transport', 'tls': 'transport', 'listen_address': 'transport', 'file': 'transport',
    'broker': 'broker', 'redis_broker': 'broker',
    'ws_server': 'server', 'server_events': 'server', 'ws_client': 'client', 'ws_router': 'router', 'router_events': 'router',
    'agent_events': 'channel', 'task_events': 'channel', 'swarm_events': 'channel',
    'agent_server': 'channel', 'task_server': 'channel', 'swarm_server': 'channel',
    'channel_server_options': 'channel',
    'agent_client': 'channel', 'task_client': 'channel', 'swarm_client': 'channel', 'channel_stream': 'channel',
    'strandcast': 'strandcast',
}
# What a pure layer includes of other libraries; the others may include any that the project has.
FOREIGN = {'websocket': r'zlib\.h|openssl/', 'topic': r'(?!)', 'message': r'boost/|fmt/'}


def within(layer):
    """The layer and everything that it may include."""
    return {layer}.union(*(within(below) for below in LAYERS[layer]))


def layerOf(name, problems):
    """The layer of what a line includes: a private file, or a public header."""
    folder, _, rest = name.partition('/')
    if folder != 'strandcast':
        return folder
    if rest.startswith('sim/'):
        return 'sim'
    stem = rest.removesuffix('.hpp')
    if stem not in PUBLIC:
        problems.append(f'include/{name}: a public header that test/layers.py lists under no layer')
    return PUBLIC.get(stem, '')


def check(root):
    problems = []
    files = sorted(p for folder in ('lib', 'include') for p in (root / folder).rglob('*.[hc]pp'))
    for path in files:
        where = path.relative_to(root).as_posix()
        public = where.startswith('include/')
        layer = layerOf(where.removeprefix('include/').removeprefix('lib/'), problems)
        if '/' not in where.removeprefix('lib/') or layer == 'strandcast':
            allowed = set() if not public else set(LAYERS)  # lib/error.cpp and its like lie under all layers
        elif layer == '' or layer == 'console':
            allowed = set()
        elif layer not in LAYERS:
            problems.append(f'{where}: lies in no layer that test/layers.py knows')
            continue
        else:
            allowed = within(layer)
        for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
            match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
            if not match:
                continue
            kind, name = match.groups()
            at = f'{where}:{number}: includes {kind}{name}{">" if kind == "<" else kind}'
            if kind == '"' or name.startswith('strandcast/'):
                other = layerOf(name, problems)
                if public and kind == '"':
                    problems.append(f'{at}: a public header includes no private one')
                elif other and other not in allowed:
                    may = ', '.join(sorted(allowed - {layer})) or 'no other layer'
                    problems.append(f'{at}: {layer or "what lies under all layers"} may include {may}')
            elif name == 'asio.hpp' or name == 'boost/json.hpp' and public:
                problems.append(f'{at}: include the small headers instead')
            elif name.startswith('boost/asio') or name.startswith('boost/beast'):
                problems.append(f'{at}: one Asio in the process, the standalone one')
            elif name in ('iostream', 'regex'):
                problems.append(f'{at}: too heavy for what it gives')
            elif layer in FOREIGN and ('/' in name or '.' in name) and not re.match(FOREIGN[layer], name):
                problems.append(f'{at}: {layer}/ stays free of it')
    return len(files), list(dict.fromkeys(problems))


if __name__ == '__main__':
    count, problems = check(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else '.'))
    print(*problems, f'{count} files in {len(LAYERS)} layers', sep='\n')
    sys.exit(1 if problems or not count else 0)
