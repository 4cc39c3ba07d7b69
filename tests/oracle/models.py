# SPDX-License-Identifier: LGPL-2.1-or-later
"""The five families with seeded random weights that behave like trained ones, and their files.

Freshly initialised, a detector of 91 classes scores every class about 1/91 and nothing survives
the 0.05 threshold. `spread` runs a few images through the network and fits, layer by layer, in the
order of the data:
 - each batch norm: the incoming channel is scaled (through the weight of the convolution before
   it) so that its variance is log-uniform in 1e-6 … 10, running_mean and running_var become what
   is then measured, the affine part is drawn from U(0.5, 1.5) and N(1, 0.5);
 - each squeeze-and-excitation gate: its input to hard-sigmoid gets standard deviation 1;
 - the RPN: hidden maps of deviation 1, objectness of mean 0 and deviation 2 an anchor, box deltas
   of deviation 0.3, over all levels;
 - the box head: each hidden unit centred, deviation 1 over the RoIs; each class logit centred,
   deviation 3; box regression of deviation 1 (the box coder divides it by 10, 10, 5, 5);
 - the background's bias: found by bisection so that there are 0.9 (RoI, class) pairs with a score
   above 0.05 for each RoI. With 1000 RoIs an image lies on either side of the 1000 boxes at which
   torchvision changes its way of separating classes in NMS.
"""
import json
from collections import OrderedDict

import numpy as np
import torch
from torch import nn
from torchvision.models import detection
from torchvision.ops.misc import FrozenBatchNorm2d, SqueezeExcitation

from lite0 import fasterrcnn_efficientnet_lite0_fpn

FAMILIES = ("fasterrcnn_resnet50_fpn", "fasterrcnn_resnet50_fpn_v2",
            "fasterrcnn_mobilenet_v3_large_fpn", "fasterrcnn_mobilenet_v3_large_320_fpn",
            "fasterrcnn_efficientnet_lite0_fpn")
DEFAULT = FAMILIES[4]


def freeze(module, eps):
    """Every BatchNorm2d becomes FrozenBatchNorm2d: no num_batches_tracked, its own @eps."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            frozen = FrozenBatchNorm2d(child.num_features, eps)
            frozen.load_state_dict(child.state_dict(), strict=False)
            setattr(module, name, frozen)
        else:
            freeze(child, eps)


def build(family, frozen=False, **options):
    """@frozen: as torchvision builds it for its released weights: R50 with eps 0, MobileNet 1e-5.
    Otherwise BatchNorm2d, eps 1e-5. The default family is always frozen, eps 1e-3."""
    if family == DEFAULT:
        return fasterrcnn_efficientnet_lite0_fpn(**options).eval()
    model = getattr(detection, family)(weights=None, weights_backbone=None, **options)
    if frozen:
        freeze(model, 0.0 if family == "fasterrcnn_resnet50_fpn" else 1e-5)
    return model.eval()


def rescale(layer, outputs, target, centred):
    """Scales @layer (whose @outputs are given: [N, C, …] each) to deviation @target; with
    @centred, each channel's bias takes its mean away."""
    rows = torch.cat([t.movedim(1, -1).flatten(0, -2) for t in outputs])
    mean = rows.mean(0) if centred else torch.zeros(rows.shape[1])
    factor = target / (rows - mean).std().clamp_min(1e-12)
    layer.weight.mul_(factor)
    layer.bias.copy_((layer.bias - mean) * factor)


def fit_trunk(model, generator):
    """Hooks that fit batch norms and gates while data flows through; returns their handles."""
    last = []

    def fit_norm(norm, args):
        x, conv = args[0], last[-1]
        std = x.std((0, 2, 3)).clamp_min(1e-4)
        wanted = 10 ** (torch.rand(std.shape, generator=generator) * 3.5 - 3)
        conv.weight.mul_((wanted / std).view(-1, 1, 1, 1))
        x = x * (wanted / std).view(1, -1, 1, 1)
        norm.running_mean.copy_(x.mean((0, 2, 3)))
        norm.running_var.copy_(x.var((0, 2, 3)))
        norm.weight.copy_(torch.rand(std.shape, generator=generator) + 0.5)
        norm.bias.copy_(torch.randn(std.shape, generator=generator) * 0.5 + 1)
        return (x,)

    def fit_gate(conv, args, out):
        factor = 1 / out.std().clamp_min(1e-12)
        conv.weight.mul_(factor)
        conv.bias.mul_(factor)
        return out * factor

    handles = []
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm2d, FrozenBatchNorm2d)):
            handles.append(module.register_forward_pre_hook(fit_norm))
        elif isinstance(module, nn.Conv2d):
            handles.append(module.register_forward_hook(lambda m, i, o: last.append(m)))
        elif isinstance(module, SqueezeExcitation):
            handles.append(module.fc2.register_forward_hook(fit_gate))
    return handles


def fit_rpn(head, maps):
    for block in head.conv:
        nn.init.kaiming_normal_(block[0].weight)
        rescale(block[0], [block[0](x) for x in maps], 1.0, False)
        maps = [block(x) for x in maps]
    rescale(head.cls_logits, [head.cls_logits(x) for x in maps], 2.0, True)
    rescale(head.bbox_pred, [head.bbox_pred(x) for x in maps], 0.3, True)


def fit_head(roi_heads, pooled, pairs_per_roi=0.9):
    x = pooled
    for module in roi_heads.box_head.children():
        if isinstance(module, nn.Linear):
            x = x.flatten(1)
            rescale(module, [module(x)], 1.0, True)
            x = torch.relu(module(x))
        else:
            x = module(x)
    predictor = roi_heads.box_predictor
    rescale(predictor.cls_score, [predictor.cls_score(x)], 3.0, True)
    rescale(predictor.bbox_pred, [predictor.bbox_pred(x)], 1.0, True)
    low, high = 0.0, 30.0
    for _ in range(30):
        predictor.cls_score.bias[0] = middle = (low + high) / 2
        scores = predictor.cls_score(x).softmax(-1)[:, 1:]
        more = int((scores > 0.05).sum()) > pairs_per_roi * len(x)
        low, high = (middle, high) if more else (low, middle)


@torch.no_grad()
def spread(model, pictures, seed):
    """@pictures: [uint8 h × w × 3]. See the top of this file."""
    generator = torch.Generator().manual_seed(seed)
    images, _ = model.transform([torch.from_numpy(np.array(p)).permute(2, 0, 1) / 255
                                 for p in pictures])
    handles = fit_trunk(model, generator)
    maps = model.backbone(images.tensors)
    fit_rpn(model.rpn.head, list(maps.values()))
    proposals, _ = model.rpn(images, maps)
    pooled = model.roi_heads.box_roi_pool(maps, proposals, images.image_sizes)
    fit_head(model.roi_heads, pooled)
    for handle in handles:
        handle.remove()
    return model


def random_model(family, pictures, seed=1, frozen=False, **options):
    torch.manual_seed(seed)
    return spread(build(family, frozen, **options), pictures, seed)


def zero_variances(model, count=3):
    """Exact zeros as pruned or dead channels leave them: running_var 0 and a weight of 0 before,
    in the first @count channels of every batch norm that a convolution feeds."""
    conv = None
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Conv2d):
                conv = module
            elif isinstance(module, (nn.BatchNorm2d, FrozenBatchNorm2d)):
                conv.weight[:count] = 0
                module.running_var[:count] = 0
                module.running_mean[:count] = 0
    return model


OLD_KEYS = (("rpn.head.conv.0.0.", "rpn.head.conv."),) + tuple(
    (f"backbone.fpn.{kind}_blocks.{i}.0.", f"backbone.fpn.{kind}_blocks.{i}.")
    for kind in ("inner", "layer") for i in range(4))


def save(model, path, legacy=False, old_keys=False, channels_last=False, parameters=False):
    """@legacy: the stream of before torch 1.6, else a zip archive. @old_keys: torchvision's names
    of before 0.13. @channels_last: strided tensors. @parameters: nn.Parameter instead of Tensor."""
    source = model.state_dict(keep_vars=parameters)
    state = OrderedDict()
    state._metadata = source._metadata
    for key, value in source.items():
        for new, old in OLD_KEYS if old_keys else ():
            if key.startswith(new):
                key = old + key[len(new):]
                break
        if channels_last and value.dim() == 4:
            value = value.contiguous(memory_format=torch.channels_last)
        state[key] = value
    torch.save(state, path, _use_new_zipfile_serialization=not legacy)


def load_file(model, path):
    """A .pth, or a safetensors file (ours: f16 matrices), into @model."""
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if size > 1 << 24:
            model.load_state_dict(torch.load(path, weights_only=True))
            return
        header = json.loads(file.read(size))
        data = file.read()
    types = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
    state = {}
    for key, entry in header.items():
        if key != "__metadata__":
            begin, end = entry["data_offsets"]
            values = torch.frombuffer(bytearray(data[begin:end]), dtype=types[entry["dtype"]])
            state[key] = values.float().reshape(entry["shape"])
    model.load_state_dict(state)
