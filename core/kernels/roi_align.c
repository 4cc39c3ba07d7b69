/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where an RoI's samples lie. The arithmetic, its order and f32 are torchvision's
 * (ops/cpu/roi_align_kernel.cpp); a sample that is not between −1 and the map's size counts 0, and
 * so do all samples of a box with NaN or infinite sides.
 */
#include "roi_align.h"

#include <math.h>

#define TILE_ROIS 4

typedef struct {
  const FrcRoiAlignKernels *kernels;
  const FrcRois *rois;
  const FrcView *out;
  gboolean aligned;
} RoiAlignRun;

/* ---- memory ------------------------------------------------------------------------------- */

#define ALIGNED(bytes) (((bytes) + 63) & ~(gsize) 63)

gsize
frc_roi_axes_bytes (guint bins, gsize taps)
{
  return 2 * (ALIGNED ((bins + 1) * sizeof (guint)) + ALIGNED (taps * sizeof (gsize)) +
                 ALIGNED (taps * sizeof (gfloat)));
}

gpointer
frc_roi_axes_place (FrcRoiAxis axes[2], gpointer scratch, guint bins, gsize taps)
{
  guint8 *at = scratch;

  for (guint i = 0; i < 2; i++) {
    axes[i].first = (guint *) at;
    at += ALIGNED ((bins + 1) * sizeof (guint));
    axes[i].offset = (gsize *) at;
    at += ALIGNED (taps * sizeof (gsize));
    axes[i].weight = (gfloat *) at;
    at += ALIGNED (taps * sizeof (gfloat));
  }
  return at;
}

/* ---- samples ------------------------------------------------------------------------------ */

/* Adds weight @w of map index @index to the bin whose taps start at @first. Samples go upwards, so
 * an index that is there already is one of the last two. */
static void
axis_add (FrcRoiAxis *axis, guint first, guint *n, gsize offset, gfloat w)
{
  for (guint i = *n; i > first && i + 2 > *n; i--)
    if (axis->offset[i - 1] == offset) {
      axis->weight[i - 1] += w;
      return;
    }
  axis->offset[*n] = offset;
  axis->weight[*n] = w;
  (*n)++;
}

/* A RoI's side on the map. */
typedef struct {
  gfloat start, length;
  guint sampling;
} RoiSide;

static RoiSide
side_of (gfloat start, gfloat end, gfloat scale, gboolean aligned, guint sampling, guint pooled,
    guint max_sampling)
{
  gfloat shift = aligned ? .5f : 0;
  RoiSide side = {start * scale - shift, 0, sampling};

  side.length = end * scale - shift - side.start;
  if (!aligned)
    side.length = side.length > 1 ? side.length : 1;
  if (!sampling) {
    gfloat n = ceilf (side.length / pooled);
    side.sampling = n > 0 ? MIN (n, max_sampling) : 0;
  }
  return side;
}

/* @size: the map's pixels along this axis, @step floats apart. */
static void
axis_init (FrcRoiAxis *axis, RoiSide side, guint pooled, guint size, gsize step)
{
  gfloat bin = side.length / pooled, share = 1.0f / side.sampling;
  guint n = 0;

  for (guint p = 0; p < pooled; p++) {
    guint first = axis->first[p] = n;
    for (guint i = 0; i < side.sampling; i++) {
      gfloat v = side.start + p * bin + (i + .5f) * bin / side.sampling;
      if (!(v >= -1 && v <= size))
        continue;
      v = v > 0 ? v : 0;
      guint low = (guint) v;
      if (low >= size - 1) {
        axis_add (axis, first, &n, (size - 1) * step, share);
        continue;
      }
      gfloat high_weight = v - low;
      axis_add (axis, first, &n, low * step, (1 - high_weight) * share);
      axis_add (axis, first, &n, (low + 1) * step, high_weight * share);
    }
  }
  axis->first[pooled] = n;
}

void
frc_roi_align_axes (const FrcRois *rois, guint i, gsize ld, gboolean aligned, guint pooled,
    gpointer scratch, FrcRoiAxis axes[2])
{
  const FrcView *map = &rois->maps[rois->level[i]];
  const gfloat *box = rois->boxes + 4 * i;
  gfloat scale = rois->scales[rois->level[i]];
  guint side = MAX (map->w, map->h);

  frc_roi_axes_place (axes, scratch, pooled, frc_roi_axis_taps (pooled, rois->sampling, side));
  axis_init (&axes[0], side_of (box[0], box[2], scale, aligned, rois->sampling, pooled, side),
      pooled, map->w, ld);
  axis_init (&axes[1], side_of (box[1], box[3], scale, aligned, rois->sampling, pooled, side),
      pooled, map->h, map->w * ld);
}

static void
roi_align_tile (gpointer data, guint tile, gpointer scratch)
{
  const RoiAlignRun *run = data;
  const FrcRois *rois = run->rois;
  const FrcView *out = run->out;
  guint end = MIN ((tile + 1) * TILE_ROIS, out->n);

  for (guint i = tile * TILE_ROIS; i < end; i++) {
    const FrcView *map = &rois->maps[rois->level[i]];
    FrcRoiAxis axes[2];

    frc_roi_align_axes (rois, i, map->ld, run->aligned, out->w, scratch, axes);
    run->kernels->roi (map->data, &axes[1], &axes[0], out->h, 1, out->c,
        out->data + (gsize) i * out->h * out->w * out->ld, out->ld);
  }
}

static void
run_tiles (const FrcKernels *kernels, FrcPool *pool, const FrcRois *rois, const FrcView *out,
    gboolean aligned)
{
  RoiAlignRun run = {kernels->roi_align, rois, out, aligned};

  frc_pool_run (pool, roi_align_tile, &run, (out->n + TILE_ROIS - 1) / TILE_ROIS);
}

/* See kernels.h, for both. Pooled sides are square. */
void
frc_roi_align_run (const FrcKernels *kernels, FrcPool *pool, const FrcRois *rois,
    const FrcView *out)
{
  run_tiles (kernels, pool, rois, out, FALSE);
}

void
frc_roi_align_v2_run (const FrcKernels *kernels, FrcPool *pool, const FrcRois *rois,
    const FrcView *out)
{
  run_tiles (kernels, pool, rois, out, TRUE);
}
