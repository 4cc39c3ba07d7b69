/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A bin's sums for 4 vectors of channels at a time stay in registers over all of its taps.
 */
#include "roi_align.h"
#include "vector.h"

INLINE void
bin_channels (const gfloat *map, const FrcRoiAxis *ys, const FrcRoiAxis *xs, guint py, guint px,
    gfloat *out, VecMask mask, const gboolean part, const guint vectors)
{
  Vec sum[4];

  UNROLL
  for (guint v = 0; v < vectors; v++)
    sum[v] = vec_all (0);
  for (guint y = ys->first[py]; y < ys->first[py + 1]; y++)
    for (guint x = xs->first[px]; x < xs->first[px + 1]; x++) {
      const gfloat *pixel = map + ys->offset[y] + xs->offset[x];
      Vec weight = vec_all (ys->weight[y] * xs->weight[x]);
      UNROLL
      for (guint v = 0; v < vectors; v++)
        sum[v] = vec_fma (vec_get (pixel + v * LANES, mask, part), weight, sum[v]);
    }
  UNROLL
  for (guint v = 0; v < vectors; v++)
    vec_put (out + v * LANES, mask, part, sum[v]);
}

static void
roi_vector (const gfloat *map, const FrcRoiAxis *ys, const FrcRoiAxis *xs, guint pooled, guint c,
    gfloat *out, gsize ld)
{
  for (guint py = 0; py < pooled; py++)
    for (guint px = 0; px < pooled; px++, out += ld) {
      guint i = 0;
      for (; i + 4 * LANES <= c; i += 4 * LANES)
        bin_channels (map + i, ys, xs, py, px, out + i, vec_mask (LANES), FALSE, 4);
      for (; i + LANES <= c; i += LANES)
        bin_channels (map + i, ys, xs, py, px, out + i, vec_mask (LANES), FALSE, 1);
      if (i < c)
        bin_channels (map + i, ys, xs, py, px, out + i, vec_mask (c - i), TRUE, 1);
    }
}
