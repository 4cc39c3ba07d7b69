# SPDX-License-Identifier: LGPL-2.1-or-later
"""Detectron2's Faster R-CNN R50-FPN from torchvision's operators with Detectron2's settings, step by
step as its modeling/ does them; its .pkl; seeded weights by models.py's fitting.
"""
import pickle

import numpy as np
import torch
from PIL import Image
from torch import nn
from torchvision.models import resnet50
from torchvision.models.detection.faster_rcnn import TwoMLPHead
from torchvision.models.detection.rpn import RPNHead
from torchvision.ops import (FeaturePyramidNetwork, batched_nms, clip_boxes_to_image, roi_align)
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool
from torchvision.ops.misc import FrozenBatchNorm2d

import models
from reference import nhwc

FAMILY = "detectron2_faster_rcnn_r50_fpn"
MEANS = (103.53, 116.28, 123.675)  # B, G, R
CLASSES = 80
HOLES = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)
LABELS = np.array([i - 1 for i in range(1, 91) if i not in HOLES])  # of each class: COCO id − 1
STRIDES, SIZES, RATIOS = (4, 8, 16, 32, 64), (32, 64, 128, 256, 512), (0.5, 1.0, 2.0)
CLAMP = np.log(1000 / 16)


class Detectron2(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = resnet50(norm_layer=lambda n: FrozenBatchNorm2d(n, 1e-5))
        self.body.fc = self.body.avgpool = nn.Identity()
        for layer in (self.body.layer2, self.body.layer3, self.body.layer4):  # STRIDE_IN_1X1
            layer[0].conv1.stride, layer[0].conv2.stride = (2, 2), (1, 1)
        self.fpn = FeaturePyramidNetwork([256, 512, 1024, 2048], 256, LastLevelMaxPool())
        self.rpn_head = RPNHead(256, len(RATIOS))
        self.box_head = TwoMLPHead(256 * 49, 1024)
        self.box_predictor = nn.Module()
        self.box_predictor.cls_score = nn.Linear(1024, CLASSES + 1)
        self.box_predictor.bbox_pred = nn.Linear(1024, 4 * CLASSES)

    def maps(self, x):
        body, found = self.body, {}
        x = body.maxpool(body.relu(body.bn1(body.conv1(x))))
        for i, layer in enumerate((body.layer1, body.layer2, body.layer3, body.layer4)):
            x = found[str(i)] = layer(x)
        return list(self.fpn(found).values())


def resize(image):
    """ResizeShortestEdge (800, 1333): uint8 R, G, B."""
    h, w = image.shape[:2]
    scale = 800 / min(h, w)
    new_h, new_w = (800, scale * w) if h < w else (scale * h, 800)
    if max(new_h, new_w) > 1333:
        scale = 1333 / max(new_h, new_w)
        new_h, new_w = new_h * scale, new_w * scale
    size = (max(int(new_w + 0.5), 1), max(int(new_h + 0.5), 1))
    return np.asarray(Image.fromarray(np.ascontiguousarray(image)).resize(size, Image.BILINEAR))


def to_input(pixels):
    """→ B, G, R without means, padded to multiples of 32 at the bottom and right."""
    x = torch.from_numpy(pixels[..., ::-1].astype(np.float32)) - torch.tensor(MEANS)
    h, w = pixels.shape[:2]
    return nn.functional.pad(x.permute(2, 0, 1)[None], (0, -w % 32, 0, -h % 32))


def decode(boxes, deltas, weights):
    size = boxes[:, 2:] - boxes[:, :2]
    centre = boxes[:, :2] + 0.5 * size
    d = deltas.view(len(boxes), -1, 4) / torch.tensor(weights)
    middle = d[..., :2] * size[:, None] + centre[:, None]
    half = 0.5 * torch.exp(d[..., 2:].clamp(max=CLAMP)) * size[:, None]
    return torch.cat([middle - half, middle + half], -1).view(len(boxes), -1)


def anchors_of(level, height, width):
    base = []
    for ratio in RATIOS:
        w = (SIZES[level] ** 2 / ratio) ** 0.5
        base.append([-w / 2, -ratio * w / 2, w / 2, ratio * w / 2])
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    shifts = torch.stack([x, y, x, y], -1).float() * STRIDES[level]
    return (shifts[:, :, None] + torch.tensor(base)).view(-1, 4)


def propose(levels, size):
    """levels: (logits, deltas) [1, 3, h, w], [1, 12, h, w]."""
    boxes, scores, numbers = [], [], []
    for level, (logits, deltas) in enumerate(levels):
        flat = logits[0].permute(1, 2, 0).reshape(-1)
        order = torch.sort(flat, descending=True, stable=True)[1][:1000]
        anchors = anchors_of(level, *logits.shape[2:])[order]
        boxes.append(decode(anchors, deltas[0].permute(1, 2, 0).reshape(-1, 4)[order], (1., 1., 1., 1.)))
        scores.append(flat[order])
        numbers.append(torch.full_like(order, level))
    boxes, scores, numbers = map(torch.cat, (boxes, scores, numbers))
    boxes = clip_boxes_to_image(boxes, size)
    keep = ((boxes[:, 2:] - boxes[:, :2]) > 0).all(-1)
    boxes, scores, numbers = boxes[keep], scores[keep], numbers[keep]
    return boxes[batched_nms(boxes, scores, numbers, 0.7)[:1000]]


def pool(maps, boxes):
    side = ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).sqrt()
    level = torch.floor(4 + torch.log2(side / 224 + 1e-8)).clamp(2, 5).long() - 2
    out = torch.zeros(len(boxes), 256, 7, 7)
    for i in range(4):
        rows = torch.nonzero(level == i)[:, 0]
        rois = torch.cat([torch.zeros(len(rows), 1), boxes[rows]], 1)
        out[rows] = roi_align(maps[i], rois, (7, 7), 1 / STRIDES[i], 0, True)
    return out


def detect(boxes, logits, deltas, size, image_size):
    scores = logits.softmax(-1)[:, :-1]
    boxes = clip_boxes_to_image(decode(boxes, deltas, (10., 10., 5., 5.)).view(-1, 4), size)
    boxes = boxes.view(len(logits), -1, 4)
    rows, classes = torch.nonzero(scores > 0.05, as_tuple=True)
    boxes, scores = boxes[rows, classes], scores[rows, classes]
    keep = batched_nms(boxes, scores, classes, 0.5)[:100]
    boxes, scores, classes = boxes[keep], scores[keep], classes[keep]
    ratio = torch.tensor([image_size[1] / size[1], image_size[0] / size[0]]).repeat(2)
    boxes = clip_boxes_to_image(boxes * ratio, image_size)
    there = ((boxes[:, 2:] - boxes[:, :2]) > 0).all(-1)
    return {"boxes": boxes[there].numpy(), "scores": scores[there].numpy(),
            "labels": LABELS[classes[there].numpy()]}


class Detectron2Reference:
    def __init__(self, model):
        self.model = model.eval()

    @torch.no_grad()
    def run(self, image):
        """As reference.Reference.run (); logits are background first, as libfrcnn orders them."""
        pixels = resize(image)
        size, x = pixels.shape[:2], to_input(pixels)
        maps = self.model.maps(x)
        levels = list(zip(*self.model.rpn_head(maps)))
        boxes = propose(levels, size)
        pooled = pool(maps, boxes)
        hidden = self.model.box_head(pooled)
        logits = self.model.box_predictor.cls_score(hidden)
        deltas = self.model.box_predictor.bbox_pred(hidden)
        stages = {"input": nhwc(x)[..., ::-1]}
        for i, (features, (objectness, moves)) in enumerate(zip(maps, levels)):
            stages[f"features.p{i + 2}"] = nhwc(features)
            stages[f"objectness.{i}"] = nhwc(objectness)
            stages[f"pred_bbox_deltas.{i}"] = nhwc(moves)
        stages.update({"proposals": boxes.numpy(), "box_roi_pool": nhwc(pooled),
                       "class_logits": nhwc(torch.cat([logits[:, -1:], logits[:, :-1]], 1)),
                       "box_regression": nhwc(deltas), "resized": np.array(size)})
        return stages, detect(boxes, logits, deltas, size, image.shape[:2])

    def given(self, image, stages):
        """The proposals in pixels of the image, as libfrcnn takes them from outside."""
        ratio = np.array(image.shape[1::-1]) / stages["resized"][::-1]
        return stages["proposals"] * np.tile(ratio, 2)


@torch.no_grad()
def random_model(pictures, seed=1):
    torch.manual_seed(seed)
    model = Detectron2().eval()
    pixels = resize(np.array(pictures[0]))
    x = to_input(pixels)
    model.body.conv1.weight.div_(60)
    handles = models.fit_trunk(model, torch.Generator().manual_seed(seed))
    maps = model.maps(x)
    for handle in handles:
        handle.remove()
    models.fit_rpn(model.rpn_head, maps)
    boxes = propose(list(zip(*model.rpn_head(maps))), pixels.shape[:2])
    models.fit_head(model, pool(maps, boxes))
    score = model.box_predictor.cls_score  # fitted with background first
    score.weight.copy_(torch.roll(score.weight, -1, 0))
    score.bias.copy_(torch.roll(score.bias, -1, 0))
    return model


def zoo_name(name):
    """This module's name of a tensor → the model zoo's."""
    part = name.split(".")
    if part[0] == "body":
        last = part[-1]
        if part[1] in ("conv1", "bn1"):
            return "backbone.bottom_up.stem.conv1." + ("norm." if part[1] == "bn1" else "") + last
        stage = f"backbone.bottom_up.res{int(part[1][5:]) + 1}.{part[2]}."
        if part[3] == "downsample":
            return stage + "shortcut." + ("norm." if part[4] == "1" else "") + last
        return stage + ("conv" + part[3][2:] + ".norm." if part[3].startswith("bn") else
                        part[3] + ".") + last
    if part[0] == "fpn":
        kind = "lateral" if part[1] == "inner_blocks" else "output"
        return f"backbone.fpn_{kind}{int(part[2]) + 2}.{part[-1]}"
    if part[0] == "rpn_head":
        kind = {"conv": "conv", "cls_logits": "objectness_logits", "bbox_pred": "anchor_deltas"}
        return f"proposal_generator.rpn_head.{kind[part[1]]}.{part[-1]}"
    return "roi_heads." + name.replace("fc6", "fc1").replace("fc7", "fc2")


def save(model, path, protocol=3):
    """As the model zoo's files: NumPy arrays in a dictionary."""
    arrays = {zoo_name(name): value.numpy() for name, value in model.state_dict().items()}
    for i, size in enumerate(SIZES):
        arrays[f"proposal_generator.anchor_generator.cell_anchors.{i}"] = \
            anchors_of(i, 1, 1).numpy()
    with open(path, "wb") as out:
        pickle.dump({"model": arrays, "__author__": "Detectron2 Model Zoo"}, out, protocol=protocol)
