/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The plan of a convolution: fixed for a shape and a table, whatever the number of threads.
 */
#include "conv.h"

#define COPY_BYTES (384 * 1024)   /* of a tile's input in scratch */
#define INPUT_BYTES (1024 * 1024) /* of a tile's input that is read in place */
#define WEIGHT_BYTES (1024 * 1024)
#define INSIDE_BYTES (512 * 1024) /* of weights that are read anew for every block of pixels */
#define MAX_PIXELS 4096 /* bounds the table of residual pointers */
#define SMALL_TILE_MACS (1 << 20) /* no smaller for the sake of balance */
#define MIN_TILES 16
#define K_WHOLE 2048 /* K up to here is not cut */
#define K_STEP 512
/* Where K is cut, weights and input are many: larger tiles, and as few as keep some cores busy. */
#define LONG_TILE 16 /* times the usual work */
#define LONG_MIN_TILES 8
/* Pixels this far apart, or a multiple, fall into few sets of an L1 cache: a copy avoids that. */
#define CONFLICT_BYTES 2048
/* The same of L2, where a copy pays that is made anew for every run of K. */
#define FAR_CONFLICT_BYTES 8192

static guint
div_up (guint64 a, guint64 b)
{
  return (guint) ((a + b - 1) / b);
}

static gboolean
has_conflict (gsize step, gsize bytes)
{
  return step * sizeof (gfloat) % bytes == 0;
}

/* Does the kernel never look beyond the input's edge? */
static gboolean
is_inside (const FrcConvSpec *spec, const FrcView *in, const FrcView *out, guint first_row)
{
  return spec->pad_top == 0 && spec->pad_left == 0 &&
      (guint64) (first_row + out->h - 1) * spec->stride_h + spec->kernel_h <= in->h &&
      (guint64) (out->w - 1) * spec->stride_w + spec->kernel_w <= in->w;
}

/* A pixel's share of a tile: less than 8 pixels keep the units no less busy. */
static guint64
tile_macs (const FrcConv *conv, const FrcConvPlan *plan)
{
  guint64 pixels = (guint64) plan->images * plan->rows * plan->columns;

  return MAX (pixels, 8) * plan->channels * conv->k;
}

/* Input rows or columns that @n outputs need: those between samples are left out of a copy if the
 * kernel never reads them. */
static guint64
copy_length (guint64 n, guint kernel, guint stride)
{
  return kernel == 1 ? n : (n - 1) * stride + kernel;
}

/* Of the input that a tile sees in one run of K. */
static guint64
copy_bytes (const FrcConv *conv, const FrcConvPlan *plan)
{
  const FrcConvSpec *spec = &conv->spec;

  return plan->images * copy_length (plan->rows, spec->kernel_h, spec->stride_h) *
      copy_length (plan->columns, spec->kernel_w, spec->stride_w) *
      (plan->copy ? plan->in_step : MIN (plan->in_step, plan->k_step)) * sizeof (gfloat);
}

static gboolean
is_too_much_input (const FrcConv *conv, const FrcConvPlan *plan)
{
  return copy_bytes (conv, plan) > (plan->copy ? COPY_BYTES : INPUT_BYTES);
}

static guint
half (guint n, guint multiple)
{
  return MAX (multiple, div_up (div_up (n, 2), multiple) * multiple);
}

/* Pixels: as many as make good use of a panel of weights, as few as leave the input in L2. */
static void
plan_pixels (const FrcConv *conv, FrcConvPlan *plan)
{
  guint block = conv->gemm->rows, enough = 16 * block;
  gboolean flat = plan->in.h == 1 && plan->in.n == 1 && plan->out.h == 1;

  plan->images = plan->rows = 1;
  plan->columns = plan->out.w;
  while ((is_too_much_input (conv, plan) || plan->columns > MAX_PIXELS) &&
      plan->columns > 5 * block)
    plan->columns = half (plan->columns, block);
  if (flat)
    return;
  while (plan->rows < plan->out.h && plan->rows * plan->columns < enough) {
    plan->rows++;
    if (is_too_much_input (conv, plan)) {
      plan->rows--;
      return;
    }
  }
  while (plan->rows == plan->out.h && plan->columns == plan->out.w &&
      plan->images < plan->out.n && plan->images * plan->rows * plan->columns < enough) {
    plan->images++;
    if (is_too_much_input (conv, plan)) {
      plan->images--;
      return;
    }
  }
}

/* Tiles of a direction are as equal as they can be. */
static void
plan_count (FrcConvPlan *plan)
{
  plan->image_tiles = div_up (plan->out.n, plan->images);
  plan->row_tiles = div_up (plan->out.h, plan->rows);
  plan->column_tiles = div_up (plan->out.w, plan->columns);
  plan->channel_tiles = div_up (plan->out.c, plan->channels);
  plan->images = div_up (plan->out.n, plan->image_tiles);
  plan->rows = div_up (plan->out.h, plan->row_tiles);
  plan->columns = div_up (plan->out.w, plan->column_tiles);
  plan->n_tiles =
      plan->image_tiles * plan->row_tiles * plan->column_tiles * plan->channel_tiles;
}

static gboolean
plan_halve_pixels (const FrcConv *conv, FrcConvPlan *plan, guint enough)
{
  guint pixels = plan->images * plan->rows * plan->columns;

  if (pixels < 2 * enough)
    return FALSE;
  if (plan->images > 1)
    plan->images = half (plan->images, 1);
  else if (plan->rows > 1)
    plan->rows = half (plan->rows, 1);
  else
    plan->columns = half (plan->columns, conv->gemm->rows);
  return plan->images * plan->rows * plan->columns < pixels;
}

static gboolean
plan_halve_channels (const FrcConv *conv, FrcConvPlan *plan, guint enough)
{
  guint channels = plan->channels;

  if (channels < 2 * enough)
    return FALSE;
  plan->channels = half (channels, conv->gemm->cols);
  return plan->channels < channels;
}

/* The input is read once for every tile of channels, the weights once for every tile of pixels: the
 * longer side is halved if it stays above so many blocks' rows or panels. */
static gboolean
plan_halve (const FrcConv *conv, FrcConvPlan *plan, guint blocks, guint panels)
{
  guint pixels = blocks * conv->gemm->rows, channels = panels * conv->gemm->cols;

  if (plan->images * plan->rows * plan->columns >= plan->channels)
    return plan_halve_pixels (conv, plan, pixels) || plan_halve_channels (conv, plan, channels);
  return plan_halve_channels (conv, plan, channels) || plan_halve_pixels (conv, plan, pixels);
}

/* Work: tiles neither so large that threads wait for each other nor so small that weights and input
 * are read over and over. */
static void
plan_work (const FrcConv *conv, FrcConvPlan *plan, gboolean alone)
{
  gboolean is_long = plan->k_step < conv->k;
  guint64 most = (guint64) conv->gemm->tile_macs * (is_long ? LONG_TILE : 1);
  guint few = is_long ? LONG_MIN_TILES : MIN_TILES, panel = conv->gemm->cols;

  plan->channels = plan->out.c;
  while ((guint64) plan->channels * plan->k_step * sizeof (gfloat) > WEIGHT_BYTES &&
      plan_halve_channels (conv, plan, 4 * panel))
    continue;
  while (tile_macs (conv, plan) > most && plan_halve (conv, plan, 12, 4))
    continue;
  plan_count (plan);
  while (!alone && plan->n_tiles < few && tile_macs (conv, plan) > 2 * SMALL_TILE_MACS &&
      ((is_long && plan_halve_channels (conv, plan, 2 * panel)) || plan_halve (conv, plan, 2, 1)))
    plan_count (plan);
}

static void
plan_make (const FrcConv *conv, const FrcView *in, const FrcView *out, guint first_row,
    gboolean alone, FrcConvPlan *plan)
{
  const FrcConvSpec *spec = &conv->spec;
  gboolean inside = is_inside (spec, in, out, first_row);

  plan->in = *in;
  plan->out = *out;
  plan->first_row = first_row;
  if (inside && spec->kernel_h == 1 && spec->kernel_w == 1 && spec->stride_h == 1 &&
      spec->stride_w == 1) {
    plan->in.data += (gsize) first_row * in->w * in->ld;
    plan->in.w = plan->out.w = out->n * out->h * out->w;
    plan->first_row = 0;
    plan->in.n = plan->in.h = plan->out.n = plan->out.h = 1;
  }
  plan->k_step = conv->k;
  if (spec->kernel_h * spec->kernel_w == 1 && conv->k > K_WHOLE)
    plan->k_step = K_STEP;
  plan->copy =
      !inside || (plan->k_step < conv->k && has_conflict (in->ld, FAR_CONFLICT_BYTES));
  plan->in_step = plan->copy ? MIN (in->c, plan->k_step) : in->ld;
  if (plan->copy &&
      has_conflict (plan->in_step * (spec->kernel_w == 1 ? 1 : spec->stride_w), CONFLICT_BYTES))
    plan->in_step += 16;
  plan_pixels (conv, plan);
  plan_work (conv, plan, alone);
  plan->panels_inside = plan->k_step == conv->k &&
      (guint64) plan->channels * conv->k * sizeof (gfloat) <= INSIDE_BYTES;
  plan->copy_rows = copy_length (plan->rows, spec->kernel_h, spec->stride_h);
  plan->copy_columns = copy_length (plan->columns, spec->kernel_w, spec->stride_w);
  plan->row_bytes = plan->copy ? (copy_bytes (conv, plan) + 127) / 64 * 64 : 0;
  plan->table_bytes = (gsize) plan->images * plan->rows * plan->columns * sizeof (gpointer) +
      (gsize) spec->kernel_h * spec->kernel_w * sizeof (gsize);
}

/* @in, @out: proven to fit. Costs a few hundred nanoseconds. */
void
frc_conv_plan (const FrcConv *conv, const FrcView *in, const FrcView *out, FrcConvPlan *plan)
{
  plan_make (conv, in, out, 0, FALSE, plan);
}

void
frc_conv_plan_rows (const FrcConv *conv, const FrcView *in, const FrcView *out, guint first,
    FrcConvPlan *plan)
{
  plan_make (conv, in, out, first, TRUE, plan);
}

/* What no tile exceeds, for this input and every one that is smaller: plan_pixels () stops at
 * COPY_BYTES or a row of 5 blocks, and at MAX_PIXELS in a row; rows and images are only added to
 * fewer than 16 blocks. A table of residual pointers has one a pixel. */
gsize
frc_conv_scratch_bound (const FrcConv *conv, const FrcView *in)
{
  const FrcConvSpec *spec = &conv->spec;
  gsize block = conv->gemm->rows, pixels = MAX_PIXELS + 16 * block;
  gsize in_step = (gsize) in->c + 16;
  gsize row_bytes = copy_length (5 * block, spec->kernel_w, spec->stride_w) * spec->kernel_h *
      in_step * sizeof (gfloat);

  return MAX (row_bytes, COPY_BYTES) + 128 + pixels * sizeof (gpointer) +
      (gsize) spec->kernel_h * spec->kernel_w * sizeof (gsize);
}
