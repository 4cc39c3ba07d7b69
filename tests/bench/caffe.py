# SPDX-License-Identifier: LGPL-2.1-or-later
"""libfrcnn and OpenCV's DNN module on py-faster-rcnn's networks: run by caffe.sh, see there.

A turn is one frame through each, through ours in every precision. OpenCV computes in f32. OpenCV's time is that of its own work: resize and both forwards,
with everything it does to be fast; proposals and NMS, which are NumPy here, are not counted. Ours is
the whole frame, from 8-bit RGB to boxes. Minima are printed, too: other programs only add.
"""
import argparse
import os
import statistics
import sys
import time

import cv2
import numpy as np
import torch
from PIL import Image

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "oracle"))
import caffe_models  # noqa: E402
import caffe_reference  # noqa: E402
import report  # noqa: E402
from engine import Stages  # noqa: E402


class Timed(caffe_reference.CaffeReference):
    """The same steps; .seconds is what OpenCV took for the last frame."""

    def run_trunk(self, image):
        start = time.perf_counter()
        result = super().run_trunk(image)
        self.seconds = time.perf_counter() - start
        return result

    def run_head(self, features, proposals):
        start = time.perf_counter()
        result = super().run_head(features, proposals)
        self.seconds += time.perf_counter() - start
        return result


def load_net(family, work, picture):
    """Random weights and their file; those of the oracle if it ran."""
    net = caffe_models.Net(family)
    path = os.path.join(work, family[len("fasterrcnn_"):] + "-bench.caffemodel")
    kept = path + ".pt"
    if os.path.exists(kept):
        net.load_state_dict(torch.load(kept))
    else:
        os.makedirs(work, exist_ok=True)
        net = caffe_reference.random_net(family, [picture])
        torch.save(net.state_dict(), kept)
    caffe_models.save(net, path)
    return net, path


def race(family, frames, args):
    """The lines of one network."""
    net, path = load_net(family, args.work, frames[0])
    # ZF's local response normalisation has no bf16 kernel.
    precisions = [p for p in args.precision.split(",") if p == "f32" or not family.endswith("zf")]
    reference = Timed(net, path, fast=True)
    stages = [Stages(args.build, path, threads=args.threads, precision=p) for p in precisions]
    ours, theirs = [[] for _ in precisions], []
    for turn in range(args.pairs + 1):
        frame = frames[turn % len(frames)]
        reference.run(frame)
        seconds = [stage.run(frame, dump=False)[0]["seconds"] for stage in stages]
        if turn:  # the first one warms up
            theirs.append(1000 * reference.seconds)
            for list_, taken in zip(ours, seconds):
                list_.append(1000 * taken)
    for stage in stages:
        stage.close()
    b = statistics.median(theirs)
    for precision, taken in zip(precisions, ours):
        a = statistics.median(taken)
        yield (f"| {family} | {precision} | {args.threads} | {a:.0f} | {b:.0f} | {a / b:.3f} | "
               f"{min(taken):.0f}, {min(theirs):.0f} | {min(taken) / min(theirs):.3f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--families", default=",".join(caffe_models.FAMILIES))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--precision", default="f32,bf16", help="of ours, comma-separated")
    parser.add_argument("--write", default="", help="also put the table into this file")
    parser.add_argument("photographs", nargs="+")
    args = parser.parse_args()
    frames = [np.asarray(Image.open(p).convert("RGB")) for p in args.photographs]
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(args.threads)
    load, lines = os.getloadavg(), []
    for family in args.families.split(","):
        for line in race(family, frames, args):
            lines.append(line)
            print(line, file=sys.stderr, flush=True)
    head = (f"OpenCV {cv2.__version__} in f32 without its proposal step, {args.pairs} turns, medians.\n\n"
            "| model | precision | threads | this library, ms | OpenCV, ms | ratio | minima | ratio |\n|"
            + " --- |" * 8)
    report.put("OpenCV", "tests/bench/caffe.sh",
               "\n".join([report.machine(load), head, *lines]), args.write)


if __name__ == "__main__":
    main()
