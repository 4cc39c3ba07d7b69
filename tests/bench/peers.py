# SPDX-License-Identifier: LGPL-2.1-or-later
"""libfrcnn against other engines on the same weights and the same photograph, in one run.

Models are exported to ONNX from torchvision (opset 17, the photograph's size). Then ours and each
peer take turns: a pair is one burst of single frames of ours and one of the peer's, and its ratio
is that of the two medians. Reported: medians over the pairs. Our time begins with 8-bit RGB pixels,
the peers' with a float image that is already 0 … 1. Beside our int8 stands the peer's bf16, and
OpenVINO's own int8 where NNCF converts the model. Start and memory: medians of processes that do
nothing else, see once.py and `frcnn bench --help`. Run by peers.sh.
"""
import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np
import torch
import torchvision
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "oracle"))
import images  # noqa: E402
import models  # noqa: E402
import report  # noqa: E402
from engine import Stages  # noqa: E402
from engines import PEERS, OpenVino  # noqa: E402

# name → family, what the table says, frames a burst
MODELS = {
    "default": (models.DEFAULT, "default (EfficientNet-Lite0 FPN, 320), trained", 10),
    "mobilenet320": (models.FAMILIES[3], "MobileNetV3-Large 320 FPN, random", 10),
    "mobilenet": (models.FAMILIES[2], "MobileNetV3-Large FPN (800), random", 2),
    "resnet50": (models.FAMILIES[0], "ResNet-50 FPN (800), random", 1),
}


class Exported(torch.nn.Module):
    """The detector from image to detections, and the proposals that its head really saw."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, image):
        model, size = self.model, image.shape[-2:]
        pictures, _ = model.transform([image])
        maps = model.backbone(pictures.tensors)
        proposals, _ = model.rpn(pictures, maps)
        found, _ = model.roi_heads(maps, proposals, pictures.image_sizes)
        found = model.transform.postprocess(found, pictures.image_sizes, [(size[0], size[1])])[0]
        return found["boxes"], found["labels"], found["scores"], proposals[0]


def prepare(name, args, picture):
    """The weights as a file for us and as ONNX; both are kept in the work directory."""
    family = MODELS[name][0]
    height, width = picture.shape[:2]
    tag = ""
    if name == "default":
        tag = "-" + hashlib.sha256(open(args.trained, "rb").read()).hexdigest()[:8]
    onnx = os.path.join(args.work, f"{name}{tag}-{width}x{height}.onnx")
    ours = os.path.join(args.work, name + ("_320_fpn.pth" if name.endswith("320") else "_fpn.pth"))
    if name == "default":
        ours = args.trained
    if os.path.exists(onnx) and os.path.exists(ours):
        return ours, onnx
    if name == "default":
        model = models.build(family)
        models.load_file(model, args.trained)
    else:
        model = models.random_model(family, [picture], 1, True)
        models.save(model, ours)
    tensor = torch.from_numpy(picture).permute(2, 0, 1).float() / 255
    torch.onnx.export(Exported(model), (tensor,), onnx, opset_version=17, dynamo=False,
                      input_names=["image"], output_names=["boxes", "labels", "scores", "proposals"])
    return ours, onnx


def calibrated(name, ours, args):
    """The same model with bounds for int8, measured on the photograph: enough for its speed. The
    trained one has them."""
    if name == "default":
        return ours
    path = os.path.join(args.work, f"{name}-int8.safetensors")
    if not os.path.exists(path):
        subprocess.run([os.path.join(args.build, "models", "frcnn"), "calibrate", ours, args.image,
                        "-o", path, "-q"], check=True)
    return path


def burst(run, frames):
    times, result = [], None
    for _ in range(frames):
        start = time.perf_counter()
        result = run()
        times.append(result.pop("seconds", None) or time.perf_counter() - start)
    return statistics.median(times) * 1e3, result


def quantized(onnx, args, tensor):
    """OpenVINO's int8 of the model, kept in the work directory; None where NNCF is not there or does
    not convert it."""
    path = onnx[:-len(".onnx")] + "-nncf.xml"
    pixels = os.path.join(args.work, "pixels.npy")
    failed = path + ".failed"
    if not os.path.exists(path) and not os.path.exists(failed):
        np.save(pixels, tensor)
        done = subprocess.run([args.nncf_python, "-W", "ignore", os.path.join(HERE, "nncf_int8.py"),
                               onnx, path, pixels], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            with open(failed, "w") as file:
                file.write(done.stdout)
            print(f"{failed}: NNCF did not convert it", file=sys.stderr)
    return path if os.path.exists(path) else None


def our_start(ours, threads, precision, args):
    command = [os.path.join(args.build, "models", "frcnn"), "bench", ours, "--json", "--image",
               args.image, "--size", args.size, "--threads", str(threads), "--precision", precision,
               "--frames", "5", "--warm-up", "0"]
    got = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return {"first_ms": got["first_ms"], "peak_mib": got["peak_bytes"] / 2 ** 20}


def peer_start(peer_name, onnx, threads, precision, args):
    command = [sys.executable, "-W", "ignore", os.path.join(HERE, "once.py"), peer_name, onnx,
               str(threads), precision, os.path.join(args.work, "pixels.npy")]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def starts(peer_name, ours, onnx, threads, precision, args, tensor):
    """Two cells: milliseconds to the first detections, and MiB, ours / the peer's. Alternating."""
    theirs_precision = "bf16" if precision == "int8" else precision
    np.save(os.path.join(args.work, "pixels.npy"), tensor)
    runs = [(our_start(ours, threads, precision, args),
             peer_start(peer_name, onnx, threads, theirs_precision, args))
            for _ in range(args.starts)]

    def median(i, key):
        return statistics.median(run[i][key] for run in runs)

    return [f"{median(0, 'first_ms'):.0f} / {median(1, 'first_ms'):.0f}",
            f"{median(0, 'peak_mib'):.0f} / {median(1, 'peak_mib'):.0f} "
            f"({median(1, 'import_mib'):.0f} before the model)"]


def race(name, peer_name, threads, precision, args, picture):
    """One line of the table. Our int8 meets the peer's bf16."""
    title, frames = MODELS[name][1:]
    ours_path, onnx = prepare(name, args, picture)
    theirs_precision = "bf16" if precision == "int8" else precision
    if precision == "int8":
        ours_path = calibrated(name, ours_path, args)
    tensor = np.ascontiguousarray(picture.transpose(2, 0, 1), np.float32) / 255
    narrow = quantized(onnx, args, tensor) if precision == "int8" and peer_name == "openvino" else None
    peer = PEERS[peer_name](onnx, threads, theirs_precision)
    narrow = narrow and OpenVino(narrow, threads, "bf16")
    stages = Stages(args.build, ours_path, threads=threads, precision=precision)

    def run_ours():
        got, found = stages.run(picture, dump=False)
        return {"seconds": got["seconds"], "found": len(found["scores"]), "rois": got["n_proposals"]}

    def run_peer():
        found, rois = peer.run(tensor)
        return {"found": found, "rois": rois}

    def run_narrow():
        narrow.run(tensor)
        return {}

    runs = [run_ours, run_peer] + ([run_narrow] if narrow else [])
    for run in runs:  # plans, page faults
        burst(run, 2)
    pairs, ours, theirs, int8 = [], {}, {}, []
    for _ in range(args.pairs):
        a, ours = burst(run_ours, frames)
        b, theirs = burst(run_peer, frames)
        pairs.append((a, b, a / b))
        if narrow:
            int8.append(burst(run_narrow, frames)[0])
    stages.close()
    median = [statistics.median(column) for column in zip(*pairs)]
    spread = [f"{min(column):.1f}–{max(column):.1f}" for column in list(zip(*pairs))[:2]]
    cells = [title, f"{precision} / {theirs_precision}", str(threads),
             f"{median[0]:.1f} ({spread[0]})", peer.version, f"{median[1]:.1f} ({spread[1]})",
             f"{median[2]:.2f}", f"{statistics.median(int8):.1f}" if int8 else "–",
             f"{ours['rois']} / {theirs['rois']}", f"{ours['found']} / {theirs['found']}"]
    del peer, narrow
    if args.starts and str(threads) == args.threads.split(",")[0]:
        return cells + starts(peer_name, ours_path, onnx, threads, precision, args, tensor)
    return cells + ["–"] * (2 if args.starts else 0)


def table(rows, args, picture, load):
    head = ["model", "precision", "threads", "ours, ms", "peer", "peer, ms", "ours / peer",
            "peer's int8 (NNCF), ms", "proposals ours / peer", "detections ours / peer"]
    if args.starts:
        head += ["first detection ours / peer, ms", "peak memory ours / peer, MiB"]
    lines = [report.machine(load),
             f"Photograph of {picture.shape[1]}×{picture.shape[0]}, median of "
             f"{args.pairs} alternating pairs (least–most), of {args.starts} starts. Exported with "
             f"torch {torch.__version__}, torchvision {torchvision.__version__}, opset 17.", "",
             "| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image", help="a photograph; it is scaled to --size")
    parser.add_argument("--build", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--trained", default=os.path.join(
        HERE, "..", "..", "models", "voc20_lite0_fpn.safetensors"))
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--peers", default="openvino", help=",".join(PEERS))
    parser.add_argument("--threads", default="2,1", help="thread counts, comma-separated")
    parser.add_argument("--size", default="640x480")
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--starts", type=int, default=3,
                        help="processes for start and memory, with the first thread count")
    parser.add_argument("--nncf-python", default=sys.executable,
                        help="the Python that has nncf, for the peer's own int8")
    parser.add_argument("--precision", default="f32,bf16,int8",
                        help="comma list of f32, bf16 and int8 (against the peer's bf16)")
    parser.add_argument("--prepare", action="store_true", help="only export the models")
    parser.add_argument("--write", default="", help="also put the table into this file")
    args = parser.parse_args()
    size = tuple(int(side) for side in args.size.split("x"))
    picture = np.array(Image.fromarray(images.load(args.image)).resize(size, Image.BILINEAR))
    os.makedirs(args.work, exist_ok=True)
    load, rows = os.getloadavg(), []
    for name in args.models.split(","):
        prepare(name, args, picture)
        for threads in () if args.prepare else map(int, args.threads.split(",")):
            for peer in args.peers.split(","):
                for precision in args.precision.split(","):
                    rows.append(race(name, peer, threads, precision, args, picture))
                    print(" | ".join(rows[-1]), file=sys.stderr, flush=True)
    if not args.prepare:
        report.put("OpenVINO", "tests/bench/peers.sh", table(rows, args, picture, load), args.write)


if __name__ == "__main__":
    main()
