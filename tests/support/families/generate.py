#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the tensor names and shapes of each family, one a line, beside this script.

The lists are torchvision's own state_dicts; the default model's is read from its weights file.
Needs torch and torchvision: generate.py [VOC20_LITE0_FPN.pth]
"""
import os
import sys

import torch
import torchvision
from torchvision.models import detection

FAMILIES = ("fasterrcnn_resnet50_fpn", "fasterrcnn_resnet50_fpn_v2",
            "fasterrcnn_mobilenet_v3_large_fpn")  # ..._320_fpn has the same tensors


def write(family, state):
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), family + ".txt")
    with open(path, "w") as out:
        out.write("# torch %s, torchvision %s\n" % (torch.__version__, torchvision.__version__))
        for name, tensor in state.items():
            if not name.endswith("num_batches_tracked"):
                out.write("%s %s\n" % (name, "x".join(map(str, tensor.shape))))


for name in FAMILIES:
    write(name, getattr(detection, name)(weights=None, weights_backbone=None).state_dict())
if len(sys.argv) > 1:
    write("fasterrcnn_efficientnet_lite0_fpn", torch.load(sys.argv[1], weights_only=True))
