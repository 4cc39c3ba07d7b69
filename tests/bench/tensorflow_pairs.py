# SPDX-License-Identifier: LGPL-2.1-or-later
"""libfrcnn against TensorFlow on one frozen graph of the Object Detection API, in one run.

Ours, in every precision, and TensorFlow, in f32, take turns, a frame each: 8-bit RGB pixels in, boxes
out. Reported: medians of the
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
import report  # noqa: E402
import tensorflow_graph  # noqa: E402
from engine import Stages  # noqa: E402


class Ours:
    def __init__(self, args, threads, precision):
        self.stages = Stages(args.build, args.graph, threads=threads, threshold=0.0,
                             precision=precision)

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
    """A line a precision of ours."""
    precisions = args.precision.split(",")
    runners = [TensorFlow(args, threads)] + [Ours(args, threads, p) for p in precisions]
    for runner in runners:  # plans, graph optimisation, page faults
        for _ in range(3):
            runner.run(picture)
    rows = [[runner.run(picture) for runner in runners] for _ in range(args.pairs)]
    wall = [[row[i][0] * 1e3 for row in rows] for i in range(len(runners))]
    used = [[row[i][1] * 1e3 for row in rows] for i in range(len(runners))]
    cells = [f"{statistics.median(w):.0f} ({min(w):.0f}–{max(w):.0f})" for w in wall]
    for i, precision in enumerate(precisions, 1):
        yield [precision, str(threads), cells[i], cells[0],
               f"{statistics.median(a / b for a, b in zip(wall[i], wall[0])):.2f}",
               f"{statistics.median(used[i]):.0f}", f"{statistics.median(used[0]):.0f}",
               f"{rows[0][i][2]} / {rows[0][0][2]}"]
    for runner in runners[1:]:
        runner.stages.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("graph", help="a frozen_inference_graph.pb")
    parser.add_argument("image", help="a photograph; it is scaled to --size")
    parser.add_argument("--build", required=True)
    parser.add_argument("--threads", default="2,1", help="thread counts, comma-separated")
    parser.add_argument("--size", default="640x480")
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--precision", default="f32,bf16", help="of ours, comma-separated")
    parser.add_argument("--write", default="", help="also put the table into this file")
    args = parser.parse_args()
    size = tuple(int(side) for side in args.size.split("x"))
    picture = np.array(Image.fromarray(images.load(args.image)).resize(size, Image.BILINEAR))
    load = os.getloadavg()
    lines = ["| precision | threads | this library, ms | TensorFlow, ms | ratio | processor ms, this library | "
             "processor ms, TensorFlow | detections |", "|" + " --- |" * 8]
    for threads in map(int, args.threads.split(",")):
        for cells in race(args, threads, picture):
            lines.append("| " + " | ".join(cells) + " |")
            print(lines[-1], file=sys.stderr, flush=True)
    report.put("TensorFlow", "tests/bench/tensorflow.sh", "\n".join(
        [report.machine(load), f"Faster R-CNN Inception v2, TensorFlow {tensorflow_graph.tf.__version__} "
         f"in f32, photograph of {size[0]}×{size[1]}, medians of {args.pairs} turns (least–most). On one "
         "thread TensorFlow keeps more than one core busy all the same.", ""] + lines), args.write)


if __name__ == "__main__":
    main()
