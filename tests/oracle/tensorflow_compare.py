# SPDX-License-Identifier: LGPL-2.1-or-later
"""Parity of libfrcnn with TensorFlow on frozen graphs of Faster R-CNN Inception v2: run by run.sh.

The scores of each graph are spread first (random weights prefer one class everywhere). Then each
image runs in TensorFlow, in libfrcnn with its own proposals (trunk, RPN and the end result are
compared), with TensorFlow's proposals (everything behind them), and through the frcnn tool. The
first graph also runs in the operations of 2018, in both, and as the safetensors file that `frcnn
convert` makes of it: the detections must be the same.

The crop of a RoI that ends at the image's edge has its last samples exactly there but for rounding:
half a unit in the last place of the RoI's other corner decides whether they are 0. Where that fell out
differently, our proposal is replaced by TensorFlow's, which it equals but for rounding, before the end
results are compared; how many those are, and what comes out without that, is printed, too.
"""
import argparse
import os
import subprocess
import sys
import time

import numpy as np

import images
import parity
import tensorflow_graph
from engine import Stages, tool_detect, write_png

THRESHOLD = 0.05
LEAST_FOUND, LEAST_LABELS = 1000, 10


def shares(proposals, resized):
    """Of the image, as they are cropped, in f32."""
    return proposals * (np.float32(1) / np.tile(np.float32(resized[::-1]), 2))


def lost_samples(crops, resized, crop=14, stride=16):
    """For each crop and axis: does crop_and_resize find its last sample beyond the map? In f32, step by
    step."""
    last = np.float32(np.ceil(np.float32(resized[::-1]) / stride) - 1)
    start, end = crops[:, :2], crops[:, 2:]
    step = (end - start) * last / np.float32(crop - 1)
    return start * last + np.float32(crop - 1) * step > last


def settle(ours, reference, crops, resized):
    """Ours with the reference's in place of those that lost other samples, and how many these are."""
    iou = parity.iou_matrix(ours, reference)
    pairs = parity.pair(iou >= parity.IOU, iou)
    a, b = lost_samples(shares(ours, resized), resized), lost_samples(crops, resized)
    other = [(i, j) for i, j in pairs if (a[i] != b[j]).any()]
    settled, settled_crops = ours.copy(), shares(ours, resized)
    for i, j in other:
        settled[i], settled_crops[i] = reference[j], crops[j]
    return settled, settled_crops, len(other)


def given_of(proposals, crops, resized, picture):
    """In pixels of the picture. What ends at the edge comes back as exactly that from beyond it; the
    other corner comes back as it was, or at least with the same last sample."""
    edge = np.float32(resized[::-1])
    to_network = edge / np.float32(picture.shape[1::-1])
    given = np.float32(proposals / np.tile(to_network, 2))
    given[:, 2:] += proposals[:, 2:] >= edge
    lost = lost_samples(crops, resized)
    near = [given[:, :2]]
    for direction in (np.inf, -np.inf):
        step = given[:, :2]
        for _ in range(3):
            step = np.nextafter(step, np.float32(direction))
            near.append(step)
    found = np.zeros(lost.shape, int)
    for candidate in near:
        back = proposals.copy()
        back[:, :2] = np.clip(candidate * to_network, 0, edge)
        back = shares(back, resized)
        same = lost_samples(back, resized) == lost
        quality = same + 2 * (same & (back[:, :2] == crops[:, :2]))
        given[:, :2] = np.where(quality > found, candidate, given[:, :2])
        found = np.maximum(found, quality)
    return given


class Oracle:
    def __init__(self, args):
        self.args = args
        self.pictures = images.collect(args.images, args.count)
        self.rows = []

    def prepare(self, path):
        """The graph with spread scores, and where it lies as a file."""
        graph = tensorflow_graph.load(path)
        reference = tensorflow_graph.Reference(graph, self.args.threads)
        tensorflow_graph.spread(graph, [p for _, p in self.pictures[2:4]], reference)
        return graph, self.save(graph, path, "spread")

    def save(self, graph, path, tag):
        name = os.path.splitext(os.path.basename(path))[0]
        target = os.path.join(self.args.work, f"{name}-{tag}.pb")
        with open(target, "wb") as file:
            file.write(graph.SerializeToString())
        return target

    def compare(self, name, graph, path):
        row, raw = parity.Row(name), parity.Row(name)
        reference = tensorflow_graph.Reference(graph, self.args.threads)
        stages = Stages(self.args.build, path, threads=self.args.threads, threshold=THRESHOLD)
        seconds, found, n_other = [0.0, 0.0], [], 0
        for i, (title, picture) in enumerate(self.pictures):
            start = time.time()
            want, want_found = reference.run(picture)
            seconds[0] += time.time() - start
            crops, keep = want.pop("crops"), want_found["scores"] > THRESHOLD
            want_found = {key: value[keep] for key, value in want_found.items()}
            got, got_found = stages.run(picture)
            seconds[1] += got["seconds"]
            found.append(got_found)
            row.images += 1
            if tuple(got["resized"]) != tuple(want["resized"]):
                row.fail(f"{title}: resized to {got['resized']}, {want['resized']} expected")
                continue
            row.add_stages(title, got, want, False)
            row.add_proposals(got["proposals"].reshape(-1, 4), want["proposals"])
            raw.add_found(got_found, want_found)
            *settled, n = settle(got["proposals"].reshape(-1, 4), want["proposals"], crops,
                                 want["resized"])
            n_other += n
            if n:
                _, got_found = stages.run(picture, given_of(*settled, want["resized"], picture))
            row.add_found(got_found, want_found)
            given = given_of(want["proposals"], crops, want["resized"], picture)
            got, got_found = stages.run(picture, given)
            row.add_stages(title, got, want, True)
            pairs = parity.match_found(got_found, want_found)
            if len(pairs) < max(len(got_found["scores"]), len(want_found["scores"])):
                row.fail(f"{title}: on TensorFlow's proposals {len(pairs)} of "
                         f"{len(want_found['scores'])} detections matched")
        stages.close()
        print(f"{name}: TensorFlow {seconds[0] / row.images:.2f} s, ours "
              f"{seconds[1] / row.images:.2f} s an image; {n_other} proposals differ in a crop's last "
              f"sample by rounding, with which "
              f"{100 * parity.share(raw.matched, raw.ours, raw.found):.2f} % of {raw.found} "
              "detections match", file=sys.stderr, flush=True)
        if raw.found < LEAST_FOUND or len(raw.labels) < LEAST_LABELS:
            row.fail(f"{raw.found} detections of {len(raw.labels)} labels, {LEAST_FOUND} of "
                     f"{LEAST_LABELS} expected")
        self.rows.append(row)
        return row, found

    def check_same(self, row, title, path, found, pictures):
        """Bit by bit what @found has, from another file of the same model, by the tool."""
        files = []
        for name, picture in pictures:
            files.append(os.path.join(self.args.work, name + ".png"))
            write_png(picture, files[-1])
        for (name, _), ours, other in zip(pictures, found,
                                          tool_detect(self.args.build, path, files,
                                                      threshold=THRESHOLD)):
            if any(not np.array_equal(ours[key], other[key]) for key in ours):
                row.fail(f"{name}: {title} gives other detections")

    def check_old(self, row, graph, path, found):
        """The graph in the operations of 2018: TensorFlow's detections stay, and so do ours."""
        old, pictures = tensorflow_graph.old_operations(graph), self.pictures[:5]
        references = [tensorflow_graph.Reference(g, self.args.threads) for g in (graph, old)]
        for name, picture in pictures:
            new_found, old_found = (r.run(picture)[1] for r in references)
            if any(not np.array_equal(new_found[key], old_found[key]) for key in new_found):
                row.fail(f"{name}: TensorFlow detects others in the graph of 2018")
        self.check_same(row, "the graph of 2018", self.save(old, path, "2018"), found, pictures)

    def check_converted(self, row, path, found):
        target = os.path.splitext(path)[0] + ".safetensors"
        subprocess.run([os.path.join(self.args.build, "models", "frcnn"), "convert", path, target],
                       check=True, stdout=subprocess.DEVNULL)
        self.check_same(row, "the converted file", target, found, self.pictures[:5])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--images", default="", help="a directory of photographs")
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("graphs", help="frozen graphs, comma-separated")
    args = parser.parse_args()
    os.makedirs(args.work, exist_ok=True)
    oracle = Oracle(args)
    for i, path in enumerate(args.graphs.split(",")):
        graph, file = oracle.prepare(path)
        name = "faster_rcnn_inception_v2, " + os.path.splitext(os.path.basename(path))[0]
        row, found = oracle.compare(name, graph, file)
        oracle.check_same(row, "the frcnn tool", file, found, oracle.pictures[:5])
        if i == 0:
            oracle.check_old(row, graph, file, found)
            oracle.check_converted(row, file, found)
    sizes = len({picture.shape for _, picture in oracle.pictures})
    for row in oracle.rows:
        row.verdict()
        for note in row.notes:
            print(f"{row.name}: {note}")
    print(f"\nTensorFlow {tensorflow_graph.tf.__version__}, {sizes} frame sizes; errors: share of the "
          f"tensor's maximum, {parity.STAGE_LIMIT} allowed; matched: {parity.MATCHED} needed\n")
    print(parity.table(oracle.rows))
    failed = [row.name for row in oracle.rows if row.notes]
    print("\n" + (f"FAILED: {'; '.join(failed)}" if failed else "parity holds"))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
