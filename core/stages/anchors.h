/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FRC_ANCHORS_H
#define FRC_ANCHORS_H

#include "../frcnn.h"
#include "../model/config.h"

/* The anchors of level @level's first cell, in network pixels: ratio-major, size-minor. @out:
 * [n_ratios · n_sizes].
 *
 * torchvision: width, height = size / √ratio, size · √ratio around 0, corners rounded half to even.
 *   Source: AnchorGenerator.generate_anchors ().
 * Detectron2: the same, not rounded, in double. Source: DefaultAnchorGenerator.
 * Caffe: the sides of a 16 × 16 box at a ratio, rounded, times size / 16, around 7.5; the last pixel
 *   belongs to the box. Source: generate_anchors.py.
 * TensorFlow: width, height = size · √ratio, size / √ratio (ratio = width / height) around 0. Source:
 *   grid_anchor_generator.py.
 *
 * anchor_offset moves all of them. */
void frc_anchors_base (const FrcConfig *config, guint level, FrcBox *out);

/* The anchor @base of the cell in column @x, row @y, @stride_w × @stride_h network pixels a cell. */
static inline FrcBox
frc_anchor_at (FrcBox base, guint x, guint y, guint stride_w, guint stride_h)
{
  gfloat dx = (gfloat) (x * stride_w), dy = (gfloat) (y * stride_h);

  return (FrcBox){ base.x1 + dx, base.y1 + dy, base.x2 + dx, base.y2 + dy };
}

#endif
