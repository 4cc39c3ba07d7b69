/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Narrow convolutions: a tile's input where it lies or copied with its padding, then blocks of 32
 * pixels by 32 channels.
 */
#include "narrow_conv.h"

#define STEP_ELEMENTS (FRC_NARROW_STEP_BYTES / sizeof (guint16))

/* ---- a tile -------------------------------------------------------------------------------- */

typedef struct {
  const FrcNarrowConv *conv;
  const FrcNarrowConvIo *io;
  FrcNarrowConvShape shape;
  FrcNarrowConvPlan plan;
  guint first_row; /* of the map, that the copies begin with: row 0 of shape */
} ConvRun;

/* Runs are stretches of pixels at one step; a block never spans two. */
typedef struct {
  guint first, end;         /* units */
  guint panel, panel_end;
  const guint16 *in;        /* of the first run */
  gsize a_step, run_step;   /* elements from a pixel and from a run to the next */
  guint n_runs, run_pixels;
  gpointer *out;            /* of all runs' pixels, NULL where there is none */
  const guint16 **residual;
  gsize *taps;
  gfloat *sums;             /* of a block */
} ConvTile;

/* Elements of a pixel in the copy. */
static gsize
copy_ld (const FrcNarrowConv *conv)
{
  return (gsize) conv->groups * FRC_NARROW_GROUP;
}

/* Every step-th pixel of input row (n, y) from x0 on; zeros beyond the edges. */
static void
copy_row (const FrcNarrowConv *conv, const FrcNarrowView *in, guint n, gint y, gint x0, guint step,
    guint count, guint16 *to)
{
  gsize ld = copy_ld (conv), bytes = ld * sizeof (guint16);
  guint begin = x0 < 0 ? ((guint) -x0 + step - 1) / step : 0;
  guint end = x0 < (gint) in->w ? ((guint) ((gint) in->w - 1 - x0)) / step + 1 : 0;
  gint zero = conv->is_int8 ? (gint) conv->zero : 0;

  end = MIN (end, count);
  if (y < 0 || y >= (gint) in->h || begin >= end) {
    memset (to, zero, count * bytes);
    return;
  }
  const guint16 *from = in->data + (((gsize) n * in->h + y) * in->w) * in->ld +
      (gssize) (x0 + (gint) (begin * step)) * (gssize) in->ld;
  memset (to, zero, begin * bytes);
  memset (to + end * ld, zero, (count - end) * bytes);
  to += begin * ld;
  if (step == 1 && ld == in->ld && !conv->is_int8) {
    memcpy (to, from, (end - begin) * bytes);
    return;
  }
  for (guint x = begin; x < end; x++, to += ld, from += step * in->ld)
    if (conv->is_int8)
      frc_narrow_quantize_pixel (conv, from, frc_narrow_groups (in->c), 64, (guint8 *) to);
    else
      memcpy (to, from, bytes);
}

/* One image's part of the copy: a plane of pixels a phase. Returns its elements. */
static gsize
copy_image (const ConvRun *run, guint n, guint y0, guint rows, guint16 *to)
{
  const FrcConvSpec *spec = &run->conv->spec;
  const FrcNarrowConvPlan *plan = &run->plan;
  const FrcNarrowView *in = run->io->in;
  gsize row = plan->pitch * copy_ld (run->conv);
  guint plane_rows = rows + (spec->kernel_h - 1) / spec->stride_h;
  guint16 *at = to;

  for (guint py = 0; py < plan->phases_y; py++)
    for (guint px = 0; px < plan->phases_x; px++)
      for (guint r = 0; r < plane_rows; r++, at += row)
        copy_row (run->conv, in, n, (gint) ((y0 + r) * spec->stride_h + py) - (gint) spec->pad_top,
            (gint) px - (gint) spec->pad_left, spec->stride_w, plan->pitch, at);
  return at - to;
}

static void
tile_copy (const ConvRun *run, ConvTile *tile, guint16 *to)
{
  const FrcConvSpec *spec = &run->conv->spec;
  const FrcNarrowConvPlan *plan = &run->plan;
  guint rows = plan->whole_images ? run->shape.h : tile->end - tile->first;
  gsize ld = copy_ld (run->conv);
  gsize plane = (rows + (spec->kernel_h - 1) / spec->stride_h) * plan->pitch * ld;
  guint16 *at = to;

  for (guint ky = 0, t = 0; ky < spec->kernel_h; ky++)
    for (guint kx = 0; kx < spec->kernel_w; kx++)
      tile->taps[t++] = (ky % spec->stride_h * plan->phases_x + kx % spec->stride_w) * plane +
          (ky / spec->stride_h * plan->pitch + kx / spec->stride_w) * ld;
  if (plan->whole_images)
    for (guint n = tile->first; n < tile->end; n++)
      at += copy_image (run, n, 0, rows, at);
  else
    at += copy_image (run, 0, run->first_row + tile->first, rows, at);
  tile->in = to;
  tile->a_step = ld;
  tile->n_runs = plan->whole_images ? tile->end - tile->first : 1;
  tile->run_step = (at - to) / tile->n_runs;
  tile->run_pixels = (rows - 1) * plan->pitch + run->shape.w;
}

/* The first layer's input, f32 with few channels: rows of numbers, each output row a run of its
 * own. A tap is a kernel row; what it reads beyond meets weights that are zeros. */
static void
copy_wide (const ConvRun *run, guint y0, guint rows, guint16 *to)
{
  const FrcConvSpec *spec = &run->conv->spec;
  const FrcView *in = run->io->wide_in;
  gsize row = run->plan.row_elements;
  guint c = spec->in_channels, height = (rows - 1) * spec->stride_h + spec->kernel_h;
  gsize pad = (gsize) spec->pad_left * c, used = MIN ((gsize) in->w * c, row - pad);

  for (guint r = 0; r < height; r++, to += row) {
    gint y = (gint) (y0 * spec->stride_h + r) - (gint) spec->pad_top;
    if (y < 0 || y >= (gint) in->h) {
      memset (to, 0, row * sizeof *to);
      continue;
    }
    memset (to, 0, pad * sizeof *to);
    run->conv->kernels->convert (in->data + (gsize) y * in->w * c, to + pad, used);
    memset (to + pad + used, 0, (row - pad - used) * sizeof *to);
  }
}

static void
tile_copy_wide (const ConvRun *run, ConvTile *tile, guint16 *to)
{
  const FrcConvSpec *spec = &run->conv->spec;
  const FrcNarrowConvPlan *plan = &run->plan;
  guint rows = tile->end - tile->first;

  for (guint ky = 0; ky < spec->kernel_h; ky++)
    tile->taps[ky] = ky * plan->row_elements;
  tile->in = to;
  tile->a_step = spec->stride_w * spec->in_channels;
  tile->run_step = spec->stride_h * plan->row_elements;
  tile->n_runs = rows;
  tile->run_pixels = run->shape.w;
  copy_wide (run, run->first_row + tile->first, rows, to);
}

static gpointer
out_pixel (const ConvRun *run, gsize index)
{
  const FrcNarrowConvIo *io = run->io;

  return io->out ? (gpointer) (io->out->data + index * io->out->ld)
                 : (gpointer) (io->wide_out->data + index * io->wide_out->ld);
}

static const guint16 *
residual_pixel (const ConvRun *run, guint n, guint y, guint x)
{
  const FrcNarrowView *r = run->io->residual;
  gsize ry = (gsize) y * r->h / run->shape.h, rx = (gsize) x * r->w / run->shape.w;

  return r->data + (((gsize) n * r->h + ry) * r->w + rx) * r->ld;
}

static void
place_pixel (const ConvRun *run, ConvTile *tile, guint i, guint n, guint y, guint x)
{
  tile->out[i] = out_pixel (run, ((gsize) n * run->shape.h + y) * run->shape.w + x);
  if (run->io->residual)
    tile->residual[i] = residual_pixel (run, n, y, x);
}

static void
tile_places (const ConvRun *run, ConvTile *tile)
{
  const FrcNarrowConvShape *s = &run->shape;
  guint pitch = run->plan.pitch, i = 0;

  for (guint k = 0; k < tile->n_runs; k++) {
    guint n = run->plan.whole_images ? tile->first + k : 0;
    guint y = run->plan.whole_images ? 0 : tile->first + (run->conv->wide_in ? k : 0);
    for (guint p = 0; p < tile->run_pixels; y++, p += pitch) {
      guint width = MIN (pitch, tile->run_pixels - p);
      for (guint x = 0; x < width; x++, i++)
        if (x < s->w)
          place_pixel (run, tile, i, n, y, x);
        else
          tile->out[i] = NULL;
    }
  }
}

/* Pixels that read themselves alone: one run, wherever rows and images end. */
static void
tile_direct (const ConvRun *run, ConvTile *tile)
{
  const FrcNarrowView *in = run->io->in;
  const FrcNarrowConvShape *s = &run->shape;
  gsize first = (gsize) tile->first * FRC_NARROW_ROWS;
  gsize end = MIN ((gsize) tile->end * FRC_NARROW_ROWS, (gsize) s->n * s->h * s->w);

  for (guint t = 0; t < run->conv->n_taps; t++)
    tile->taps[t] = 0;
  tile->a_step = in->ld;
  tile->in = in->data + first * tile->a_step;
  tile->n_runs = 1;
  tile->run_step = 0;
  tile->run_pixels = end - first;
  guint x = first % s->w, y = first / s->w % s->h, n = first / s->w / s->h;
  for (guint i = 0; i < tile->run_pixels; i++) {
    place_pixel (run, tile, i, n, y, x);
    if (++x == s->w) {
      x = 0;
      if (++y == s->h) {
        y = 0;
        n++;
      }
    }
  }
}

/* All of the tile's pixels as int8, where no copy is made otherwise. */
static void
tile_quantize (const ConvRun *run, ConvTile *tile, guint16 *to)
{
  const FrcNarrowView *in = run->io->in;
  const guint16 *from = tile->in;

  tile->a_step = copy_ld (run->conv);
  tile->in = to;
  for (guint i = 0; i < tile->run_pixels; i++, from += in->ld, to += tile->a_step)
    frc_narrow_quantize_pixel (run->conv, from, frc_narrow_groups (in->c), 64, (guint8 *) to);
}

static void
finish_block (const ConvRun *run, const ConvTile *tile, const FrcNarrowBlock *block, guint panel,
    guint pixel)
{
  FrcNarrowFinish finish = {.c = block->c, .bias = run->conv->bias + panel * FRC_NARROW_COLS,
    .scale = run->conv->is_int8 ? run->conv->scale + panel * FRC_NARROW_COLS : NULL,
    .rows = block->rows, .cols = block->cols, .column = panel * FRC_NARROW_COLS,
    .activation = run->conv->spec.activation};

  if (run->io->out)
    finish.out = (guint16 *const *) tile->out + pixel;
  else
    finish.wide_out = (gfloat *const *) tile->out + pixel;
  if (run->io->residual)
    finish.residual = tile->residual + pixel;
  run->conv->kernels->finish (&finish);
}

/* Block @i of run @r and panel @panel. */
static void
tile_block (const ConvRun *run, const ConvTile *tile, guint r, guint i, guint panel)
{
  const FrcNarrowConv *conv = run->conv;
  gsize steps = (gsize) conv->n_taps * conv->groups;
  guint pixel = i * FRC_NARROW_ROWS;
  FrcNarrowBlock block = {.a_step = tile->a_step, .a_group = FRC_NARROW_GROUP, .taps = tile->taps,
    .n_taps = conv->n_taps, .groups = conv->groups, .first = TRUE,
    .rows = MIN (tile->run_pixels - pixel, FRC_NARROW_ROWS),
    .cols = MIN (conv->spec.out_channels - panel * FRC_NARROW_COLS, FRC_NARROW_COLS),
    .a = tile->in + r * tile->run_step + pixel * tile->a_step,
    .b = conv->weights + panel * steps * STEP_ELEMENTS, .c = tile->sums};

  if (conv->is_int8)
    conv->kernels->block_int8 (&block);
  else
    conv->kernels->block (&block);
  finish_block (run, tile, &block, panel, r * tile->run_pixels + pixel);
}

/* All of the tile. The inner loop's operand comes from L1, the other from L2. */
static void
tile_blocks (const ConvRun *run, const ConvTile *tile)
{
  guint blocks = (tile->run_pixels + FRC_NARROW_ROWS - 1) / FRC_NARROW_ROWS;

  if (run->plan.panels_inside) {
    for (guint r = 0; r < tile->n_runs; r++)
      for (guint i = 0; i < blocks; i++)
        for (guint panel = tile->panel; panel < tile->panel_end; panel++)
          tile_block (run, tile, r, i, panel);
    return;
  }
  for (guint panel = tile->panel; panel < tile->panel_end; panel++)
    for (guint r = 0; r < tile->n_runs; r++)
      for (guint i = 0; i < blocks; i++)
        tile_block (run, tile, r, i, panel);
}

static void
conv_tile (gpointer data, guint index, gpointer scratch)
{
  const ConvRun *run = data;
  const FrcNarrowConv *conv = run->conv;
  const FrcNarrowConvPlan *plan = &run->plan;
  guint unit_part = index / plan->panel_parts, panel_part = index % plan->panel_parts;
  gchar *memory = (gchar *) scratch + plan->copy_bytes;
  ConvTile tile = {
    .first = frc_part_start (plan->units, plan->unit_parts, unit_part),
    .end = frc_part_start (plan->units, plan->unit_parts, unit_part + 1),
    .panel = frc_part_start (conv->panels, plan->panel_parts, panel_part),
    .panel_end = frc_part_start (conv->panels, plan->panel_parts, panel_part + 1),
    .out = (gpointer *) memory,
    .residual = (const guint16 **) (memory + plan->place_bytes),
    .sums = (gfloat *) (memory + 2 * plan->place_bytes),
    .taps = (gsize *) (memory + 2 * plan->place_bytes + plan->sums_bytes)};

  if (!plan->copy) {
    tile_direct (run, &tile);
  } else {
    if (conv->wide_in)
      tile_copy_wide (run, &tile, scratch);
    else
      tile_copy (run, &tile, scratch);
    tile_places (run, &tile);
  }
  if (conv->kernels->begin)
    conv->kernels->begin ();
  if (conv->is_int8 && !plan->copy)
    tile_quantize (run, &tile, scratch);
  tile_blocks (run, &tile);
  if (conv->kernels->end)
    conv->kernels->end ();
}

/* The convolution's, its padding known. */
static FrcConvSpec
resolved_spec (const FrcNarrowConv *conv, const FrcNarrowConvIo *io)
{
  FrcNarrowConvShape out = frc_narrow_conv_shape (io);

  return frc_narrow_resolve (&conv->spec, io->in ? io->in->h : io->wide_in->h,
      io->in ? io->in->w : io->wide_in->w, out.h, out.w);
}

/* See narrow.h. */
void
frc_narrow_conv_run (const FrcNarrowConv *conv, FrcPool *pool, const FrcNarrowConvIo *io)
{
  FrcNarrowConv resolved = *conv;
  ConvRun run = {&resolved, io};

  run.shape = frc_narrow_conv_shape (io);
  resolved.spec = resolved_spec (conv, io);
  if (run.shape.n == 0 || run.shape.h == 0 || run.shape.w == 0)
    return;
  if (conv->pixels > 0) {
    frc_narrow_linear_run (conv, pool, io);
    return;
  }
  frc_narrow_conv_plan (conv, run.shape, &run.plan);
  frc_pool_run (pool, conv_tile, &run, run.plan.n_tiles);
}

/* See narrow.h. */
void
frc_narrow_conv_run_rows (const FrcNarrowConv *conv, gpointer scratch, const FrcNarrowConvIo *io,
    guint first, guint end)
{
  FrcNarrowConv resolved = *conv;
  FrcNarrowConvIo rows = *io;
  ConvRun run = {&resolved, &rows, frc_narrow_conv_shape (io), .first_row = first};
  FrcNarrowView in, residual, out;
  FrcView wide_out;

  resolved.spec = resolved_spec (conv, io);
  run.shape.h = end - first;
  frc_narrow_conv_plan (&resolved, run.shape, &run.plan);
  if (!run.plan.copy) {
    in = frc_narrow_view_rows (io->in, first, end);
    rows.in = &in;
  }
  if (io->residual) {
    residual = frc_narrow_view_rows (io->residual, first, end);
    rows.residual = &residual;
  }
  if (io->out) {
    out = frc_narrow_view_rows (io->out, first, end);
    rows.out = &out;
  } else {
    wide_out = frc_view_rows (io->wide_out, first, end);
    rows.wide_out = &wide_out;
  }
  for (guint i = 0; i < run.plan.n_tiles; i++)
    conv_tile (&run, i, scratch);
}
