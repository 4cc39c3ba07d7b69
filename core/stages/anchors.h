/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FRC_ANCHORS_H
#define FRC_ANCHORS_H

#include "../frcnn.h"

/* The anchors of the cell at the origin, in network pixels: ratio-major, size-minor, width and
 * height from (ratio = height / width), rounded half to even. @out: [n_ratios · n_sizes].
 * Source: torchvision AnchorGenerator.generate_anchors (). */
void frc_anchors_base (const gfloat *sizes, guint n_sizes, const gfloat *ratios, guint n_ratios,
    FrcBox *out);

/* The anchor @base of the cell in column @x, row @y, @stride_w × @stride_h network pixels a cell. */
static inline FrcBox
frc_anchor_at (FrcBox base, guint x, guint y, guint stride_w, guint stride_h)
{
  gfloat dx = (gfloat) (x * stride_w), dy = (gfloat) (y * stride_h);

  return (FrcBox){ base.x1 + dx, base.y1 + dy, base.x2 + dx, base.y2 + dy };
}

#endif
