# SPDX-License-Identifier: LGPL-2.1-or-later
"""py-faster-rcnn's detector around OpenCV's DNN module, which runs the Caffe layers: resize, proposals
and detections in NumPy, step by step as lib/rpn and lib/fast_rcnn do them. In libfrcnn's names, NHWC.
"""
import cv2
import numpy as np
import torch

import caffe_models

MEANS = np.array([102.9801, 115.9465, 122.7717], np.float32)  # B, G, R
SHORT, LONG, STRIDE, ANCHORS = 600, 1000, 16, 9
PRE_NMS, POST_NMS, RPN_NMS, MIN_SIZE = 6000, 300, 0.7, 16
THRESHOLD, NMS, MOST = 0.05, 0.3, 100

# The table of generate_anchors.py's head is in pixels that count from 1.
BASE_ANCHORS = np.array([
    [-83, -39, 100, 56], [-175, -87, 192, 104], [-359, -183, 376, 200],
    [-55, -55, 72, 72], [-119, -119, 136, 136], [-247, -247, 264, 264],
    [-35, -79, 52, 96], [-79, -167, 96, 184], [-167, -343, 184, 360]], np.float32) - 1


def resize(image):
    """uint8 R, G, B → float B, G, R without the means, and the scale."""
    pixels = image[..., ::-1].astype(np.float32) - MEANS
    short, long = min(image.shape[:2]), max(image.shape[:2])
    scale = SHORT / short
    if np.round(scale * long) > LONG:
        scale = LONG / long
    return cv2.resize(pixels, None, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR), scale


def decode(boxes, deltas):
    """[n, 4], [n, 4 k] → [n, 4 k]; sides are x2 − x1 + 1."""
    size = boxes[:, 2:] - boxes[:, :2] + 1
    centre = boxes[:, :2] + 0.5 * size
    d = deltas.reshape(len(boxes), -1, 4)
    with np.errstate(over="ignore"):
        new = np.exp(d[..., 2:]) * size[:, None]
    middle = d[..., :2] * size[:, None] + centre[:, None]
    return np.concatenate([middle - 0.5 * new, middle + 0.5 * new], -1).reshape(len(boxes), -1)


def clip(boxes, height, width):
    most = np.tile(np.array([width - 1, height - 1], np.float32), boxes.shape[1] // 2)
    return np.clip(boxes, 0, most)


def nms(boxes, scores, threshold):
    """Indices that stay, by score; equal ones in their order."""
    order = np.argsort(-scores, kind="stable")
    areas = (boxes[:, 2] - boxes[:, 0] + 1) * (boxes[:, 3] - boxes[:, 1] + 1)
    keep = []
    while len(order):
        i, rest = order[0], order[1:]
        keep.append(i)
        low, high = np.maximum(boxes[i, :2], boxes[rest, :2]), np.minimum(boxes[i, 2:], boxes[rest, 2:])
        inner = np.prod(np.maximum(high - low + 1, 0), -1)
        order = rest[inner / (areas[i] + areas[rest] - inner) <= threshold]
    return np.array(keep, int)


def propose(scores, deltas, height, width, scale):
    """scores [h, w, 9]: what the foreground is ranked by, deltas [h, w, 36]."""
    y, x = np.mgrid[:scores.shape[0], :scores.shape[1]] * STRIDE
    shifts = np.stack([x, y, x, y], -1).astype(np.float32)
    anchors = (shifts[:, :, None] + BASE_ANCHORS).reshape(-1, 4)
    boxes = clip(decode(anchors, deltas.reshape(-1, 4)), height, width)
    scores = scores.reshape(-1)
    large = (boxes[:, 2:] - boxes[:, :2] + 1 >= MIN_SIZE * scale).all(-1)
    boxes, scores = boxes[large], scores[large]
    order = np.argsort(-scores, kind="stable")[:PRE_NMS]
    boxes, scores = boxes[order], scores[order]
    return boxes[nms(boxes, scores, RPN_NMS)[:POST_NMS]]


class CaffeReference:
    def __init__(self, net, path, fast=False):
        """@net: a caffe_models.Net, @path: its .caffemodel. Without @fast OpenCV runs layer by layer,
        without Winograd's rounding."""
        self.net = net
        trunk, head = path + ".trunk.prototxt", path + ".head.prototxt"
        for name, text in ((trunk, caffe_models.trunk_prototxt(net)),
                           (head, caffe_models.head_prototxt(net))):
            with open(name, "w") as out:
                out.write(text)
        self.trunk = cv2.dnn.readNetFromCaffe(trunk, path)
        self.head = cv2.dnn.readNetFromCaffe(head, path)
        for part in () if fast else (self.trunk, self.head):
            part.enableFusion(False)
            if hasattr(part, "enableWinograd"):
                part.enableWinograd(False)

    def run_trunk(self, image):
        pixels, scale = resize(image)
        self.trunk.setInput(pixels.transpose(2, 0, 1)[None], "data")
        names = [self.net.map, "rpn_cls_score", "rpn_bbox_pred"]
        maps = [m.transpose(0, 2, 3, 1) for m in self.trunk.forward(names)]
        # The map is what its ReLU left: OpenCV names layers, not blobs.
        maps[0] = np.maximum(maps[0], 0)
        return pixels, scale, maps

    def run_head(self, features, proposals):
        rois = np.concatenate([np.zeros((len(proposals), 1), np.float32), proposals], 1)
        self.head.setInput(np.ascontiguousarray(features.transpose(0, 3, 1, 2)), "map")
        self.head.setInput(rois.astype(np.float32), "rois")
        return self.head.forward(["roi_pool", "cls_score", "bbox_pred"])

    def detect(self, image, scale, proposals, logits, deltas):
        height, width = image.shape[:2]
        e = np.exp(logits - logits.max(-1, keepdims=True))
        scores = e / e.sum(-1, keepdims=True)
        boxes = clip(decode(proposals / np.float32(scale), deltas), height, width)
        found = []
        for c in range(1, caffe_models.CLASSES):
            rows = np.nonzero(scores[:, c] > THRESHOLD)[0]
            of_class = boxes[rows, 4 * c:4 * c + 4]
            for i in nms(of_class, scores[rows, c], NMS):
                found.append((*of_class[i], scores[rows[i], c], c - 1))
        found.sort(key=lambda row: -row[4])
        rows = np.array(found[:MOST], np.float64).reshape(-1, 6)
        half_open = rows[:, :4] + [0, 0, 1, 1]
        return {"boxes": half_open.astype(np.float32), "scores": rows[:, 4].astype(np.float32),
                "labels": rows[:, 5].astype(int)}

    def run(self, image):
        """As reference.Reference.run ()."""
        pixels, scale, (features, pairs, deltas) = self.run_trunk(image)
        objectness = pairs[..., ANCHORS:] - pairs[..., :ANCHORS]
        # By logit: many probabilities are equal floats, and argsort () leaves those in any order.
        proposals = propose(objectness[0], deltas[0], *pixels.shape[:2], scale)
        pooled, logits, regression = self.run_head(features, proposals)
        stages = {"input": pixels[None, ..., ::-1], "features.0": features,
                  "objectness.0": objectness, "pred_bbox_deltas.0": deltas, "proposals": proposals,
                  "box_roi_pool": pooled.transpose(0, 2, 3, 1),
                  "class_logits": logits[:, None, None], "box_regression": regression[:, None, None],
                  "resized": np.array(pixels.shape[:2])}
        return stages, self.detect(image, scale, proposals, logits, regression)

    def given(self, image, stages):
        """The proposals in pixels of the image, half-open, as libfrcnn takes them from outside."""
        _, scale = resize(image[:, :, :])
        return (stages["proposals"] + np.array([0, 0, 1, 1], np.float32)) / np.float32(scale)


def random_net(family, pictures, seed=1):
    """See caffe_models.py."""
    net = caffe_models.Net(family)
    generator = torch.Generator().manual_seed(seed)
    inputs = [resize(np.array(p))[0] for p in pictures]
    with torch.no_grad():
        x = torch.from_numpy(np.ascontiguousarray(inputs[0].transpose(2, 0, 1)))[None]
        features = caffe_models.fit_body(net, x, generator)
        caffe_models.fit_rpn(net, features, generator)
        boxes = torch.rand(300, 4, generator=generator)
        high, wide = features.shape[2:]
        pooled = []
        for u, v, w, h in boxes.tolist():
            y, x = int(u * (high - 4)), int(v * (wide - 4))
            part = features[:, :, y:y + 4 + int(h * (high - y - 4)), x:x + 4 + int(w * (wide - x - 4))]
            pooled.append(torch.nn.functional.adaptive_max_pool2d(part, net.pooled))
        caffe_models.fit_head(net, torch.cat(pooled), generator)
    return net
