/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * RoIs of narrow maps: roi_align.c and roi_pool.c say where the pixels lie.
 */
#include "narrow_table.h"

#define TILE_ROIS 8

typedef struct {
  const FrcNarrowKernels *kernels;
  const FrcNarrowView *maps, *out;
  const FrcRois *rois;
  gboolean aligned;
  void (*roi) (const void *run, guint i, guint16 *out, gpointer scratch);
} RoiRun;

static void
align_roi (const void *data, guint i, guint16 *out, gpointer scratch)
{
  const RoiRun *run = data;
  const FrcNarrowView *map = &run->maps[run->rois->level[i]];
  FrcRoiAxis axes[2];

  frc_roi_align_axes (run->rois, i, map->ld, run->aligned, run->out->w, scratch, axes);
  run->kernels->roi (map->data, &axes[1], &axes[0], run->out->h, frc_narrow_groups (run->out->c),
      out);
}

static void
max_pool_roi (const void *data, guint i, guint16 *out, gpointer scratch)
{
  const RoiRun *run = data;
  const FrcNarrowView *map = &run->maps[run->rois->level[i]], *shape = run->out;
  FrcNarrowWindow row = {.row_step = map->w * map->ld, .ld = map->ld, .out_ld = shape->ld,
    .out_w = 1, .groups = frc_narrow_groups (shape->c), .stride_w = 1};
  FrcRoiSections sections[2];
  gint left, right, top, bottom;

  frc_roi_sections (run->rois, i, shape->w, sections);
  for (guint y = 0; y < shape->h; y++) {
    frc_roi_section (sections[1], y, map->h, &top, &bottom);
    for (guint x = 0; x < shape->w; x++, out += shape->ld) {
      frc_roi_section (sections[0], x, map->w, &left, &right);
      if (right <= left || bottom <= top) {
        memset (out, 0, shape->ld * sizeof *out);
        continue;
      }
      row.in = map->data + ((gsize) top * map->w + left) * map->ld;
      row.out = out;
      row.n_rows = bottom - top;
      row.in_w = row.kernel_w = right - left;
      run->kernels->max_row (&row);
    }
  }
}

/* The crop lies in scratch, then its maxima go out. */
static void
crop_roi (const void *data, guint i, guint16 *out, gpointer scratch)
{
  const RoiRun *run = data;
  const FrcNarrowView *map = &run->maps[run->rois->level[i]], *shape = run->out;
  guint crop = run->rois->crop, side = crop / shape->w, groups = frc_narrow_groups (shape->c);
  gsize ld = groups * FRC_NARROW_GROUP;
  FrcRoiAxis axes[2];
  guint16 *pixels = frc_roi_crop_axes (run->rois, i, map->ld, scratch, axes);
  FrcNarrowWindow row = {.row_step = crop * ld, .ld = ld, .out_ld = shape->ld, .in_w = crop,
    .out_w = shape->w, .groups = groups, .kernel_w = side, .stride_w = side, .n_rows = side};

  run->kernels->roi (map->data, &axes[1], &axes[0], crop, groups, pixels);
  for (guint y = 0; y < shape->h; y++) {
    row.in = pixels + y * side * row.row_step;
    row.out = out + y * shape->w * shape->ld;
    run->kernels->max_row (&row);
  }
}

static void
roi_tile (gpointer data, guint tile, gpointer scratch)
{
  const RoiRun *run = data;
  const FrcNarrowView *out = run->out;
  guint end = MIN ((tile + 1) * TILE_ROIS, out->n);

  for (guint i = tile * TILE_ROIS; i < end; i++)
    run->roi (run, i, out->data + (gsize) i * out->h * out->w * out->ld, scratch);
}

static void
run_tiles (FrcPool *pool, RoiRun *run)
{
  frc_pool_run (pool, roi_tile, run, (run->out->n + TILE_ROIS - 1) / TILE_ROIS);
}

/* See narrow.h. */
void
frc_narrow_roi_align_run (const FrcNarrowKernels *kernels, FrcPool *pool,
    const FrcNarrowView *maps, const FrcRois *rois, gboolean aligned, const FrcNarrowView *out)
{
  RoiRun run = {kernels, maps, out, rois, aligned, align_roi};

  run_tiles (pool, &run);
}

void
frc_narrow_roi_max_pool_run (const FrcNarrowKernels *kernels, FrcPool *pool,
    const FrcNarrowView *maps, const FrcRois *rois, const FrcNarrowView *out)
{
  RoiRun run = {kernels, maps, out, rois, FALSE, max_pool_roi};

  run_tiles (pool, &run);
}

void
frc_narrow_crop_and_resize_run (const FrcNarrowKernels *kernels, FrcPool *pool,
    const FrcNarrowView *maps, const FrcRois *rois, const FrcNarrowView *out)
{
  RoiRun run = {kernels, maps, out, rois, FALSE, crop_roi};

  run_tiles (pool, &run);
}
