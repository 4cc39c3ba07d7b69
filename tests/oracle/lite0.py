# SPDX-License-Identifier: LGPL-2.1-or-later
"""EfficientNet-Lite0 with a three-level FPN in torchvision's FasterRCNN: the default family.

EfficientNet-Lite0 is the network of Tan & Le 2019 without squeeze-and-excitation, with ReLU6 and a
fixed stem and head. Convolutions pad as TensorFlow's "SAME" does for even sizes: of the k - s rows
that a window overhangs, the smaller half goes before. Batch norm is frozen, eps 1e-3. State keys:
`backbone.body.stem.{conv,bn}`, `backbone.body.blocks.N.layers.{expand,bn0,depthwise,bn1,project,
bn2}`, and torchvision's own for everything else.
"""
from collections import OrderedDict

from torch import nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign
from torchvision.ops.misc import FrozenBatchNorm2d

# (repeats, channels, kernel, stride of the first, expansion); True: the FPN reads its last block
STAGES = (((1, 16, 3, 1, 1), False), ((2, 24, 3, 2, 6), False), ((2, 40, 5, 2, 6), True),
          ((3, 80, 3, 2, 6), False), ((3, 112, 5, 1, 6), True), ((4, 192, 5, 2, 6), False),
          ((1, 320, 3, 1, 6), True))
FPN_CHANNELS, HEAD_WIDTH = 128, 512
ANCHOR_SIZES = ((24, 40), (72, 120), (192, 304))


class PaddedConv(nn.Conv2d):
    def __init__(self, cin, cout, kernel=1, stride=1, groups=1):
        super().__init__(cin, cout, kernel, stride, groups=groups, bias=False)
        over = max(kernel - stride, 0)
        self.sides = [over // 2, over - over // 2] * 2

    def forward(self, x):
        return super().forward(nn.functional.pad(x, self.sides))


def norm(channels):
    return FrozenBatchNorm2d(channels, eps=1e-3)


class InvertedResidual(nn.Module):
    def __init__(self, cin, cout, kernel, stride, expansion):
        super().__init__()
        mid, parts = cin * expansion, []
        if expansion > 1:
            parts += [("expand", PaddedConv(cin, mid)), ("bn0", norm(mid)), ("relu0", nn.ReLU6())]
        parts += [("depthwise", PaddedConv(mid, mid, kernel, stride, mid)), ("bn1", norm(mid)),
                  ("relu1", nn.ReLU6()), ("project", PaddedConv(mid, cout)), ("bn2", norm(cout))]
        self.layers = nn.Sequential(OrderedDict(parts))
        self.residual = cin == cout and stride == 1

    def forward(self, x):
        return self.layers(x) + x if self.residual else self.layers(x)


class Body(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(OrderedDict(
            conv=PaddedConv(3, 32, 3, 2), bn=norm(32), relu=nn.ReLU6()))
        self.blocks, self.taken, cin = nn.ModuleList(), [], 32
        for (repeats, cout, kernel, stride, expansion), taken in STAGES:
            for i in range(repeats):
                self.blocks.append(
                    InvertedResidual(cin, cout, kernel, stride if i == 0 else 1, expansion))
                cin = cout
            if taken:
                self.taken.append(len(self.blocks) - 1)

    def forward(self, x):
        maps, x = OrderedDict(), self.stem(x)
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in self.taken:
                maps[str(len(maps))] = x
        return maps


class Trunk(nn.Sequential):
    def __init__(self):
        inputs = [config[1] for config, taken in STAGES if taken]
        super().__init__(OrderedDict(
            body=Body(), fpn=FeaturePyramidNetwork(inputs, FPN_CHANNELS)))
        self.out_channels = FPN_CHANNELS


def fasterrcnn_efficientnet_lite0_fpn(num_classes=21, **options):
    settings = dict(
        min_size=320, max_size=544, image_mean=[127 / 255] * 3, image_std=[128 / 255] * 3,
        rpn_anchor_generator=AnchorGenerator(ANCHOR_SIZES, ((0.5, 1.0, 2.0),) * 3),
        rpn_pre_nms_top_n_test=400, rpn_post_nms_top_n_test=150,
        box_roi_pool=MultiScaleRoIAlign(["0", "1", "2"], 7, 2, canonical_scale=112),
        box_head=TwoMLPHead(FPN_CHANNELS * 7 * 7, HEAD_WIDTH),
        box_predictor=FastRCNNPredictor(HEAD_WIDTH, num_classes))
    settings.update(options)
    return FasterRCNN(Trunk(), None, **settings)
