/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where an RoI's samples lie. The arithmetic, its order and f32 are torchvision's
 * (ops/cpu/roi_align_kernel.cpp, aligned = false); a sample that is not between −1 and the map's
 * size counts 0, and so do all samples of a box with NaN or infinite sides.
 */
#include "roi_align.h"

#define TILE_ROIS 4

typedef struct {
  const FrcRoiAlignKernels *kernels;
  const FrcView *maps, *out;
  const gfloat *scales, *boxes;
  const guint8 *level;
  guint sampling;
} RoiAlignRun;

/* Adds weight @w of map index @index to the bin whose taps start at @first. */
static void
axis_add (FrcRoiAxis *axis, guint first, guint *n, gsize offset, gfloat w)
{
  for (guint i = *n; i > first; i--)
    if (axis->offset[i - 1] == offset) {
      axis->weight[i - 1] += w;
      return;
    }
  axis->offset[*n] = offset;
  axis->weight[*n] = w;
  (*n)++;
}

/* @start, @end: the box's side in map units. @size: the map's pixels along this axis, @step floats
 * apart. */
static void
axis_init (FrcRoiAxis *axis, gfloat start, gfloat end, guint pooled, guint sampling, guint size,
    gsize step)
{
  gfloat length = end - start;
  gfloat bin, share = 1.0f / sampling;
  guint n = 0;

  length = length > 1 ? length : 1;
  bin = length / pooled;
  for (guint p = 0; p < pooled; p++) {
    guint first = axis->first[p] = n;
    for (guint i = 0; i < sampling; i++) {
      gfloat v = start + p * bin + (i + .5f) * bin / sampling;
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

static void
roi_align_tile (gpointer data, guint tile, gpointer scratch)
{
  const RoiAlignRun *run = data;
  const FrcView *out = run->out;
  guint end = MIN ((tile + 1) * TILE_ROIS, out->n);
  FrcRoiAxis ys, xs;

  for (guint i = tile * TILE_ROIS; i < end; i++) {
    const FrcView *map = &run->maps[run->level[i]];
    const gfloat *box = run->boxes + 4 * i;
    gfloat scale = run->scales[run->level[i]];

    axis_init (&xs, box[0] * scale, box[2] * scale, out->w, run->sampling, map->w, map->ld);
    axis_init (&ys, box[1] * scale, box[3] * scale, out->h, run->sampling, map->h,
        map->w * map->ld);
    run->kernels->roi (map->data, &ys, &xs, out->h, out->c,
        out->data + (gsize) i * out->h * out->w * out->ld, out->ld);
  }
}

/* See kernels.h. Pooled sides are square; pooled · sampling ≤ FRC_ROI_MAX_SAMPLES. */
void
frc_roi_align_run (const FrcKernels *kernels, FrcPool *pool, const FrcView *maps,
    const gfloat *scales, const gfloat *boxes, const guint8 *level, guint sampling,
    const FrcView *out)
{
  RoiAlignRun run = {kernels->roi_align, maps, out, scales, boxes, level, sampling};

  frc_pool_run (pool, roi_align_tile, &run, (out->n + TILE_ROIS - 1) / TILE_ROIS);
}
