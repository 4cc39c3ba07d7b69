# SPDX-License-Identifier: LGPL-2.1-or-later
"""libfrcnn against other engines on the same weights and the same photograph, in one run.

Models are exported to ONNX from torchvision (opset 17, the photograph's size). Then ours and each
peer take turns: a pair is one burst of single frames of ours and one of the peer's, and its ratio
is that of the two medians. Reported: medians over the pairs. Our time begins with 8-bit RGB pixels,
the peers' with a float image that is already 0 … 1. Run by peers.sh.
"""
import argparse
import datetime
import hashlib
import os
import platform
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
from engine import Stages  # noqa: E402

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


class OpenVino:
    def __init__(self, path, threads, precision):
        import openvino
        self.version = "OpenVINO " + openvino.__version__.split("-")[0]
        compiled = openvino.Core().compile_model(path, "CPU", {
            "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision,
            "INFERENCE_NUM_THREADS": threads})
        self.request = compiled.create_infer_request()

    def run(self, tensor):
        result = self.request.infer([tensor])
        return len(result[2]), len(result[3])


class OnnxRuntime:
    def __init__(self, path, threads, precision):
        import onnxruntime
        self.version = "ONNX Runtime " + onnxruntime.__version__
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        self.session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])

    def run(self, tensor):
        result = self.session.run(None, {"image": tensor})
        return len(result[2]), len(result[3])


PEERS = {"openvino": OpenVino, "onnxruntime": OnnxRuntime}


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
    """The same model with bounds for int8, measured on the photograph: enough for its speed."""
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


def race(name, peer_name, threads, precision, args, picture):
    """One line of the table. Our int8 meets the peer's bf16."""
    family, title, frames = MODELS[name]
    ours_path, onnx = prepare(name, args, picture)
    theirs_precision = "bf16" if precision == "int8" else precision
    if precision == "int8":
        ours_path = calibrated(name, ours_path, args)
    tensor = np.ascontiguousarray(picture.transpose(2, 0, 1), np.float32) / 255
    peer = PEERS[peer_name](onnx, threads, theirs_precision)
    stages = Stages(args.build, ours_path, threads=threads, precision=precision)

    def run_ours():
        got, found = stages.run(picture, dump=False)
        return {"seconds": got["seconds"], "found": len(found["scores"]), "rois": got["n_proposals"]}

    def run_peer():
        found, rois = peer.run(tensor)
        return {"found": found, "rois": rois}

    for run in (run_ours, run_peer):  # plans, page faults
        burst(run, 2)
    pairs, ours, theirs = [], {}, {}
    for _ in range(args.pairs):
        a, ours = burst(run_ours, frames)
        b, theirs = burst(run_peer, frames)
        pairs.append((a, b, a / b))
    stages.close()
    median = [statistics.median(column) for column in zip(*pairs)]
    spread = [f"{min(column):.1f}–{max(column):.1f}" for column in list(zip(*pairs))[:2]]
    return [title, f"{precision} / {theirs_precision}", str(threads), f"{median[0]:.1f} ({spread[0]})", peer.version,
            f"{median[1]:.1f} ({spread[1]})", f"{median[2]:.2f}",
            f"{ours['rois']} / {theirs['rois']}", f"{ours['found']} / {theirs['found']}"]


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def report(rows, args, picture, load):
    head = ["model", "precision", "threads", "ours, ms", "peer", "peer, ms", "ours / peer",
            "proposals ours / peer", "detections ours / peer"]
    lines = ["# Against other engines", "",
             f"{datetime.date.today()}, {processor()}, {os.cpu_count()} cores, "
             f"{platform.system()} {platform.release()}; load average {load[0]:.1f} before, "
             f"{os.getloadavg()[0]:.1f} after.",
             f"Photograph of {picture.shape[1]}×{picture.shape[0]}, median of "
             f"{args.pairs} alternating pairs (least–most). Exported with torch "
             f"{torch.__version__}, torchvision {torchvision.__version__}, opset 17.",
             f"Made by `tests/bench/peers.sh` at revision {revision()}.", "",
             "| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def revision():
    answer = subprocess.run(["git", "-C", HERE, "rev-parse", "--short", "HEAD"],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return answer.stdout.strip() or "unknown"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image", help="a photograph; it is scaled to --size")
    parser.add_argument("--build", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--trained", default=os.path.join(
        HERE, "..", "..", "models", "voc20_lite0_fpn.safetensors"))
    parser.add_argument("--models", default="default,resnet50", help=",".join(MODELS))
    parser.add_argument("--peers", default="openvino", help=",".join(PEERS))
    parser.add_argument("--threads", default="2,1", help="thread counts, comma-separated")
    parser.add_argument("--size", default="640x480")
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--precision", default="f32",
                        help="comma list of f32, bf16 and int8 (against the peer's bf16)")
    parser.add_argument("--prepare", action="store_true", help="only export the models")
    parser.add_argument("--write", default="", help="also write the table to this file")
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
                    print(" | ".join(rows[-1]), flush=True)
    if not args.prepare:
        text = report(rows, args, picture, load)
        print("\n" + text)
        if args.write:
            with open(args.write, "w") as file:
                file.write(text)


if __name__ == "__main__":
    main()
