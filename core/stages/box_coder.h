/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Deltas ↔ boxes. Source: torchvision BoxCoder; Girshick et al. 2014, appendix C.
 */
#ifndef FRC_BOX_CODER_H
#define FRC_BOX_CODER_H

#include <math.h>
#include "../frcnn.h"

/* log (1000 / 16): the largest change of a side. */
#define FRC_BBOX_XFORM_CLIP 4.135166556742356f

/* @deltas: dx, dy, dw, dh; @weights divide them. A NaN stays one: no later comparison keeps it. */
static inline FrcBox
frc_box_decode (FrcBox box, const gfloat deltas[4], const gfloat weights[4])
{
  gfloat w = box.x2 - box.x1, h = box.y2 - box.y1;
  gfloat cx = box.x1 + 0.5f * w, cy = box.y1 + 0.5f * h;
  gfloat dw = deltas[2] / weights[2], dh = deltas[3] / weights[3];

  dw = dw > FRC_BBOX_XFORM_CLIP ? FRC_BBOX_XFORM_CLIP : dw;
  dh = dh > FRC_BBOX_XFORM_CLIP ? FRC_BBOX_XFORM_CLIP : dh;
  cx += deltas[0] / weights[0] * w;
  cy += deltas[1] / weights[1] * h;
  w = 0.5f * (expf (dw) * w);
  h = 0.5f * (expf (dh) * h);
  return (FrcBox){ cx - w, cy - h, cx + w, cy + h };
}

static inline gfloat
frc_clamp (gfloat v, gfloat max)
{
  return v < 0 ? 0 : v > max ? max : v;
}

static inline FrcBox
frc_box_clip (FrcBox box, gfloat width, gfloat height)
{
  return (FrcBox){ frc_clamp (box.x1, width), frc_clamp (box.y1, height),
    frc_clamp (box.x2, width), frc_clamp (box.y2, height) };
}

/* Both sides ≥ @min_side; FALSE for NaN. */
static inline gboolean
frc_box_is_large (FrcBox box, gfloat min_side)
{
  return box.x2 - box.x1 >= min_side && box.y2 - box.y1 >= min_side;
}

#endif
