/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "anchors.h"

#include <math.h>

#define CAFFE_BASE 16

typedef FrcBox (*AnchorRule) (gfloat size, gfloat ratio);

static FrcBox
torchvision_anchor (gfloat size, gfloat ratio)
{
  gfloat h_ratio = sqrtf (ratio), w_ratio = 1.0f / h_ratio;
  gfloat w = w_ratio * size, h = h_ratio * size;

  return (FrcBox){ rintf (-w / 2), rintf (-h / 2), rintf (w / 2), rintf (h / 2) };
}

static FrcBox
detectron2_anchor (gfloat size, gfloat ratio)
{
  gdouble w = sqrt ((gdouble) size * size / ratio), h = ratio * w;

  return (FrcBox){ (gfloat) (-w / 2), (gfloat) (-h / 2), (gfloat) (w / 2), (gfloat) (h / 2) };
}

static FrcBox
caffe_anchor (gfloat size, gfloat ratio)
{
  gdouble scale = size / CAFFE_BASE, centre = (CAFFE_BASE - 1) / 2.0;
  gdouble w = rint (sqrt (CAFFE_BASE * CAFFE_BASE / ratio)), h = rint (w * ratio);
  gdouble half_w = (w * scale - 1) / 2, half_h = (h * scale - 1) / 2;

  return (FrcBox){ (gfloat) (centre - half_w), (gfloat) (centre - half_h),
    (gfloat) (centre + half_w), (gfloat) (centre + half_h) };
}

static FrcBox
tensorflow_anchor (gfloat size, gfloat ratio)
{
  gfloat root = sqrtf (ratio), half_w = 0.5f * (size * root), half_h = 0.5f * (size / root);

  return (FrcBox){ -half_w, -half_h, half_w, half_h };
}

static const AnchorRule rules[FRC_N_ANCHOR_RULES] = {
  [FRC_ANCHORS_TORCHVISION] = torchvision_anchor,
  [FRC_ANCHORS_DETECTRON2] = detectron2_anchor,
  [FRC_ANCHORS_CAFFE] = caffe_anchor,
  [FRC_ANCHORS_TENSORFLOW] = tensorflow_anchor,
};

/* See anchors.h. */
void
frc_anchors_base (const FrcConfig *config, guint level, FrcBox *out)
{
  for (guint r = 0; r < config->n_ratios; r++)
    for (guint s = 0; s < config->n_sizes; s++) {
      FrcBox box = rules[config->anchors] (config->sizes[level][s], config->ratios[r]);
      gfloat offset = config->anchor_offset;
      *out++ = (FrcBox){ box.x1 + offset, box.y1 + offset, box.x2 + offset, box.y2 + offset };
    }
}
