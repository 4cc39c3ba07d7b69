/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "roi_align.h"

#include <math.h>

static gfloat
bin_scalar (const gfloat *map, const FrcRoiAxis *ys, const FrcRoiAxis *xs, guint py, guint px)
{
  gfloat sum = 0;

  for (guint y = ys->first[py]; y < ys->first[py + 1]; y++)
    for (guint x = xs->first[px]; x < xs->first[px + 1]; x++)
      sum += ys->weight[y] * xs->weight[x] * map[ys->offset[y] + xs->offset[x]];
  return sum;
}

static void
roi_scalar (const gfloat *map, const FrcRoiAxis *ys, const FrcRoiAxis *xs, guint pooled, guint side,
    guint c, gfloat *out, gsize ld)
{
  for (guint py = 0; py < pooled; py++)
    for (guint px = 0; px < pooled; px++, out += ld)
      for (guint i = 0; i < c; i++) {
        gfloat most = -INFINITY;
        for (guint k = 0; k < side * side; k++) {
          gfloat v = bin_scalar (map + i, ys, xs, py * side + k / side, px * side + k % side);
          most = v > most || isnan (v) ? v : most;
        }
        out[i] = most;
      }
}

const FrcRoiAlignKernels frc_roi_align_scalar = {roi_scalar};
