/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A bin's sums for some vectors of channels at a time stay in registers over all of its taps, and so
 * do the greatest sums of several bins.
 */
#include "roi_align.h"
#include "vector.h"

#include <math.h>

#define MOST_VECTORS (LANES == 16 ? 8 : 4) /* twice as many, and a weight, fit the registers */

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

/* Channels from @c on of output (@py, @px). Memory that is written for the first time comes late: the
 * next output's, @ld floats on, is fetched meanwhile. */
INLINE void
bin_channels (const RoiBins *bins, guint py, guint px, guint c, gfloat *out, gsize ld, VecMask mask,
    const gboolean part, const guint vectors)
{
  guint side = bins->side;
  Vec most[MOST_VECTORS], sum[MOST_VECTORS];

  UNROLL
  for (guint v = 0; v < vectors; v++)
    __builtin_prefetch (out + ld + c + v * LANES, 1);
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
      for (; i + MOST_VECTORS * LANES <= c; i += MOST_VECTORS * LANES)
        bin_channels (&bins, py, px, i, out, ld, vec_mask (LANES), FALSE, MOST_VECTORS);
      for (; i + 4 * LANES <= c; i += 4 * LANES)
        bin_channels (&bins, py, px, i, out, ld, vec_mask (LANES), FALSE, 4);
      for (; i + LANES <= c; i += LANES)
        bin_channels (&bins, py, px, i, out, ld, vec_mask (LANES), FALSE, 1);
      if (i < c)
        bin_channels (&bins, py, px, i, out, ld, vec_mask (c - i), TRUE, 1);
    }
}
