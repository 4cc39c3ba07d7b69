/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * RoI max-pooling, and cropping with a max-pool behind it. What they do to channels is what
 * RoIAlign's and max-pooling's kernels do; here are the pixels that a section has.
 */
#include "pooling.h"
#include "roi_align.h"

#include <math.h>
#include <string.h>

#define TILE_ROIS 4

typedef struct {
  const FrcKernels *kernels;
  const FrcRois *rois;
  const FrcView *out;
} RoiPoolRun;

/* ---- max-pooling -------------------------------------------------------------------------- */

#define MAX_PIXEL 65536.0f

/* The nearest map pixel, half away from zero; NaN is far outside. */
static gint
map_pixel (gfloat v)
{
  return (gint) roundf (v > -MAX_PIXEL ? v < MAX_PIXEL ? v : MAX_PIXEL : -MAX_PIXEL);
}

static FrcRoiSections
sections_of (gfloat from, gfloat to, gfloat scale, guint pooled)
{
  gint start = map_pixel (from * scale), end = map_pixel (to * scale);

  return (FrcRoiSections){start, (gfloat) MAX (end - start + 1, 1) / (gfloat) pooled};
}

void
frc_roi_sections (const FrcRois *rois, guint i, guint pooled, FrcRoiSections sections[2])
{
  const gfloat *box = rois->boxes + 4 * i;
  gfloat scale = rois->scales[rois->level[i]];

  sections[0] = sections_of (box[0], box[2], scale, pooled);
  sections[1] = sections_of (box[1], box[3], scale, pooled);
}

void
frc_roi_section (FrcRoiSections s, guint p, guint pixels, gint *first, gint *end)
{
  *first = CLAMP ((gint) floorf (p * s.size) + s.start, 0, (gint) pixels);
  *end = CLAMP ((gint) ceilf ((p + 1) * s.size) + s.start, 0, (gint) pixels);
}

static void
max_pool_roi (const FrcPoolingKernels *kernels, const FrcRois *rois, guint i, const FrcView *out,
    gfloat *at)
{
  const FrcView *map = &rois->maps[rois->level[i]];
  FrcRoiSections sections[2];
  FrcWindowRow row = {.row_step = map->w * map->ld, .ld = map->ld, .out_ld = out->ld, .out_w = 1,
    .c = out->c, .stride_w = 1};
  gint left, right, top, bottom;

  frc_roi_sections (rois, i, out->w, sections);
  for (guint y = 0; y < out->h; y++) {
    frc_roi_section (sections[1], y, map->h, &top, &bottom);
    for (guint x = 0; x < out->w; x++, at += out->ld) {
      frc_roi_section (sections[0], x, map->w, &left, &right);
      if (right <= left || bottom <= top) {
        memset (at, 0, out->c * sizeof *at);
        continue;
      }
      row.in = map->data + ((gsize) top * map->w + left) * map->ld;
      row.out = at;
      row.n_rows = bottom - top;
      row.in_w = row.kernel_w = right - left;
      kernels->max_row (&row);
    }
  }
}

static void
max_pool_tile (gpointer data, guint tile, gpointer scratch)
{
  const RoiPoolRun *run = data;
  const FrcRois *rois = run->rois;
  const FrcView *out = run->out;
  guint end = MIN ((tile + 1) * TILE_ROIS, out->n);

  for (guint i = tile * TILE_ROIS; i < end; i++)
    max_pool_roi (run->kernels->pooling, rois, i, out,
        out->data + (gsize) i * out->h * out->w * out->ld);
}

/* See kernels.h. */
void
frc_roi_max_pool_run (const FrcKernels *kernels, FrcPool *pool, const FrcRois *rois,
    const FrcView *out)
{
  RoiPoolRun run = {kernels, rois, out};

  frc_pool_run (pool, max_pool_tile, &run, (out->n + TILE_ROIS - 1) / TILE_ROIS);
}

/* ---- crop and resize ---------------------------------------------------------------------- */

/* The corners are at the centres of map pixels: 0 is the first one, image size the last one. A sample
 * beyond is 0. The last sample of a RoI that ends at the edge lies there but for rounding, and half a
 * unit decides: each step is rounded as TensorFlow rounds it (box_list_ops.
 * to_normalized_coordinates (), then crop_and_resize_op.cc). */
static void
crop_axis (FrcRoiAxis *axis, gfloat from, gfloat to, guint image, guint crop, guint size, gsize step)
{
  gfloat share_of_pixel = 1.0f / (gfloat) image, last = (gfloat) (size - 1);
  gfloat start = from * share_of_pixel, end = to * share_of_pixel;
  gfloat scale = crop > 1 ? (end - start) * last / (gfloat) (crop - 1) : 0;
  gfloat origin = crop > 1 ? start * last : .5f * (start + end) * last;
  guint n = 0;

  for (guint p = 0; p < crop; p++) {
    gfloat v = origin + p * scale;
    axis->first[p] = n;
    if (!(v >= 0 && v <= last))
      continue;
    guint low = (guint) v;
    gfloat share = v - low;
    axis->offset[n] = low * step;
    axis->weight[n++] = 1 - share;
    if (share > 0) {
      axis->offset[n] = (low + 1) * step;
      axis->weight[n++] = share;
    }
  }
  axis->first[crop] = n;
}

gpointer
frc_roi_crop_axes (const FrcRois *rois, guint i, gsize ld, gpointer scratch, FrcRoiAxis axes[2])
{
  const FrcView *map = &rois->maps[rois->level[i]];
  const gfloat *box = rois->boxes + 4 * i;
  guint crop = rois->crop;
  gpointer rest = frc_roi_axes_place (axes, scratch, crop, frc_roi_axis_taps (crop, 1, 0));

  crop_axis (&axes[0], box[0], box[2], rois->image_w, crop, map->w, ld);
  crop_axis (&axes[1], box[1], box[3], rois->image_h, crop, map->h, map->w * ld);
  return rest;
}

static void
crop_and_resize_tile (gpointer data, guint tile, gpointer scratch)
{
  const RoiPoolRun *run = data;
  const FrcRois *rois = run->rois;
  const FrcView *out = run->out;
  const FrcView *map = &rois->maps[rois->level[tile]];
  FrcRoiAxis axes[2];

  frc_roi_crop_axes (rois, tile, map->ld, scratch, axes);
  run->kernels->roi_align->roi (map->data, &axes[1], &axes[0], out->w, rois->crop / out->w, out->c,
      out->data + (gsize) tile * out->h * out->w * out->ld, out->ld);
}

/* See kernels.h. */
void
frc_crop_and_resize_run (const FrcKernels *kernels, FrcPool *pool, const FrcRois *rois,
    const FrcView *out)
{
  RoiPoolRun run = {kernels, rois, out};

  frc_pool_run (pool, crop_and_resize_tile, &run, out->n);
}

gsize
frc_rois_scratch_bytes (guint max_side, guint pooled, guint sampling, guint crop, guint c)
{
  gsize align = frc_roi_axes_bytes (pooled, frc_roi_axis_taps (pooled, sampling, max_side));
  gsize crops = frc_roi_axes_bytes (crop, frc_roi_axis_taps (crop, 1, 0));

  return MAX (align, crops + (gsize) crop * crop * c * sizeof (gfloat));
}
