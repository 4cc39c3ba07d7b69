# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the *.safetensors of this folder: what torchvision makes of small inputs, stage by stage.

    python tests/golden/generate.py          # torch 2.14.1, torchvision 0.29.1; see tests/oracle

The tests that read them need neither. Tensor names are CASE.WHAT; a case's scalars are the elements
of CASE.args. Feature maps are NHWC, boxes x1, y1, x2, y2. The versions are in the metadata. To
remake only some files, name them. Inputs avoid exact ties, except where a tie is the point and
torchvision's answer to it is defined (stable sorts).
"""
import json
import os
import sys

import numpy as np
import torch
import torchvision
from torchvision.models.detection import rpn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import MultiScaleRoIAlign, batched_nms, nms, roi_align
from torchvision.ops.poolers import LevelMapper, _infer_scale
from torchvision.models.detection._utils import BoxCoder

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "oracle"))
import images  # noqa: E402
import models  # noqa: E402
from reference import Reference  # noqa: E402

DTYPES = {"float32": "F32", "int32": "I32", "uint8": "U8"}
SHIPPED = os.path.join(HERE, "..", "..", "models", "voc20_lite0_fpn.safetensors")


def write(name, tensors):
    header, data = {"__metadata__": {
        "torch": torch.__version__, "torchvision": torchvision.__version__,
        "generator": "tests/golden/generate.py"}}, b""
    for key, value in tensors.items():
        value = value.detach().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
        kind = {"f": np.float32, "i": np.int32, "u": np.uint8}[value.dtype.kind]
        value = np.ascontiguousarray(value, kind)
        header[key] = {"dtype": DTYPES[value.dtype.name], "shape": list(value.shape),
                       "data_offsets": [len(data), len(data) + value.nbytes]}
        data += value.tobytes()
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path = os.path.join(HERE, name + ".safetensors")
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + data)
    print(f"{name}.safetensors: {os.path.getsize(path)} bytes, {len(tensors)} tensors")


def random(seed):
    return torch.Generator().manual_seed(seed)


def uniform(g, *shape, low=0.0, high=1.0):
    return torch.rand(shape, generator=g) * (high - low) + low


def boxes_of(g, n, width, height, least=1.0, most=None):
    """Log-uniform sides."""
    most = most or max(width, height)
    side = least * (most / least) ** uniform(g, n, 2)
    corner = uniform(g, n, 2) * torch.tensor([width, height]) - side / 2
    return torch.cat([corner, corner + side], 1)


def nhwc(x):
    return x.permute(0, 2, 3, 1).contiguous()


def nchw(x):
    return x.permute(0, 3, 1, 2).contiguous()


def make_roi_align():
    """One map with boxes of every kind, then whole pyramids with the choice of level."""
    g, out = random(1), {}
    feature = uniform(g, 1, 13, 17, 5, low=-1, high=1)
    boxes = torch.cat([boxes_of(g, 20, 68, 52), torch.tensor([
        [0, 0, 68, 52], [-30, -20, -5, -3], [60, 45, 90, 80], [200, 200, 300, 300], [10, 10, 10, 10],
        [5, 5, 5.5, 5.25], [0, 0, 0, 0], [-400, 3, 400, 9], [67.9, 51.9, 68, 52.0]])])
    out["one.map"], out["one.boxes"], out["one.args"] = feature, boxes, [0.25]
    out["one.out"] = nhwc(roi_align(nchw(feature), [boxes], 7, 0.25, 2, False))
    out["wide.map"] = feature = uniform(g, 1, 6, 5, 37, low=-1, high=1)
    out["wide.boxes"] = boxes = boxes_of(g, 4, 160, 192)
    out["wide.args"] = [1 / 32]
    out["wide.out"] = nhwc(roi_align(nchw(feature), [boxes], 7, 1 / 32, 2, False))
    for name, image, padded, strides, canonical, c in (
            ("r50", (125, 160), (128, 160), (4, 8, 16, 32), 56, 3),
            ("lite0", (319, 426), (320, 448), (8, 16, 32), 112, 3),
            ("mobile", (320, 427), (320, 448), (32, 32), 224, 6)):
        maps = [uniform(g, 1, padded[0] // s, padded[1] // s, c, low=-1, high=1) for s in strides]
        names = [str(i) for i in range(len(maps))]
        pool = MultiScaleRoIAlign(names, 7, 2, canonical_scale=canonical)
        boxes = boxes_of(g, 24, image[1], image[0], least=8)
        pooled = pool({k: nchw(m) for k, m in zip(names, maps)}, [boxes], [image])
        for i, m in enumerate(maps):
            out[f"{name}.map{i}"] = m
        out[f"{name}.boxes"], out[f"{name}.out"] = boxes, nhwc(pooled)
        out[f"{name}.scales"] = pool.scales
        out[f"{name}.args"] = [len(maps), canonical, *image]
    write("roi_align", out)


def make_resize():
    """Pixels to network input, and the network input's size for many images."""
    out, g = {}, random(2)
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    transform = GeneralizedRCNNTransform(24, 32, mean, std)
    for i, (w, h) in enumerate(((20, 31), (97, 64), (1, 1), (200, 8), (33, 32), (77, 154), (40, 40))):
        pixels = torch.randint(0, 256, (h, w, 3), generator=g).to(torch.uint8)
        made, _ = transform([pixels.permute(2, 0, 1).float() / 255])
        out[f"{i}.pixels"], out[f"{i}.out"] = pixels.numpy(), nhwc(made.tensors)
        out[f"{i}.args"] = np.array([w, h, made.image_sizes[0][1], made.image_sizes[0][0]])
    out["mean"], out["std"] = torch.tensor(mean), torch.tensor(std)
    rows = []
    for least, most in ((800, 1333), (320, 640), (320, 544)):
        generator = np.random.default_rng(least + most)
        sizes = [(500, 375), (121, 77), (231, 154), (77, 154), (2000, 20), (1, 1), (8192, 8192),
                 (1920, 1080), (640, 480), (333, 500)]
        sizes += [tuple(map(int, row)) for row in generator.integers(20, 2500, (90, 2))]
        for w, h in sizes:
            scale = min(least / min(w, h), most / max(w, h))
            made = torch.nn.functional.interpolate(
                torch.empty(1, 1, h, w, device="meta"), scale_factor=scale, mode="bilinear",
                recompute_scale_factor=True, align_corners=False)
            rows.append([least, most, w, h, made.shape[3], made.shape[2]])
    out["sizes"] = np.array(rows)
    write("resize", out)


def make_anchors():
    """A cell's anchors of every family, and a few of the whole grid of a large R50 input."""
    out = {}
    wide = ((32, 64, 128, 256, 512),)
    for name, sizes in (("resnet", ((32,), (64,), (128,), (256,), (512,))), ("mobile", wide * 3),
                        ("lite0", ((24, 40), (72, 120), (192, 304)))):
        made = AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * len(sizes))
        out[name + ".sizes"] = torch.tensor(sizes, dtype=torch.float32)
        out[name + ".base"] = torch.stack(made.cell_anchors)
    made = AnchorGenerator(((32,), (64,), (128,), (256,), (512,)), ((0.5, 1.0, 2.0),) * 5)
    grids = [(200, 272), (100, 136), (50, 68), (25, 34), (13, 17)]
    listing = made(ImageList(torch.empty(1, 3, 800, 1088), [(800, 1066)]),
                   [torch.empty(1, 1, *grid) for grid in grids])[0]
    picks = torch.randperm(len(listing), generator=random(3))[:200].sort().values
    last = torch.arange(len(listing) - 13 * 17 * 3, len(listing))[::7]
    picks = torch.cat([picks, last])
    out["grid.picks"], out["grid.anchors"] = picks.int(), listing[picks]
    out["grid.args"], out["grid.grids"] = np.array([800, 1088]), np.array(grids)
    write("anchors", out)


def make_box_coder():
    g, out = random(4), {}
    for i, weights in enumerate(((1.0, 1.0, 1.0, 1.0), (10.0, 10.0, 5.0, 5.0))):
        boxes = boxes_of(g, 120, 640, 480)
        deltas = torch.randn(120, 4, generator=g) * torch.tensor(weights)
        deltas[:10, 2:] *= 12  # beyond the clip
        out[f"{i}.boxes"], out[f"{i}.deltas"], out[f"{i}.weights"] = boxes, deltas, weights
        out[f"{i}.out"] = BoxCoder(weights).decode_single(deltas, boxes)
    write("box_coder", out)


def make_nms():
    """Plain NMS with tied scores, batched NMS on both sides of 1000 boxes."""
    g, out = random(5), {}
    for name, n, groups, threshold, width, ties in (
            ("plain", 300, 1, 0.5, 200, False), ("ties", 300, 1, 0.5, 120, True),
            ("same", 40, 1, 0.7, 0, True), ("three", 600, 3, 0.7, 300, False),
            ("ninety", 1000, 90, 0.5, 1000, False), ("many", 1100, 20, 0.5, 400, False)):
        boxes = boxes_of(g, n, width or 1, width or 1, least=width / 6 if width else 8,
                         most=width / 3 if width else 8)
        boxes = boxes.clamp(min=0)
        if not width:  # the same box over and over
            boxes = boxes[:1].repeat(n, 1)
        scores = uniform(g, n)
        if ties:
            scores = (scores * 4).floor() / 4
        group = torch.randint(0, groups, (n,), generator=g)
        keep = (nms(boxes, scores, threshold) if groups == 1
                else batched_nms(boxes, scores, group, threshold))
        out |= {f"{name}.boxes": boxes, f"{name}.scores": scores, f"{name}.group": group.int(),
                f"{name}.keep": keep.int(), f"{name}.args": [threshold, groups]}
    # Pairs at an IoU of nearly the threshold: up to 1000 boxes, where groups are moved apart, the
    # rounding of the moved coordinates decides.
    for name, pairs in (("border", 450), ("border_many", 600)):
        size = uniform(g, pairs, 2, low=6, high=30)
        corner = uniform(g, pairs, 2, high=960)
        first = torch.cat([corner, corner + size], 1)
        second = first + torch.cat([size[:, :1] / 3, size[:, :1] * 0], 1).repeat(1, 2)
        boxes, scores = torch.cat([first, second]), uniform(g, 2 * pairs)
        group = torch.randint(0, 90, (pairs,), generator=g).repeat(2)
        keep = batched_nms(boxes, scores, group, 0.5)
        out |= {f"{name}.boxes": boxes, f"{name}.scores": scores, f"{name}.group": group.int(),
                f"{name}.keep": keep.int(), f"{name}.args": [0.5, 90]}
    write("nms", out)


class GivenHead(torch.nn.Module):
    def __init__(self, logits, deltas):
        super().__init__()
        self.result = logits, deltas

    def forward(self, maps):
        return self.result


def make_proposals():
    """RPN outputs to proposals; in "saturated" many sigmoids are exactly 1."""
    g, out = random(6), {}
    sizes, grids = ((24, 40), (72, 120), (192, 304)), ((16, 20), (8, 10), (4, 5))
    for name, shift, pre, post in (("plain", 0, 120, 60), ("saturated", 25, 150, 80),
                                   ("few", -1, 4000, 2000)):
        logits = [torch.randn(1, 6, *grid, generator=g) * 4 + shift for grid in grids]
        deltas = [torch.randn(1, 24, *grid, generator=g) * 0.6 for grid in grids]
        anchors = AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * 3)
        network = rpn.RegionProposalNetwork(
            anchors, GivenHead(logits, deltas), 0.7, 0.3, 256, 0.5,
            {"training": 0, "testing": pre}, {"training": 0, "testing": post}, 0.7).eval()
        picture = ImageList(torch.empty(1, 3, 128, 160), [(117, 150)])
        maps = {str(i): torch.empty(1, 1, *grid) for i, grid in enumerate(grids)}
        (boxes,), _ = network(picture, maps)
        for i in range(3):
            out[f"{name}.level{i}"] = nhwc(torch.cat([logits[i], deltas[i]], 1))
        out[f"{name}.out"] = boxes
        out[f"{name}.args"] = np.array([pre, post, 160, 128, 150, 117])
    out["sizes"] = torch.tensor(sizes, dtype=torch.float32)
    write("proposals", out)


def make_levels():
    """The RoIs' level, on and around its borders, and the scale of maps."""
    g, out = random(7), {}
    for name, k_min, k_max, canonical in (("r50", 2, 5, 224), ("lite0", 3, 5, 112),
                                          ("mobile", 5, 5, 224)):
        side = torch.cat([uniform(g, 200, low=1, high=900),
                          torch.tensor([1 / 8, 1 / 4, 1 / 2, 1, 2, 4]) * canonical])
        ratio = torch.where(torch.arange(len(side)) < 200, uniform(g, len(side), low=0.4, high=2.5), 1)
        boxes = torch.stack([side * 0, side * 0, side * ratio, side / ratio], 1)
        out[f"{name}.boxes"] = torch.cat([boxes, torch.zeros(1, 4)])
        out[f"{name}.args"] = [2.0 ** -k_min, 2.0 ** -k_max, canonical]
        level = LevelMapper(k_min, k_max, canonical)([out[f"{name}.boxes"]])
        out[f"{name}.level"] = level.int()
    rows = []
    for image in (800, 799, 600, 320, 319, 213, 100, 33, 13, 6, 1):
        padded = -(-image // 32) * 32
        for stride in (4, 8, 16, 32):
            size = (padded // stride, 1)
            rows.append([size[0], image, _infer_scale(torch.empty(1, 1, *size), (image, 32))])
    out["scale"] = torch.tensor(rows)
    write("levels", out)


def make_postprocess():
    g, out = random(8), {}
    for name, n, classes, spread in (("small", 60, 11, 2.0), ("many", 45, 91, 1.0)):
        proposals = boxes_of(g, n, 300, 200, least=4).clamp(min=0)
        proposals[:, 2:] = torch.minimum(proposals[:, 2:], torch.tensor([300.0, 200.0]))
        logits = torch.randn(n, classes, generator=g) * spread
        deltas = torch.randn(n, 4 * classes, generator=g)
        threshold = 0.05 if name == "small" else 0.008
        heads = RoIHeads(None, None, None, 0.5, 0.5, 512, 0.25, None, threshold, 0.5, 100)
        boxes, scores, labels = heads.postprocess_detections(logits, deltas, [proposals], [(200, 300)])
        out |= {f"{name}.proposals": proposals, f"{name}.head": torch.cat([logits, deltas], 1),
                f"{name}.boxes": boxes[0], f"{name}.scores": scores[0],
                f"{name}.labels": (labels[0] - 1).int(),
                f"{name}.args": [classes, threshold, 300, 200]}
    write("postprocess", out)


def make_default_model():
    """The shipped default model at 96 rows on cars.png (a part of pipelines/demo.webm's second
    frame): every 13th value of each stage (97th of the pooled RoIs)."""
    model = models.build(models.DEFAULT, min_size=96, max_size=163, box_score_thresh=0.02)
    models.load_file(model, SHIPPED)
    out, picture = {}, images.load(os.path.join(HERE, "cars.png"))
    stages, found = Reference(model).run(picture)
    for name, value in stages.items():
        if name == "resized":
            continue
        if name == "proposals":
            out["stage.proposals"] = value
            continue
        step = 97 if name == "box_roi_pool" else 13
        out["stage." + name] = value.reshape(-1)[::step]
        out["about." + name] = np.array([*value.shape, step])
        out["max." + name] = np.array([np.abs(value).max()], np.float32)
    out["picture"], out["args"] = picture, np.array([96, 163, 0.02], np.float32)
    out["boxes"], out["scores"] = found["boxes"], found["scores"]
    out["labels"] = found["labels"].astype(np.int32)
    print(f"default model: {len(found['scores'])} detections, {found['scores'][:5]}")
    write("default_model", out)


if __name__ == "__main__":
    torch.manual_seed(0)
    for key, make in list(globals().items()):
        if key.startswith("make_") and (not sys.argv[1:] or key[5:] in sys.argv[1:]):
            make()
