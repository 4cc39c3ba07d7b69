# SPDX-License-Identifier: LGPL-2.1-or-later
"""Parity of libfrcnn with torchvision, and with OpenCV's Caffe layers, on whole models: run by run.sh, see --help.

Each model runs three times on each image: with our own proposals (trunk, RPN and the end result
are compared), with the reference's proposals (everything behind them), and through the frcnn tool,
which must give exactly what the library gave. Exit status 1 if anything is outside parity.py.
"""
import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time

import cv2
import numpy as np
import torch
import torchvision

import caffe_models
import caffe_reference
import detectron2_reference
import images
import models
import parity
from engine import Stages, tool_detect, write_png
from reference import Reference

HERE = os.path.dirname(os.path.abspath(__file__))
R50, V2, MOBILE, MOBILE_320, LITE = models.FAMILIES
LEAST_FOUND, LEAST_LABELS, LEAST_IMAGES = 1000, 10, 20

# family → how its file is written, and other files of the same weights that must give the same bits
FILES = {
    R50: (dict(frozen=True, legacy=True, old_keys=True),
          [dict(frozen=True, channels_last=True)]),
    V2: (dict(), [dict(legacy=True, parameters=True)]),
    MOBILE: (dict(frozen=True, old_keys=True),
             [dict(legacy=True, channels_last=True)]),
    MOBILE_320: (dict(legacy=True),
                 [dict(frozen=True, old_keys=True, channels_last=True)]),
    LITE: (dict(frozen=True), [dict(frozen=True, legacy=True, old_keys=True, channels_last=True)]),
}


def describe(options):
    names = {"legacy": ("legacy", "zip"), "old_keys": ("old keys", "new keys"),
             "frozen": ("no num_batches_tracked", "num_batches_tracked"),
             "channels_last": ("channels last", ""), "parameters": ("parameters", "")}
    return ", ".join(filter(None, (n[not options.get(k)] for k, n in names.items())))


class Oracle:
    def __init__(self, args):
        self.args, self.rows = args, []
        self.pictures = images.collect(args.images, args.count)
        os.makedirs(args.work, exist_ok=True)

    def model(self, family, frozen, zeros=False):
        """The seeded random model, kept in the work directory."""
        digest = hashlib.sha256()
        for name in ("models.py", "lite0.py", "images.py"):
            digest.update(open(os.path.join(HERE, name), "rb").read())
        digest.update(f"{torch.__version__} {torchvision.__version__} {family} {frozen}".encode())
        chosen = self.pictures[len(self.pictures) // 4::max(len(self.pictures) // 2, 1)][:2]
        digest.update("".join(name for name, _ in chosen).encode())
        path = os.path.join(self.args.work, digest.hexdigest()[:16] + ".pt")
        if os.path.exists(path):
            model = models.build(family, frozen)
            model.load_state_dict(torch.load(path))
        else:
            model = models.random_model(family, [p for _, p in chosen], 1, frozen)
            torch.save(model.state_dict(), path + ".new")
            os.replace(path + ".new", path)
        return models.zero_variances(model) if zeros else model

    def path(self, family, tag, options):
        """The two MobileNet families differ in nothing but the file's name."""
        short = "mobilenet_320_fpn" if family == MOBILE_320 else family[len("fasterrcnn_"):]
        if family == MOBILE:
            short = "mobilenet_fpn"
        return os.path.join(self.args.work, f"{short}-{tag}.pth")

    def compare(self, row, reference, path, pictures, tool=True):
        """All images of one model into @row. Returns our detections.

        On an image of one colour every anchor ties and on a strip many RoIs do (those beside the
        map): rounding alone picks among them, so only stages are compared there."""
        ours, first = [], None
        stages = Stages(self.args.build, path, threads=self.args.threads)
        seconds = [0.0, 0.0]
        for i, (name, picture) in enumerate(pictures):
            start = time.time()
            want, want_found = reference.run(picture)
            seconds[0] += time.time() - start
            got, got_found = stages.run(picture)
            seconds[1] += got["seconds"]
            row.images += 1
            ours.append(got_found)
            first = first or got
            if tuple(got["resized"]) != tuple(want["resized"]):
                row.fail(f"{name}: resized to {got['resized']}, {want['resized']} expected")
                continue
            row.add_stages(name, got, want, False)
            tied = parity.has_ties(want["class_logits"])
            row.tied += tied
            if not tied:
                row.add_proposals(got["proposals"].reshape(-1, 4), want["proposals"])
                row.add_found(got_found, want_found)
            got, got_found = stages.run(picture, reference.given(picture, want))
            row.add_stages(name, got, want, True)
            if parity.error(got["proposals"].reshape(-1, 4), want["proposals"]) > 1e-5:
                row.fail(f"{name}: given proposals came back changed")
            if not tied:
                self.check_given(row, name, got_found, want_found)
            self.progress(row, i, len(pictures), seconds)
        stages.close()
        if tool and self.args.tool:
            self.check_tool(row, path, pictures, ours, first)
        return ours

    def progress(self, row, i, n, seconds):
        if sys.stderr.isatty() or i + 1 == n:
            print(f"\r{row.name}: image {i + 1} of {n}, reference {seconds[0] / (i + 1):.2f} s, "
                  f"ours {seconds[1] / (i + 1):.2f} s an image", file=sys.stderr,
                  end="\n" if i + 1 == n else "", flush=True)

    def check_given(self, row, name, got_found, want_found):
        """On the same proposals, nothing but rounding separates the end results."""
        pairs = parity.match_found(got_found, want_found)
        n = max(len(got_found["scores"]), len(want_found["scores"]))
        if n - len(pairs) > max(1, n * (1 - parity.MATCHED)):
            row.fail(f"{name}: on given proposals {len(pairs)} of {n} detections matched")

    def check_tool(self, row, path, pictures, ours, first):
        """The tool's JSON and, for the first image, its dump: the library's values, bit by bit."""
        files = []
        for name, picture in pictures:
            files.append(os.path.join(self.args.work, name + ".png"))
            write_png(picture, files[-1])
        for (name, _), found, tool in zip(pictures, ours,
                                          tool_detect(self.args.build, path, files)):
            if any(not np.array_equal(found[k], tool[k]) for k in found):
                row.fail(f"{name}: the frcnn tool and the library disagree")
        dump = os.path.join(self.args.work, "dump")
        tool_detect(self.args.build, path, files[:1], extra=["--dump-stages", dump])
        for name in [key for key in first if isinstance(first[key], np.ndarray) and key != "resized"]:
            values = np.load(os.path.join(dump, name + ".npy")).transpose(0, 2, 3, 1)
            if not np.array_equal(values, first[name]):
                row.fail(f"{name}: the tool dumped {values.shape}, the library {first[name].shape}")
        shutil.rmtree(dump)

    def same_bits(self, row, path, ours, pictures, options):
        stages = Stages(self.args.build, path, threads=self.args.threads)
        for (name, picture), expected in zip(pictures[:3], ours):
            _, found = stages.run(picture, dump=False)
            if any(not np.array_equal(found[k], expected[k]) for k in found):
                row.fail(f"{name}: {os.path.basename(path)} ({describe(options)}) gives other bits")
        stages.close()

    def check_thread(self, row, path):
        """An image so long that torchvision fails on it, with 0 rows: we say 1."""
        stages = Stages(self.args.build, path, threads=self.args.threads)
        got, found = stages.run(images.procedural(5000, 1, 3), dump=False)
        stages.close()
        if got["resized"][0] != 1 or not np.isfinite(found["boxes"]).all():
            row.fail(f"5000x1: resized to {got['resized']}, 1 row expected")

    def finish(self, row):
        good = row.verdict()
        self.rows.append(row)
        print(parity.table([row]).splitlines()[1], flush=True)
        for note in row.notes[:12]:
            print("    " + note, flush=True)
        return good

    def run_family(self, family):
        options, others = FILES[family]
        row = parity.Row(family[len("fasterrcnn_"):])
        model = self.model(family, options.get("frozen", False))
        path = self.path(family, "random", options)
        models.save(model, path, **{k: v for k, v in options.items() if k != "frozen"})
        ours = self.compare(row, Reference(model), path, self.pictures)
        for i, other in enumerate(others):
            twin = self.path(family, f"twin{i}", other)
            copy = models.build(family, other.get("frozen", False))
            copy.load_state_dict(model.state_dict(), strict=False)
            models.save(copy, twin, **{k: v for k, v in other.items() if k != "frozen"})
            self.same_bits(row, twin, ours, self.pictures, other)
        self.check_amount(row)
        self.finish(row)

    def check_amount(self, row):
        if len(self.pictures) >= LEAST_IMAGES and (
                row.found < LEAST_FOUND or len(row.labels) < LEAST_LABELS):
            row.fail(f"too little to compare: {row.found} detections, {len(row.labels)} labels")

    def check_converted(self, row, path, ours):
        """Our own file of the same weights must give the same bits."""
        converted = path + ".safetensors"
        subprocess.run([os.path.join(self.args.build, "models", "frcnn"), "convert", path, converted],
                       check=True, stdout=subprocess.DEVNULL)
        self.same_bits(row, converted, ours, self.pictures, {})
        os.remove(converted)

    def run_caffe(self, family):
        """The weights are kept in the work directory: fitting takes longer than comparing."""
        row = parity.Row(family[len("fasterrcnn_"):])
        path = os.path.join(self.args.work, row.name + ".caffemodel")
        digest = hashlib.sha256(open(os.path.join(HERE, "caffe_models.py"), "rb").read())
        kept = os.path.join(self.args.work, f"{row.name}-{digest.hexdigest()[:16]}.pt")
        net = caffe_models.Net(family)
        if os.path.exists(kept):
            net.load_state_dict(torch.load(kept))
        else:
            net = caffe_reference.random_net(family, [self.pictures[len(self.pictures) // 4][1]])
            torch.save(net.state_dict(), kept)
        caffe_models.save(net, path)
        ours = self.compare(row, caffe_reference.CaffeReference(net, path), path, self.pictures)
        twin = os.path.join(self.args.work, row.name + "-v1.caffemodel")
        caffe_models.save(net, twin, v1=True, old_shape=True)
        self.same_bits(row, twin, ours, self.pictures, {"old_keys": True})
        os.remove(twin)
        self.check_converted(row, path, ours)
        self.check_amount(row)
        self.finish(row)

    def run_detectron2(self):
        row = parity.Row(detectron2_reference.FAMILY)
        path = os.path.join(self.args.work, row.name + ".pkl")
        digest = hashlib.sha256()
        for name in ("detectron2_reference.py", "models.py", "images.py"):
            digest.update(open(os.path.join(HERE, name), "rb").read())
        kept = os.path.join(self.args.work, f"{row.name}-{digest.hexdigest()[:16]}.pt")
        model = detectron2_reference.Detectron2()
        if os.path.exists(kept):
            model.load_state_dict(torch.load(kept))
        else:
            model = detectron2_reference.random_model([self.pictures[len(self.pictures) // 4][1]])
            torch.save(model.state_dict(), kept)
        detectron2_reference.save(model, path)
        ours = self.compare(row, detectron2_reference.Detectron2Reference(model), path, self.pictures)
        twin = path + ".protocol4.pkl"
        detectron2_reference.save(model, twin, 4)
        self.same_bits(row, twin, ours, self.pictures, {})
        os.remove(twin)
        self.check_converted(row, path, ours)
        self.check_amount(row)
        self.finish(row)

    def run_extras(self, family):
        """Other epsilons, exact zeros, odd sizes, trained weights."""
        short = family[len("fasterrcnn_"):]
        edge = [(f"{w}x{h}", images.procedural(w, h, 7 * w + h)) for w, h in images.EDGE_SIZES]
        if family == R50:  # with num_batches_tracked, eps is 1e-5 instead of 0
            row = parity.Row(short + ", tracked")
            model, path = self.model(family, False), self.path(family, "tracked", {})
            models.save(model, path)
            self.compare(row, Reference(model), path, self.pictures[5:9], tool=False)
            self.finish(row)
        row = parity.Row(short + ", zeros, odd sizes")
        model, path = self.model(family, family == LITE, True), self.path(family, "zeros", {})
        models.save(model, path)
        self.compare(row, Reference(model), path, edge, tool=False)
        self.check_thread(row, path)
        self.finish(row)
        if family == LITE and self.args.trained:
            row = parity.Row(short + ", trained")
            model = models.build(family)
            models.load_file(model, self.args.trained)
            self.compare(row, Reference(model), self.args.trained,
                         images.collect(self.args.images, self.args.trained_count))
            self.finish(row)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True, help="build directory, made with -Dtests=true")
    parser.add_argument("--work", required=True, help="directory for models and images")
    parser.add_argument("--images", default="", help="directory of photographs; else procedural")
    parser.add_argument("--count", type=int, default=LEAST_IMAGES, help="images a family")
    parser.add_argument("--families", default="", help="comma-separated family names, or parts of them")
    parser.add_argument("--trained", default="", help="trained weights of the default model")
    parser.add_argument("--trained-count", type=int, default=100)
    parser.add_argument("--threads", type=int, default=0, help="of both; 0 = one a core")
    parser.add_argument("--no-tool", dest="tool", action="store_false")
    parser.add_argument("--no-extras", dest="extras", action="store_false")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    parts = list(filter(None, args.families.split(",")))
    oracle = Oracle(args)
    known = models.FAMILIES + caffe_models.FAMILIES + (detectron2_reference.FAMILY,)
    for family in known[::-1]:
        if parts and not any(family == part if part in known else part in family for part in parts):
            continue
        if family in caffe_models.FAMILIES:
            oracle.run_caffe(family)
            continue
        if family == detectron2_reference.FAMILY:
            oracle.run_detectron2()
            continue
        oracle.run_family(family)
        if args.extras:
            oracle.run_extras(family)
    print(f"\nPyTorch {torch.__version__}, torchvision {torchvision.__version__}, OpenCV "
          f"{cv2.__version__}; errors: share of the tensor's maximum, {parity.STAGE_LIMIT} allowed; "
          f"matched: {parity.MATCHED} needed\n")
    print(parity.table(oracle.rows))
    failed = [row.name for row in oracle.rows if row.notes]
    print("\n" + (f"FAILED: {'; '.join(failed)}" if failed else "parity holds"))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
