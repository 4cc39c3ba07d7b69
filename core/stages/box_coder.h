/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Deltas ↔ boxes. Source: torchvision BoxCoder; py-faster-rcnn's bbox_transform_inv (); TensorFlow's
 * faster_rcnn_box_coder; Girshick et al. 2014, appendix C.
 */
#ifndef FRC_BOX_CODER_H
#define FRC_BOX_CODER_H

#include <math.h>
#include "../frcnn.h"
#include "../model/config.h"

/* log (1000 / 16): torchvision's and Detectron2's largest change of a side. */
#define FRC_BBOX_XFORM_CLIP 4.135166556742356f

/* @deltas: dx, dy, dw, dh. @extent: the config's pixel_extent. A NaN stays one: no later comparison
 * keeps it. */
static inline FrcBox
frc_box_decode (FrcBox box, const gfloat deltas[4], const FrcBoxCoder *coder, guint extent)
{
  gfloat w = box.x2 - box.x1 + (gfloat) extent, h = box.y2 - box.y1 + (gfloat) extent;
  gfloat cx = box.x1 + 0.5f * w, cy = box.y1 + 0.5f * h;
  gfloat dw = deltas[2] / coder->weights[2], dh = deltas[3] / coder->weights[3];

  dw = dw > coder->clip ? coder->clip : dw;
  dh = dh > coder->clip ? coder->clip : dh;
  cx += deltas[0] / coder->weights[0] * w;
  cy += deltas[1] / coder->weights[1] * h;
  w = 0.5f * (expf (dw) * w);
  h = 0.5f * (expf (dh) * h);
  return (FrcBox){ cx - w, cy - h, cx + w, cy + h };
}

static inline gfloat
frc_clamp (gfloat v, gfloat max)
{
  return v < 0 ? 0 : v > max ? max : v;
}

/* To an image of @width × @height pixels, of which the last is at width − @extent. */
static inline FrcBox
frc_box_clip (FrcBox box, gfloat width, gfloat height, guint extent)
{
  gfloat right = width - (gfloat) extent, bottom = height - (gfloat) extent;

  return (FrcBox){ frc_clamp (box.x1, right), frc_clamp (box.y1, bottom),
    frc_clamp (box.x2, right), frc_clamp (box.y2, bottom) };
}

/* Both sides ≥ @min_side; FALSE for NaN. */
static inline gboolean
frc_box_is_large (FrcBox box, gfloat min_side, guint extent)
{
  return box.x2 - box.x1 + (gfloat) extent >= min_side &&
         box.y2 - box.y1 + (gfloat) extent >= min_side;
}

/* Network pixels ↔ frame pixels. */
static inline FrcBox
frc_box_scale (FrcBox box, gfloat x, gfloat y)
{
  return (FrcBox){ box.x1 * x, box.y1 * y, box.x2 * x, box.y2 * y };
}

#endif
