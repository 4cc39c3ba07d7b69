/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "overlap.h"

static gboolean
is_overlap (const FrcBoxArrays *b, guint i, guint j, gfloat threshold)
{
  gfloat w = MIN (b->x2[i], b->x2[j]) - MAX (b->x1[i], b->x1[j]);
  gfloat h = MIN (b->y2[i], b->y2[j]) - MAX (b->y1[i], b->y1[j]);
  gfloat inter = MAX (w, 0) * MAX (h, 0);

  return inter / (b->area[i] + b->area[j] - inter) > threshold;
}

static guint64
mask_scalar (const FrcBoxArrays *boxes, guint block, guint n, guint first, guint end,
    gfloat threshold)
{
  guint64 mask = 0;

  for (guint j = 0; j < n; j++)
    for (guint i = first; i < end; i++)
      if (is_overlap (boxes, i, block + j, threshold)) {
        mask |= G_GUINT64_CONSTANT (1) << j;
        break;
      }
  return mask;
}

const FrcOverlapKernels frc_overlap_scalar = {mask_scalar};
