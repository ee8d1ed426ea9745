"""Draws what a delivery costs against the number of subscribers, as SVG."""
import statistics

COUNTS = [10, 30, 100, 300, 1000, 3000]
COLORS = {'each': '#999', 'coalesced': '#2a7', 'strandcast': '#c33'}
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 360, 60, 110, 30, 40


def measured(measure, rounds, progress):
    """Lines of costs, by who it is. The kinds take turns."""
    lines = {kind: [] for kind in COLORS}
    for count in COUNTS:
        work = f'fanout {count} 16 128 {max(60, 400_000 // count)}'
        costs = {kind: [] for kind in COLORS}
        for number in range(rounds):
            progress.round(f'plot, {count} subscribers', number + 1, rounds)
            for kind, values in costs.items():
                values.append(measure(kind, work)['cpu'])
        for kind, values in costs.items():
            lines[kind].append(statistics.median(values))
    return lines


def drawn(lines):
    highest = max(map(max, lines.values()))

    def place(index, value):
        return (LEFT + index * (WIDTH - LEFT - RIGHT) / (len(COUNTS) - 1),
                HEIGHT - BOTTOM - value / highest * (HEIGHT - BOTTOM - TOP))

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" '
             f'font-size="12"><rect width="100%" height="100%" fill="white"/>',
             f'<text x="{LEFT}" y="18">server CPU per delivery (µs) against subscribers; 16 publishes in flight, 128 B</text>']
    for step in range(5):
        value = highest * step / 4
        _, y = place(0, value)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
                     f'<text x="8" y="{y + 4:.1f}">{value:.2f}</text>')
    for index, count in enumerate(COUNTS):
        parts.append(f'<text x="{place(index, 0)[0]:.1f}" y="{HEIGHT - 20}" text-anchor="middle">{count}</text>')
    labels = sorted(((place(len(COUNTS) - 1, values[-1]), kind) for kind, values in lines.items()),
                    key=lambda label: label[0][1])
    lowest = TOP
    for (x, y), kind in labels:
        points = ' '.join(f'{px:.1f},{py:.1f}' for px, py in (place(*pair) for pair in enumerate(lines[kind])))
        lowest = max(y + 4, lowest + 14)  # none over another
        parts.append(f'<polyline points="{points}" fill="none" stroke="{COLORS[kind]}" stroke-width="2"/>'
                     f'<text x="{x + 6:.1f}" y="{lowest:.1f}" fill="{COLORS[kind]}">'
                     f'{kind if kind == "strandcast" else f"floor, {kind}"}</text>')
    return '\n'.join(parts) + '</svg>\n'
