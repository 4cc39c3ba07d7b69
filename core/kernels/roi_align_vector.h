/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A bin's sums for 4 vectors of channels at a time stay in registers over all of its taps, and so do
 * the greatest sums of several bins.
 */
#include "roi_align.h"
#include "vector.h"

#include <math.h>

typedef struct {
  const gfloat *map;
  const FrcRoiAxis *ys, *xs;
  guint side;
} RoiBins;

INLINE void
sum_bin (const RoiBins *bins, const gfloat *map, guint py, guint px, Vec *sum, VecMask mask,
    const gboolean part, const guint vectors)
{
  const FrcRoiAxis *ys = bins->ys, *xs = bins->xs;

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
}

/* Channels from @c on of output (@py, @px). */
INLINE void
bin_channels (const RoiBins *bins, guint py, guint px, guint c, gfloat *out, VecMask mask,
    const gboolean part, const guint vectors)
{
  guint side = bins->side;
  Vec most[4], sum[4];

  sum_bin (bins, bins->map + c, py * side, px * side, most, mask, part, vectors);
  for (guint k = 1; k < side * side; k++) {
    sum_bin (bins, bins->map + c, py * side + k / side, px * side + k % side, sum, mask, part,
        vectors);
    UNROLL
    for (guint v = 0; v < vectors; v++)
      most[v] = vec_max (most[v], sum[v]);
  }
  UNROLL
  for (guint v = 0; v < vectors; v++)
    vec_put (out + c + v * LANES, mask, part, most[v]);
}

static void
roi_vector (const gfloat *map, const FrcRoiAxis *ys, const FrcRoiAxis *xs, guint pooled, guint side,
    guint c, gfloat *out, gsize ld)
{
  const RoiBins bins = {map, ys, xs, side};

  for (guint py = 0; py < pooled; py++)
    for (guint px = 0; px < pooled; px++, out += ld) {
      guint i = 0;
      for (; i + 4 * LANES <= c; i += 4 * LANES)
        bin_channels (&bins, py, px, i, out, vec_mask (LANES), FALSE, 4);
      for (; i + LANES <= c; i += LANES)
        bin_channels (&bins, py, px, i, out, vec_mask (LANES), FALSE, 1);
      if (i < c)
        bin_channels (&bins, py, px, i, out, vec_mask (c - i), TRUE, 1);
    }
}
