/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "elementwise.h"
#include "window.h"

#define TILE_FLOATS (1 << 16)

typedef struct {
  const FrcElementwiseKernels *kernels;
  const FrcView *a, *b, *out;
  FrcActivation activation;
  guint rows; /* of a tile */
  guint image_tiles;
} ElementwiseRun;

static void
row_init (FrcElementwiseRow *row, const ElementwiseRun *run, guint n, guint y)
{
  const FrcView *a = run->a, *out = run->out;

  row->a = a->data + ((gsize) n * a->h + y) * a->w * a->ld;
  row->out = out->data + ((gsize) n * out->h + y) * out->w * out->ld;
  row->a_ld = a->ld;
  row->b_ld = run->b->ld;
  row->out_ld = out->ld;
  row->w = a->w;
  row->c = a->c;
  row->b_w = run->b->w;
  row->activation = run->activation;
}

static void
scale_tile (gpointer data, guint tile, gpointer scratch)
{
  const ElementwiseRun *run = data;
  guint n = tile / run->image_tiles, first = tile % run->image_tiles * run->rows;
  guint end = MIN (first + run->rows, run->out->h);
  FrcElementwiseRow row;

  for (guint y = first; y < end; y++) {
    row_init (&row, run, n, y);
    row.b = run->b->data + n * run->b->ld;
    run->kernels->scale_row (&row);
  }
}

static void
add_tile (gpointer data, guint tile, gpointer scratch)
{
  const ElementwiseRun *run = data;
  const FrcView *b = run->b;
  guint n = tile / run->image_tiles, first = tile % run->image_tiles * run->rows;
  guint end = MIN (first + run->rows, run->out->h);
  FrcElementwiseRow row;

  for (guint y = first; y < end; y++) {
    gsize b_y = (gsize) y * b->h / run->out->h;
    row_init (&row, run, n, y);
    row.b = b->data + (n * b->h + b_y) * b->w * b->ld;
    run->kernels->add_row (&row);
  }
}

static void
elementwise_run (FrcPool *pool, FrcTileFunc tile, ElementwiseRun *run)
{
  const FrcView *out = run->out;

  run->rows = frc_window_tile_rows (out->h, (gsize) out->w * out->c, TILE_FLOATS);
  run->image_tiles = (out->h + run->rows - 1) / run->rows;
  frc_pool_run (pool, tile, run, out->n * run->image_tiles);
}

/* See kernels.h. */
void
frc_scale_channels_run (const FrcKernels *kernels, FrcPool *pool, const FrcView *in,
    const FrcView *scale, const FrcView *out)
{
  ElementwiseRun run = {kernels->elementwise, in, scale, out, FRC_ACT_NONE, 0, 0};

  elementwise_run (pool, scale_tile, &run);
}

/* See kernels.h. */
void
frc_add_run (const FrcKernels *kernels, FrcPool *pool, const FrcView *a, const FrcView *b,
    FrcActivation activation, const FrcView *out)
{
  ElementwiseRun run = {kernels->elementwise, a, b, out, activation, 0, 0};

  elementwise_run (pool, add_tile, &run);
}
