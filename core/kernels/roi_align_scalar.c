/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "roi_align.h"

static void
roi_scalar (const gfloat *map, const FrcRoiAxis *ys, const FrcRoiAxis *xs, guint pooled, guint c,
    gfloat *out, gsize ld)
{
  for (guint py = 0; py < pooled; py++)
    for (guint px = 0; px < pooled; px++, out += ld) {
      for (guint i = 0; i < c; i++)
        out[i] = 0;
      for (guint y = ys->first[py]; y < ys->first[py + 1]; y++)
        for (guint x = xs->first[px]; x < xs->first[px + 1]; x++) {
          const gfloat *pixel = map + ys->offset[y] + xs->offset[x];
          gfloat weight = ys->weight[y] * xs->weight[x];
          for (guint i = 0; i < c; i++)
            out[i] += weight * pixel[i];
        }
    }
}

const FrcRoiAlignKernels frc_roi_align_scalar = {roi_scalar};
