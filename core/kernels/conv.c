/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Convolution without im2col: a tile's input is read where it lies, or copied once with its padding
 * if a kernel reaches over the edge, and the block walks over the kernel's taps by offsets.
 */
#include "conv.h"
#include "winograd.h"

#include <string.h>

typedef struct {
  const FrcConv *conv;
  const FrcView *residual;
  const FrcView *out;
  FrcConvPlan plan;
} ConvRun;

/* One tile: half-open ranges of the output. */
typedef struct {
  guint n0, n1, y0, y1, x0, x1, c0, c1;
  const gfloat *in; /* the input of output pixel (n0, y0, x0)'s first tap */
  gsize image_step, row_step, column_step, tap_row_step;
  const gfloat **residual;
  gsize *taps;
  guint n_taps, depth;
  /* The weights that come next, while they are fetched: bytes a step of K, or 0. */
  const gfloat *ahead;
  gsize ahead_step;
} ConvTile;

static void
tile_bounds (const FrcConvPlan *plan, guint index, ConvTile *tile)
{
  guint c = index % plan->channel_tiles, rest = index / plan->channel_tiles;
  guint x = rest % plan->column_tiles, y = rest / plan->column_tiles % plan->row_tiles;
  guint n = rest / plan->column_tiles / plan->row_tiles;

  tile->n0 = n * plan->images;
  tile->n1 = MIN (tile->n0 + plan->images, plan->out.n);
  tile->y0 = y * plan->rows;
  tile->y1 = MIN (tile->y0 + plan->rows, plan->out.h);
  tile->x0 = x * plan->columns;
  tile->x1 = MIN (tile->x0 + plan->columns, plan->out.w);
  tile->c0 = c * plan->channels;
  tile->c1 = MIN (tile->c0 + plan->channels, plan->out.c);
}

/* Copies pixels x0, x0 + step, … (count of them) of row @y of image @n; zeros beyond the edges. */
static void
copy_row (const FrcView *in, guint n, gint64 y, gint64 x0, guint step, guint count, gfloat *to,
    gsize to_step)
{
  const gfloat *row = in->data + ((gsize) n * in->h + y) * in->w * in->ld;
  gint64 begin = x0 < 0 ? (-x0 + step - 1) / step : 0; /* pixels within the row: [begin, end) */
  gint64 end = x0 < (gint64) in->w ? (in->w - 1 - x0) / step + 1 : 0;
  gsize bytes = in->c * sizeof (gfloat);

  end = MIN (end, count);
  if (y < 0 || y >= in->h || begin >= end) {
    memset (to, 0, count * to_step * sizeof (gfloat));
    return;
  }
  memset (to, 0, begin * to_step * sizeof (gfloat));
  memset (to + end * to_step, 0, (count - end) * to_step * sizeof (gfloat));
  row += (x0 + begin * step) * in->ld;
  to += begin * to_step;
  if (step == 1 && to_step == in->ld && in->ld == in->c) {
    memcpy (to, row, (end - begin) * bytes);
    return;
  }
  for (gint64 x = begin; x < end; x++, to += to_step, row += step * in->ld)
    memcpy (to, row, bytes);
}

/* Channels @first … first + count − 1 of all input that the tile sees. */
static void
tile_copy_input (const FrcConvPlan *plan, const FrcConvSpec *spec, ConvTile *tile, gfloat *to,
    guint first, guint count)
{
  FrcView in = plan->in;
  guint step_y = spec->kernel_h == 1 ? spec->stride_h : 1;
  guint step_x = spec->kernel_w == 1 ? spec->stride_w : 1;
  gint64 y0 = (gint64) (plan->first_row + tile->y0) * spec->stride_h - spec->pad_top;
  gint64 x0 = (gint64) tile->x0 * spec->stride_w - spec->pad_left;
  guint rows = spec->kernel_h == 1
      ? tile->y1 - tile->y0
      : (tile->y1 - tile->y0 - 1) * spec->stride_h + spec->kernel_h;

  in.data += first;
  in.c = count;
  tile->in = to;
  tile->column_step = plan->in_step * (spec->kernel_w == 1 ? 1 : spec->stride_w);
  tile->tap_row_step = plan->copy_columns * plan->in_step;
  tile->row_step = tile->tap_row_step * (spec->kernel_h == 1 ? 1 : spec->stride_h);
  tile->image_step = plan->copy_rows * tile->tap_row_step;
  for (guint n = tile->n0; n < tile->n1; n++)
    for (guint y = 0; y < rows; y++)
      copy_row (&in, n, y0 + (gint64) y * step_y, x0, step_x, plan->copy_columns,
          to + (n - tile->n0) * tile->image_step + y * tile->tap_row_step, plan->in_step);
}

static void
tile_point_input (const FrcConvPlan *plan, const FrcConvSpec *spec, ConvTile *tile)
{
  const FrcView *in = &plan->in;

  tile->tap_row_step = in->w * in->ld;
  tile->column_step = in->ld * spec->stride_w;
  tile->row_step = tile->tap_row_step * spec->stride_h;
  tile->image_step = in->h * tile->tap_row_step;
  tile->in = in->data + tile->n0 * tile->image_step +
      (plan->first_row + tile->y0) * tile->row_step + tile->x0 * tile->column_step;
}

/* Runs of K that are contiguous in the input: a kernel row if pixels lie next to each other. */
static void
tile_taps (const FrcConvPlan *plan, const FrcConvSpec *spec, ConvTile *tile)
{
  guint runs = plan->in_step == spec->in_channels ? 1 : spec->kernel_w;

  tile->depth = spec->in_channels * (runs == 1 ? spec->kernel_w : 1);
  tile->n_taps = 0;
  for (guint y = 0; y < spec->kernel_h; y++)
    for (guint x = 0; x < runs; x++)
      tile->taps[tile->n_taps++] = y * tile->tap_row_step + x * plan->in_step;
}

static void
tile_residual (const ConvRun *run, ConvTile *tile)
{
  const FrcConvPlan *plan = &run->plan;
  const gfloat **to = tile->residual;

  if (run->residual == NULL)
    return;
  for (guint n = tile->n0; n < tile->n1; n++)
    for (guint y = tile->y0; y < tile->y1; y++)
      for (guint x = tile->x0; x < tile->x1; x++)
        *to++ = frc_residual_pixel (run->residual, run->out,
            ((gsize) n * plan->out.h + y) * plan->out.w + x);
}

/* See conv.h. */
void
frc_conv_set_panel (const FrcConv *conv, const gfloat *weights, guint depth, guint c, guint k,
    FrcGemmBlock *block)
{
  const FrcGemmKernels *gemm = conv->gemm;
  guint left = conv->spec.out_channels - c;
  guint width = gemm->cols;

  if (left < width)
    width = (left + gemm->lanes - 1) / gemm->lanes * gemm->lanes;
  block->cols = MIN (left, gemm->cols);
  block->column = c;
  block->bias = conv->bias + c;
  block->b = weights + (gsize) c * depth + (gsize) k * width;
}

/* While these pixels are computed, what comes next is fetched: their neighbours' input with the first
 * panel; the next weights if they are new, else output and residual evenly. Where there are many
 * taps, memory has time enough for the pixels. */
static void
block_look_ahead (FrcGemmBlock *block, const ConvRun *run, ConvTile *tile, guint c0, guint c1)
{
  const FrcView *residual = run->residual, *out = run->out;
  gsize span = block->rows * block->ldc, done = block->column - c0, all = c1 - c0;
  const gfloat *first = block->c - block->column;
  gboolean few = block->n_taps == 1 && !run->plan.copy;

  block->ahead_in = block->a;
  block->ahead_out = tile->ahead;
  block->ahead_in_step = block->ahead_residual = 0;
  block->ahead_in_round = 0;
  block->ahead_out_step = tile->ahead_step;
  tile->ahead += block->n_taps * block->depth * tile->ahead_step / sizeof (gfloat);
  if (few && block->column == c0) {
    gboolean solid = block->lda == block->depth; /* one address after the other is fastest */
    block->ahead_in = block->a + block->rows * block->lda;
    block->ahead_in_step = (solid ? block->rows : block->lda) * sizeof (gfloat);
    /* A line further in every row, or on where the last step ended. */
    block->ahead_in_round = solid ? 0
        : (gssize) (FRC_GEMM_ROUND * sizeof (gfloat)) -
            (gssize) (FRC_GEMM_ROUND * block->ahead_in_step);
  }
  if (!few || tile->ahead_step > 0 || all < run->conv->spec.out_channels)
    return;
  block->ahead_out = first + span + span * done / all;
  block->ahead_out_step = (span * sizeof (gfloat) * block->cols / all + block->depth - 1) /
      block->depth;
  if (residual != NULL && residual->h == out->h && residual->w == out->w &&
      residual->ld == out->ld)
    block->ahead_residual = (gsize) block->residual[0] - (gsize) first;
}

/* The weights behind panel @c from row @k on will be fetched while @blocks blocks are computed. */
static void
tile_weights_ahead (const ConvRun *run, ConvTile *tile, guint c, guint k, guint blocks)
{
  const FrcConv *conv = run->conv;
  guint cols = conv->gemm->cols;
  FrcGemmBlock next;

  tile->ahead_step = 0;
  if (c + cols < tile->c1)
    c += cols;
  else if (k + run->plan.k_step < conv->k) {
    c = tile->c0;
    k += run->plan.k_step;
  } else
    return;
  frc_conv_set_panel (conv, conv->weights, conv->k, c, k, &next);
  tile->ahead = next.b;
  tile->ahead_step = (cols * sizeof (gfloat) + blocks - 1) / blocks;
}

/* Channels c0 … c1 − 1 of one output row of the tile, a block's pixels at a time. */
static void
tile_row (const ConvRun *run, ConvTile *tile, FrcGemmBlock *block, guint n, guint y, guint c0,
    guint c1, guint k)
{
  const FrcConvPlan *plan = &run->plan;
  guint length = tile->x1 - tile->x0;
  guint parts = (length + run->conv->gemm->rows - 1) / run->conv->gemm->rows;
  gsize index = ((gsize) (n - tile->n0) * (tile->y1 - tile->y0) + (y - tile->y0)) * length;
  const gfloat *a = tile->in + (n - tile->n0) * tile->image_step +
      (y - tile->y0) * tile->row_step;
  gfloat *out = plan->out.data + (((gsize) n * plan->out.h + y) * plan->out.w + tile->x0) *
      plan->out.ld;

  for (guint i = 0, x = 0; i < parts; i++) {
    guint end = frc_part_start (length, parts, i + 1);
    block->a = a + x * tile->column_step;
    block->rows = end - x;
    block->residual = run->residual != NULL ? tile->residual + index + x : NULL;
    for (guint c = c0; c < c1; c += run->conv->gemm->cols) {
      frc_conv_set_panel (run->conv, run->conv->weights, run->conv->k, c, k, block);
      block->c = out + x * plan->out.ld + c;
      block_look_ahead (block, run, tile, c0, c1);
      run->conv->gemm->block (block);
    }
    if (run->plan.panels_inside)
      tile->ahead_step = 0; /* all of them are there */
    x = end;
  }
}

/* The whole tile over one run of K. */
static void
tile_blocks (const ConvRun *run, ConvTile *tile, FrcGemmBlock *block, guint k)
{
  guint rows = run->conv->gemm->rows, length = tile->x1 - tile->x0;
  guint blocks = (tile->n1 - tile->n0) * (tile->y1 - tile->y0) * ((length + rows - 1) / rows);
  gboolean inside = run->plan.panels_inside;
  guint step = inside ? tile->c1 - tile->c0 : run->conv->gemm->cols;

  for (guint c = tile->c0; c < tile->c1; c += step) {
    tile_weights_ahead (run, tile, c, k, inside ? 1 : blocks);
    for (guint n = tile->n0; n < tile->n1; n++)
      for (guint y = tile->y0; y < tile->y1; y++)
        tile_row (run, tile, block, n, y, c, MIN (c + step, tile->c1), k);
  }
}

static void
conv_tile (gpointer data, guint index, gpointer scratch)
{
  const ConvRun *run = data;
  const FrcConvPlan *plan = &run->plan;
  const FrcConvSpec *spec = &run->conv->spec;
  gchar *memory = scratch;
  ConvTile tile;

  tile_bounds (plan, index, &tile);
  tile.taps = (gsize *) (memory + plan->row_bytes);
  tile.residual = (const gfloat **) (tile.taps + spec->kernel_h * spec->kernel_w);
  if (plan->copy)
    tile_copy_input (plan, spec, &tile, scratch, 0, MIN (plan->k_step, spec->in_channels));
  else
    tile_point_input (plan, spec, &tile);
  tile_taps (plan, spec, &tile);
  tile_residual (run, &tile);

  FrcGemmBlock block = {.lda = tile.column_step, .taps = tile.taps, .n_taps = tile.n_taps,
    .ldc = plan->out.ld, .activation = spec->activation};
  for (guint k = 0; k < run->conv->k; k += plan->k_step) {
    block.first = k == 0;
    block.last = k + plan->k_step >= run->conv->k;
    block.depth = tile.n_taps > 1 ? tile.depth : MIN (plan->k_step, run->conv->k - k);
    if (k > 0 && plan->copy)
      tile_copy_input (plan, spec, &tile, scratch, k, block.depth);
    else if (k > 0)
      tile.in += plan->k_step;
    tile_blocks (run, &tile, &block, k);
  }
}

/* See kernels.h. */
void
frc_conv_run (const FrcConv *conv, FrcPool *pool, const FrcView *in, const FrcView *residual,
    const FrcView *out)
{
  FrcConv resolved = *conv;
  ConvRun run = {&resolved, residual, out};

  if (out->n == 0 || out->h == 0 || out->w == 0)
    return;
  resolved.spec = frc_spec_resolve (&conv->spec, in, out);
  if (conv->gemm->block == NULL) {
    frc_conv_run_blas (&resolved, pool, in, residual, out);
    return;
  }
  if (conv->winograd != NULL) {
    frc_winograd_run (&resolved, pool, in, residual, out);
    return;
  }
  frc_conv_plan (&resolved, in, out, &run.plan);
  frc_pool_run (pool, conv_tile, &run, run.plan.n_tiles);
}

guint
frc_conv_row_step (const FrcConv *conv)
{
  if (conv->gemm->block == NULL)
    return 0;
  return conv->winograd != NULL ? FRC_WINOGRAD_SIDE : 1;
}

/* See kernels.h. */
void
frc_conv_run_rows (const FrcConv *conv, gpointer scratch, const FrcView *in,
    const FrcView *residual, const FrcView *out, guint first, guint end)
{
  FrcConv resolved = *conv;
  FrcView rows = frc_view_rows (out, first, end), added;
  ConvRun run = {&resolved, NULL, &rows};

  resolved.spec = frc_spec_resolve (&conv->spec, in, out);
  if (conv->winograd != NULL) {
    frc_winograd_run_rows (&resolved, scratch, in, residual, out, first, end);
    return;
  }
  if (residual != NULL) {
    added = frc_view_rows (residual, first, end);
    run.residual = &added;
  }
  frc_conv_plan_rows (&resolved, in, &rows, first, &run.plan);
  for (guint i = 0; i < run.plan.n_tiles; i++)
    conv_tile (&run, i, scratch);
}

gsize
frc_conv_scratch_bytes (const FrcConv *conv, const FrcView *in, const FrcView *out)
{
  if (conv->gemm->block == NULL)
    return frc_conv_blas_scratch_bytes (conv, in, out);
  if (conv->winograd != NULL)
    return frc_winograd_scratch_bytes (conv);
  return frc_conv_scratch_bound (conv, in);
}
