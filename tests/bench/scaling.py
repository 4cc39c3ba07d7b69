# SPDX-License-Identifier: LGPL-2.1-or-later
"""How the cost of a frame grows with the network's input and with the number of proposals: runs
`frcnn bench` over both and draws scaling.svg. Run by scaling.sh.
"""
import argparse
import json
import os
import subprocess

import report

HERE = os.path.dirname(os.path.abspath(__file__))
SIZES = (128, 192, 256, 320, 416, 512, 640)
PROPOSALS = (10, 50, 100, 150, 300, 500)
COLOURS = {"f32": "#0072b2", "bf16": "#d55e00", "int8": "#009e73"}
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM, GAP = 860, 330, 52, 40, 70, 46, 120


def bench(args, precision, *extra):
    """Median milliseconds, or None where the CPU lacks the precision."""
    command = [os.path.join(args.build, "models", "frcnn"), "bench", "default", "--json", "--image",
               args.image, "--size", "640x480", "--threads", str(args.threads), "--precision",
               precision, "--frames", str(args.frames), *extra]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return None if done.returncode else json.loads(done.stdout)["median_ms"]


def measure(args, option, values):
    """precision → [(value, ms)], the least of two passes: other programs only add."""
    lines = {}
    for precision in COLOURS:
        passes = [[bench(args, precision, option, str(value)) for value in values] for _ in (1, 2)]
        if None not in passes[0]:
            lines[precision] = list(zip(values, map(min, *passes)))
    return lines


def steps(most):
    """Ticks of 1, 2 or 5 times a power of ten, about five up to @most."""
    unit = 10 ** (len(str(int(most))) - 1)
    step = next(s * unit / 10 for s in (1, 2, 5, 10, 20, 50) if most / (s * unit / 10) <= 6)
    return [i * step for i in range(int(most / step) + 1)]


def text(x, y, words, anchor="middle", colour="#333"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{words}</text>'


def panel(lines, x0, width, title, ticks):
    """One diagram as SVG elements."""
    height = HEIGHT - TOP - BOTTOM
    most_x = max(value for points in lines.values() for value, _ in points)
    most_y = 1.08 * max(ms for points in lines.values() for _, ms in points)

    def place(value, ms):
        return x0 + width * value / most_x, TOP + height * (1 - ms / most_y)

    parts = [text(x0 + width / 2, HEIGHT - 10, title)]
    for ms in steps(most_y):
        y = place(0, ms)[1]
        parts += [f'<path d="M{x0} {y:.1f}h{width}" stroke="#ddd"/>',
                  text(x0 - 8, y + 4, f"{ms:g}", "end")]
    for value in ticks:
        x = place(value, 0)[0]
        parts += [f'<path d="M{x:.1f} {TOP + height}v4" stroke="#333"/>',
                  text(x, TOP + height + 19, value)]
    for precision, points in lines.items():
        places = [place(*point) for point in points]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        parts.append(f'<path d="M{path}" fill="none" stroke="{COLOURS[precision]}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{COLOURS[precision]}"/>'
                  for x, y in places]
    last = sorted(((place(*points[-1])[1], precision) for precision, points in lines.items()))
    for i, (y, precision) in enumerate(last):
        if i and y < last[i - 1][0] + 14:
            y = last[i - 1][0] + 14
            last[i] = (y, precision)
        parts.append(text(x0 + width + 8, y + 4, precision, "start", COLOURS[precision]))
    return parts


def draw(by_size, by_proposals, threads):
    width = (WIDTH - LEFT - RIGHT - GAP) / 2
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
             f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13">',
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
             text(LEFT - 30, 20, f"milliseconds a frame of 640×480, default model, {threads} threads",
                  "start")]
    parts += panel(by_size, LEFT, width, "shorter side of the network input (input-size)", SIZES)
    parts += panel(by_proposals, LEFT + width + GAP, width, "boxes that are classified (max-proposals)",
                   PROPOSALS[1:])
    return "\n".join(parts + ["</svg>"]) + "\n"


def table(head, lines):
    values = [value for value, _ in next(iter(lines.values()))]
    rows = [f"| {head} | " + " | ".join(map(str, values)) + " |", "|" + " --- |" * (len(values) + 1)]
    return rows + [f"| {precision}, ms | " + " | ".join(f"{ms:.1f}" for _, ms in points) + " |"
                   for precision, points in lines.items()]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image", help="a photograph; it is scaled to 640x480")
    parser.add_argument("--build", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--frames", type=int, default=15)
    parser.add_argument("--svg", default=os.path.join(HERE, "scaling.svg"))
    parser.add_argument("--write", default="", help="also put the figures into this file")
    args = parser.parse_args()
    load = os.getloadavg()
    by_size = measure(args, "--input-size", SIZES)
    by_proposals = measure(args, "--max-proposals", PROPOSALS)
    with open(args.svg, "w") as file:
        file.write(draw(by_size, by_proposals, args.threads))
    lines = [report.machine(load), f"The default model, a photograph of 640×480, {args.threads} threads, "
             f"the lesser of two medians of {args.frames} frames; drawn in {os.path.basename(args.svg)}.",
             "", *table("input-size", by_size), "", *table("max-proposals", by_proposals)]
    report.put("Scaling", "tests/bench/scaling.sh", "\n".join(lines), args.write)


if __name__ == "__main__":
    main()
