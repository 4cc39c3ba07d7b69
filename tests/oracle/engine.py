# SPDX-License-Identifier: LGPL-2.1-or-later
"""libfrcnn seen from Python: the stages program and the frcnn tool."""
import glob
import json
import os
import shutil
import subprocess
import tempfile

import numpy as np
from PIL import Image


class Stages:
    """One oracle-stages process on one model."""

    def __init__(self, build, model, family=None, threads=0, threshold=0.05, precision="f32"):
        command = [os.path.join(build, "tests", "oracle", "oracle-stages"), model,
                   "--threads", str(threads), "--threshold", repr(threshold),
                   "--precision", precision]
        command += ["--family", family] if family else []
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.folder = tempfile.mkdtemp(prefix="frc-oracle-")

    def run(self, image, given=None, dump=True):
        """@given: [n, 4] proposals in pixels of the image. Returns (stages, found), as Reference
        does; stages also has "n_proposals" and "seconds"."""
        pixels, boxes = os.path.join(self.folder, "pixels"), os.path.join(self.folder, "boxes")
        for path in glob.glob(os.path.join(self.folder, "*.npy")):
            os.remove(path)
        np.ascontiguousarray(image).tofile(pixels)
        if given is not None:
            np.ascontiguousarray(given, np.float32).tofile(boxes)
        height, width = image.shape[:2]
        job = [pixels, width, height, self.folder, "-" if given is None else boxes, int(dump)]
        self.process.stdin.write("\t".join(map(str, job)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        if not answer or answer[0] != "ok":
            raise RuntimeError("oracle-stages: " + (" ".join(answer[1:]) or "ended early"))
        stages = {}
        for path in glob.glob(os.path.join(self.folder, "*.npy")):
            stages[os.path.basename(path)[:-4]] = np.load(path)
        rows = stages.pop("detections")
        stages["resized"] = np.array([int(answer[3]), int(answer[2])])
        stages["n_proposals"], stages["seconds"] = int(answer[1]), float(answer[4])
        return stages, {"boxes": rows[:, :4], "scores": rows[:, 4],
                        "labels": rows[:, 5].astype(int)}

    def close(self):
        self.process.stdin.close()
        status = self.process.wait()
        shutil.rmtree(self.folder)
        if status:
            raise RuntimeError(f"oracle-stages: exit status {status}")


def write_png(image, path):
    Image.fromarray(image).save(path, compress_level=1)


def tool_detect(build, model, paths, family=None, threshold=0.05, extra=()):
    """One `frcnn detect --json`; [found] in the order of @paths."""
    command = [os.path.join(build, "models", "frcnn"), "detect", model, *paths, "--json",
               "--threshold", repr(threshold), "--precision", "f32", *extra]
    command += ["--family", family] if family else []
    text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    lines = [json.loads(line) for line in text.splitlines()]
    if [line["image"] for line in lines] != list(paths):
        raise RuntimeError("frcnn detect: a line an image expected, in order")
    return [{"boxes": np.array([o["box"] for o in line["objects"]], np.float32).reshape(-1, 4),
             "scores": np.array([o["score"] for o in line["objects"]], np.float32),
             "labels": np.array([o["label_id"] for o in line["objects"]], int)} for line in lines]
