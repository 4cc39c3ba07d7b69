# SPDX-License-Identifier: LGPL-2.1-or-later
"""libfrcnn against TensorFlow on one frozen graph of the Object Detection API, in one run.

Ours and TensorFlow take turns, a frame each: 8-bit RGB pixels in, boxes out. Reported: medians of the
milliseconds a frame and of the pairs' ratios, and the processor time that a frame took, which other
work on the machine disturbs less. Run by tensorflow.sh.
"""
import argparse
import os
import resource
import statistics
import sys
import time

import numpy as np
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "oracle"))
import images  # noqa: E402
import tensorflow_graph  # noqa: E402
from engine import Stages  # noqa: E402


class Ours:
    def __init__(self, args, threads):
        self.stages = Stages(args.build, args.graph, threads=threads, threshold=0.0)

    def processor_time(self):
        with open(f"/proc/{self.stages.process.pid}/stat") as file:
            ticks = file.read().rsplit(")", 1)[1].split()[11:13]
        return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")

    def run(self, picture):
        before = self.processor_time()
        got, found = self.stages.run(picture, dump=False)
        return got["seconds"], self.processor_time() - before, len(found["scores"])


class TensorFlow:
    def __init__(self, args, threads):
        self.reference = tensorflow_graph.Reference(tensorflow_graph.load(args.graph), threads)

    def run(self, picture):
        before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        results = self.reference.detect(picture)
        seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
        processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return seconds, processor, int(results[3][0])


def race(args, threads, picture):
    runners = [Ours(args, threads), TensorFlow(args, threads)]
    for runner in runners:  # plans, graph optimisation, page faults
        for _ in range(3):
            runner.run(picture)
    rows = [[runner.run(picture) for runner in runners] for _ in range(args.pairs)]
    wall = [[row[i][0] * 1e3 for row in rows] for i in (0, 1)]
    used = [[row[i][1] * 1e3 for row in rows] for i in (0, 1)]
    return [str(threads), *(f"{statistics.median(w):.0f} ({min(w):.0f}–{max(w):.0f})" for w in wall),
            f"{statistics.median(a / b for a, b in zip(*wall)):.2f}",
            *(f"{statistics.median(u):.0f}" for u in used),
            f"{rows[0][0][2]} / {rows[0][1][2]}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("graph", help="a frozen_inference_graph.pb")
    parser.add_argument("image", help="a photograph; it is scaled to --size")
    parser.add_argument("--build", required=True)
    parser.add_argument("--threads", default="2,1", help="thread counts, comma-separated")
    parser.add_argument("--size", default="640x480")
    parser.add_argument("--pairs", type=int, default=15)
    args = parser.parse_args()
    size = tuple(int(side) for side in args.size.split("x"))
    picture = np.array(Image.fromarray(images.load(args.image)).resize(size, Image.BILINEAR))
    load = os.getloadavg()[0]
    lines = ["| threads | this library, ms | TensorFlow, ms | ratio | processor ms, this library | "
             "processor ms, TensorFlow | detections |", "|" + " --- |" * 7]
    for threads in map(int, args.threads.split(",")):
        lines.append("| " + " | ".join(race(args, threads, picture)) + " |")
        print(lines[-1], file=sys.stderr, flush=True)
    print("\n".join([f"TensorFlow {tensorflow_graph.tf.__version__}, f32, photograph of "
                     f"{size[0]}×{size[1]}, medians of {args.pairs} pairs (least–most), load average "
                     f"{load:.1f} before, {os.getloadavg()[0]:.1f} after", ""] + lines))


if __name__ == "__main__":
    main()
