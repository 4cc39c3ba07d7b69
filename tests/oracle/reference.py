# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs a torchvision detector and keeps what flows between its parts, in libfrcnn's names, NHWC."""
import numpy as np
import torch


def nhwc(tensor):
    """[N, C, H, W] → [N, H, W, C]; matrices [N, C] → [N, 1, 1, C]."""
    array = tensor.detach().float().numpy()
    if array.ndim == 2:
        return array[:, None, None, :]
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1))


class Reference:
    def __init__(self, model):
        self.model, self.seen = model.eval(), {}
        heads = model.roi_heads
        for name, module in (("transform", model.transform), ("maps", model.backbone),
                             ("rpn_head", model.rpn.head), ("rpn", model.rpn),
                             ("pooled", heads.box_roi_pool), ("predictor", heads.box_predictor)):
            module.register_forward_hook(
                lambda m, i, o, name=name: self.seen.__setitem__(name, o))

    @torch.no_grad()
    def run(self, image):
        """@image: uint8 [h, w, 3]. Returns (stages, found): stages maps a name to an array, found
        has boxes [n, 4] in pixels of the image, scores [n], labels [n] (0 = the first class)."""
        chw = torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255
        # The pooler keeps the scales of the first image it ever saw: a strip's differ from those of
        # other images, and a result must not depend on what came before.
        self.model.roi_heads.box_roi_pool.scales = None
        result = self.model([chw])[0]
        seen = self.seen
        stages = {"input": nhwc(seen["transform"][0].tensors)}
        for name, value in seen["maps"].items():
            stages["features." + name] = nhwc(value)
        for i, (logits, deltas) in enumerate(zip(*seen["rpn_head"])):
            stages[f"objectness.{i}"] = nhwc(logits)
            stages[f"pred_bbox_deltas.{i}"] = nhwc(deltas)
        stages["proposals"] = seen["rpn"][0][0].numpy()
        stages["box_roi_pool"] = nhwc(seen["pooled"])
        stages["class_logits"], stages["box_regression"] = map(nhwc, seen["predictor"])
        stages["resized"] = np.array(seen["transform"][0].image_sizes[0])  # height, width
        found = {"boxes": result["boxes"].numpy(), "scores": result["scores"].numpy(),
                 "labels": result["labels"].numpy() - 1}
        return stages, found

    def given(self, image, stages):
        """The proposals in pixels of the image, as libfrcnn takes them from outside."""
        ratio = np.array(image.shape[1::-1]) / stages["resized"][::-1]
        return stages["proposals"] * np.tile(ratio, 2)
