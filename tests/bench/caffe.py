# SPDX-License-Identifier: LGPL-2.1-or-later
"""libfrcnn and OpenCV's DNN module on py-faster-rcnn's networks: run by caffe.sh, see there.

A pair is one frame through each. OpenCV's time is that of its own work: resize and both forwards,
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


def load(family, work, picture):
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


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--families", default=",".join(caffe_models.FAMILIES))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("photographs", nargs="+")
    args = parser.parse_args()
    frames = [np.asarray(Image.open(p).convert("RGB")) for p in args.photographs]
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(args.threads)
    print(f"OpenCV {cv2.__version__}, {args.threads} threads, {args.pairs} pairs, ms a frame\n")
    print("| model | this library | OpenCV | ratio | minima | ratio |\n|---|---|---|---|---|---|")
    for family in args.families.split(","):
        net, path = load(family, args.work, frames[0])
        reference, stages = Timed(net, path, fast=True), Stages(args.build, path, threads=args.threads)
        ours, theirs = [], []
        for pair in range(args.pairs + 1):
            frame = frames[pair % len(frames)]
            reference.run(frame)
            got, _ = stages.run(frame, dump=False)
            if pair:  # the first one warms up
                theirs.append(1000 * reference.seconds)
                ours.append(1000 * got["seconds"])
        stages.close()
        a, b = statistics.median(ours), statistics.median(theirs)
        print(f"| {family} | {a:.0f} | {b:.0f} | {a / b:.2f} | {min(ours):.0f}, {min(theirs):.0f} | "
              f"{min(ours) / min(theirs):.2f} |", flush=True)


if __name__ == "__main__":
    main()
