/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pooling.h"

#define TILE_READS (1 << 18)  /* window elements of a pool's tile */
#define MEAN_CHANNELS 32      /* of a mean's tile: two cache lines a pixel */

typedef struct {
  const FrcPoolingKernels *kernels;
  void (*row) (const FrcWindowRow *row);
  FrcConvSpec window;
  const FrcView *in, *out;
  guint rows;        /* of a tile */
  guint image_tiles;
} PoolingRun;

static void
pool_tile (gpointer data, guint tile, gpointer scratch)
{
  const PoolingRun *run = data;
  guint n = tile / run->image_tiles, first = tile % run->image_tiles * run->rows;
  guint end = MIN (first + run->rows, run->out->h);
  FrcWindowRow row;

  for (guint y = first; y < end; y++) {
    frc_window_row_init (&row, &run->window, run->in, run->out, n, y);
    run->row (&row);
  }
}

static void
pool_run (void (*row) (const FrcWindowRow *row), FrcPool *pool, const FrcConvSpec *window,
    const FrcView *in, const FrcView *out)
{
  gsize cost = (gsize) out->w * out->c * window->kernel_h * window->kernel_w;
  PoolingRun run = {NULL, row, frc_spec_resolve (window, in, out), in, out,
    frc_window_tile_rows (out->h, cost, TILE_READS), 0};

  run.image_tiles = (out->h + run.rows - 1) / run.rows;
  frc_pool_run (pool, pool_tile, &run, out->n * run.image_tiles);
}

/* See kernels.h. */
void
frc_max_pool_run (const FrcKernels *kernels, FrcPool *pool, const FrcConvSpec *window,
    const FrcView *in, const FrcView *out)
{
  pool_run (kernels->pooling->max_row, pool, window, in, out);
}

/* See kernels.h. */
void
frc_max_pool_run_rows (const FrcKernels *kernels, const FrcConvSpec *window, const FrcView *in,
    const FrcView *out, guint first, guint end)
{
  FrcConvSpec spec = frc_spec_resolve (window, in, out);
  FrcWindowRow row;

  for (guint y = first; y < end; y++) {
    frc_window_row_init (&row, &spec, in, out, 0, y);
    kernels->pooling->max_row (&row);
  }
}

/* See kernels.h. */
void
frc_average_pool_run (const FrcKernels *kernels, FrcPool *pool, const FrcConvSpec *window,
    const FrcView *in, const FrcView *out)
{
  pool_run (kernels->pooling->average_row, pool, window, in, out);
}

/* See kernels.h. */
void
frc_local_norm_run (const FrcKernels *kernels, FrcPool *pool, const FrcConvSpec *window,
    const FrcView *in, const FrcView *out)
{
  pool_run (kernels->pooling->local_norm_row, pool, window, in, out);
}

static void
global_mean_tile (gpointer data, guint tile, gpointer scratch)
{
  const PoolingRun *run = data;
  const FrcView *in = run->in, *out = run->out;
  guint n = tile / run->image_tiles, first = tile % run->image_tiles * MEAN_CHANNELS;
  gsize pixels = (gsize) in->h * in->w;

  run->kernels->mean (in->data + n * pixels * in->ld + first, in->ld,
      MIN (in->c - first, MEAN_CHANNELS), pixels, out->data + n * out->ld + first);
}

/* See kernels.h. A tile is a few channels of all pixels, so no sum is ever cut in two. */
void
frc_global_mean_run (const FrcKernels *kernels, FrcPool *pool, const FrcView *in,
    const FrcView *out)
{
  PoolingRun run = {kernels->pooling, NULL, {0}, in, out, 0,
    (in->c + MEAN_CHANNELS - 1) / MEAN_CHANNELS};

  frc_pool_run (pool, global_mean_tile, &run, in->n * run.image_tiles);
}
