# SPDX-License-Identifier: LGPL-2.1-or-later
"""py-faster-rcnn's VGG16 and ZF: seeded weights that behave like trained ones, their .caffemodel in
any of Caffe's styles, and the nets that OpenCV runs them with.

`spread` runs two pictures through the network and fits, layer by layer, in the order of the data:
each convolution's outputs get deviation 1 and a small bias a channel; objectness (foreground − background) has
mean 0 and deviation 2 an anchor, RPN deltas deviation 0.2; hidden units of the head are centred with
deviation 1, class logits with deviation 3, box deltas with 0.1. The background's bias is found by
bisection so that 0.9 (RoI, class) pairs a RoI have a score above 0.05.
"""
import struct

import numpy as np
import torch
import torch.nn.functional as F

FAMILIES = ("fasterrcnn_vgg16", "fasterrcnn_zf")
CLASSES = 21

# name, outputs, kernel, stride, pad; a pool has no outputs
VGG16 = sum(([(f"conv{b}_{i}", 64 << min(b - 1, 3), 3, 1, 1) for i in range(1, n + 1)] +
             [(f"pool{b}", 0, 2, 2, 0)] for b, n in enumerate((2, 2, 3, 3, 3), 1)), [])[:-1]
ZF = [("conv1", 96, 7, 2, 3), ("norm1", 0, 3, 1, 1), ("pool1", 0, 3, 2, 1),
      ("conv2", 256, 5, 2, 2), ("norm2", 0, 3, 1, 1), ("pool2", 0, 3, 2, 1),
      ("conv3", 384, 3, 1, 1), ("conv4", 384, 3, 1, 1), ("conv5", 256, 3, 1, 1)]


class Net:
    """One family: its body, the side of pooled RoIs, and weights: name → (weight, bias), f32."""

    def __init__(self, family):
        self.family, self.body = family, VGG16 if family == FAMILIES[0] else ZF
        self.pooled = 7 if family == FAMILIES[0] else 6
        self.rpn = "rpn_conv/3x3" if family == FAMILIES[0] else "rpn_conv1"
        self.map = self.body[-1][0]
        self.weights = {}

    def state_dict(self):
        return {f"{name}.{i}": torch.from_numpy(np.array(value))
                for name, pair in self.weights.items() for i, value in enumerate(pair)}

    def load_state_dict(self, state):
        names = dict.fromkeys(key[:-2] for key in state)
        self.weights = {n: (state[n + ".0"].numpy(), state[n + ".1"].numpy()) for n in names}


# ---- fitting ----------------------------------------------------------------------------------

def local_norm(x):
    mean = F.avg_pool2d(x * x, 3, 1, 1, count_include_pad=True)
    return x * (1 + 5e-5 * mean) ** -0.75


def fit_layer(net, name, x, shape, generator, target, centred):
    """Draws, scales and keeps a layer; returns its outputs for @x."""
    weight = torch.randn(shape, generator=generator) / np.prod(shape[1:]) ** 0.5
    out = F.conv2d(x, weight, padding=(shape[-1] - 1) // 2) if len(shape) == 4 else x @ weight.T
    rows = out.movedim(1, -1).flatten(0, -2) if len(shape) == 4 else out
    mean = rows.mean(0) if centred else torch.zeros(shape[0])
    factor = target / (rows - mean).std()
    bias = -mean * factor
    if not centred:
        bias = torch.randn(shape[0], generator=generator) * 0.2
    net.weights[name] = ((weight * factor).numpy(), bias.numpy())
    view = (1, -1, 1, 1) if len(shape) == 4 else (1, -1)
    return out * factor + bias.view(view)


def fit_body(net, x, generator):
    for name, outputs, kernel, stride, pad in net.body:
        if name.startswith("pool"):
            x = F.max_pool2d(x, kernel, stride, pad, ceil_mode=True)
        elif name.startswith("norm"):
            x = local_norm(x)
        else:
            shape = (outputs, x.shape[1], kernel, kernel)
            weight = torch.randn(shape, generator=generator) / np.prod(shape[1:]) ** 0.5
            out = F.conv2d(x, weight, None, stride, pad)
            factor = 1 / out.std()
            bias = torch.randn(outputs, generator=generator) * 0.2
            net.weights[name] = ((weight * factor).numpy(), bias.numpy())
            x = torch.relu(out * factor + bias.view(1, -1, 1, 1))
    return x


def fit_rpn(net, x, generator):
    hidden = torch.relu(fit_layer(net, net.rpn, x, (x.shape[1], x.shape[1], 3, 3), generator, 1.0,
                                  False))
    fit_layer(net, "rpn_cls_score", hidden, (18, x.shape[1], 1, 1), generator, 2 ** 0.5, True)
    fit_layer(net, "rpn_bbox_pred", hidden, (36, x.shape[1], 1, 1), generator, 0.2, True)


def fit_head(net, pooled, generator, pairs_per_roi=0.9):
    x = pooled.flatten(1)
    for name in ("fc6", "fc7"):
        x = torch.relu(fit_layer(net, name, x, (4096, x.shape[1]), generator, 1.0, True))
    # A wider spread leaves scores an ulp from 1, and rounding alone to say which of them NMS keeps.
    logits = fit_layer(net, "cls_score", x, (CLASSES, 4096), generator, 2.0, True)
    fit_layer(net, "bbox_pred", x, (4 * CLASSES, 4096), generator, 0.1, True)
    bias, low, high = net.weights["cls_score"][1], 0.0, 30.0
    start = float(bias[0])
    for _ in range(30):
        middle = (low + high) / 2
        moved = logits.clone()
        moved[:, 0] += middle
        more = int((moved.softmax(-1)[:, 1:] > 0.05).sum()) > pairs_per_roi * len(x)
        low, high = (middle, high) if more else (low, middle)
    bias[0] = start + middle


# ---- files ------------------------------------------------------------------------------------

def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def field(number, payload):
    if isinstance(payload, int):
        return varint(number << 3) + varint(payload)
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def blob(array, old_shape):
    data = field(5, np.ascontiguousarray(array, np.float32).tobytes())
    if not old_shape:
        return data + field(7, field(1, b"".join(map(varint, array.shape))))
    shape = (1,) * (4 - array.ndim) + array.shape
    return b"".join(field(i + 1, side) for i, side in enumerate(shape)) + data


def save(net, path, v1=False, old_shape=False):
    """A NetParameter with V1 or V2 layers."""
    with open(path, "wb") as out:
        out.write(field(1, net.family.encode()))
        for name, arrays in net.weights.items():
            kind = "Convolution" if arrays[0].ndim == 4 else "InnerProduct"
            blobs = b"".join(field(6 if v1 else 7, blob(a, old_shape)) for a in arrays)
            if v1:
                layer = blobs + field(5, 4 if arrays[0].ndim == 4 else 14) + field(4, name.encode())
            else:
                layer = field(1, name.encode()) + field(2, kind.encode()) + blobs
            out.write(field(2 if v1 else 100, layer))


# ---- OpenCV -----------------------------------------------------------------------------------

def proto_layer(name, kind, bottoms, top, params):
    bottoms = " ".join(f'bottom: "{b}"' for b in bottoms)
    return f'layer {{ name: "{name}" type: "{kind}" {bottoms} top: "{top}" {params} }}\n'


def proto_conv(name, bottom, outputs, kernel, stride, pad):
    return proto_layer(name, "Convolution", [bottom], name,
                       f"convolution_param {{ num_output: {outputs} kernel_size: {kernel} "
                       f"stride: {stride} pad: {pad} }}")


def proto_linear(name, bottom, outputs):
    return proto_layer(name, "InnerProduct", [bottom], name,
                       f"inner_product_param {{ num_output: {outputs} }}")


def proto_relu(name):
    return proto_layer("relu_" + name, "ReLU", [name], name, "")


def proto_input(name, *shape):
    return f'input: "{name}" input_shape {{ {" ".join(f"dim: {d}" for d in shape)} }}\n'


def trunk_prototxt(net):
    text, x = proto_input("data", 1, 3, 224, 224), "data"
    for name, outputs, kernel, stride, pad in net.body:
        if name.startswith("pool"):
            text += proto_layer(name, "Pooling", [x], name, f"pooling_param {{ pool: MAX "
                                f"kernel_size: {kernel} stride: {stride} pad: {pad} }}")
        elif name.startswith("norm"):
            text += proto_layer(name, "LRN", [x], name, "lrn_param { local_size: 3 alpha: 0.00005 "
                                "beta: 0.75 norm_region: WITHIN_CHANNEL }")
        else:
            text += proto_conv(name, x, outputs, kernel, stride, pad) + proto_relu(name)
        x = name
    channels = net.weights[net.rpn][0].shape[0]
    return text + proto_conv(net.rpn, x, channels, 3, 1, 1) + proto_relu(net.rpn) + \
        proto_conv("rpn_cls_score", net.rpn, 18, 1, 1, 0) + \
        proto_conv("rpn_bbox_pred", net.rpn, 36, 1, 1, 0)


def head_prototxt(net):
    channels = net.weights[net.map][0].shape[0]
    text = proto_input("map", 1, channels, 38, 50) + proto_input("rois", 300, 5)
    text += proto_layer("roi_pool", "ROIPooling", ["map", "rois"], "roi_pool",
                        f"roi_pooling_param {{ pooled_w: {net.pooled} pooled_h: {net.pooled} "
                        "spatial_scale: 0.0625 }")
    text += proto_linear("fc6", "roi_pool", 4096) + proto_relu("fc6")
    text += proto_linear("fc7", "fc6", 4096) + proto_relu("fc7")
    return text + proto_linear("cls_score", "fc7", CLASSES) + \
        proto_linear("bbox_pred", "fc7", 4 * CLASSES)
