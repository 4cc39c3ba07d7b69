/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Narrow convolutions and fully connected layers: a tile's input where it lies or copied with its
 * padding, then blocks of 32 pixels by 32 channels.
 */
#include "narrow_conv.h"
#include "../frcnn.h"
#include "../mem.h"
#include "../model/rounding.h"

#define STEP_ELEMENTS (FRC_NARROW_STEP_BYTES / sizeof (guint16))
#define BLOCK_FLOATS (FRC_NARROW_ROWS * FRC_NARROW_COLS)

/* ---- life ---------------------------------------------------------------------------------- */

/* One rounded filter, @in, into the panels: element (tap, channel) lies at pair channel / 2 of its
 * group. @pixels: of a fully connected layer, whose weights have the channels innermost. */
static void
pack_filter (FrcNarrowConv *conv, guint out, guint pixels, const guint16 *in)
{
  const FrcConvSpec *spec = &conv->spec;
  guint taps = pixels ? pixels : spec->kernel_h * spec->kernel_w;
  guint channels = pixels ? spec->in_channels / pixels : spec->in_channels;
  gsize steps = (gsize) conv->n_taps * conv->groups;
  guint16 *panel = conv->weights + out / FRC_NARROW_COLS * steps * STEP_ELEMENTS +
      out % FRC_NARROW_COLS * 2;

  for (guint t = 0; t < taps; t++) {
    guint first = conv->wide_in ? t % spec->kernel_w * channels : 0; /* channel in the packed tap */
    gsize tap = conv->wide_in ? t / spec->kernel_w * conv->groups : t * frc_narrow_groups (channels);
    guint16 *at = panel + tap * STEP_ELEMENTS;
    for (guint c = 0; c < channels; c++) {
      guint k = first + c;
      at[(gsize) (k / 2) * 2 * FRC_NARROW_COLS + k % 2] =
          in[pixels ? (gsize) t * channels + c : (gsize) c * taps + t];
    }
  }
}

static gboolean
pack_weights (FrcNarrowConv *conv, guint pixels, const gfloat *weight, GError **error)
{
  const FrcConvSpec *spec = &conv->spec;
  guint n = spec->in_channels * spec->kernel_h * spec->kernel_w;
  FrcRoundingMove *moves = frc_alloc (n, sizeof *moves, "a filter", error);
  guint16 *rounded = moves ? frc_alloc (n, sizeof *rounded, "a filter", error) : NULL;

  for (guint o = 0; rounded && o < spec->out_channels; o++) {
    frc_round_filter (weight + (gsize) o * n, n, FRC_DTYPE_BF16, moves, rounded);
    pack_filter (conv, o, pixels, rounded);
  }
  frc_free (moves);
  frc_free (rounded);
  return rounded != NULL;
}

/* See narrow.h. A fully connected layer is one long tap: its input's pixels follow one another. */
FrcNarrowConv *
frc_narrow_conv_new (const FrcNarrowKernels *kernels, const FrcConvSpec *spec, guint pixels,
    gboolean wide_in, const gfloat *weight, const gfloat *bias, GError **error)
{
  FrcNarrowConv *conv = g_new0 (FrcNarrowConv, 1);
  guint k = pixels   ? pixels * frc_narrow_ld (spec->in_channels / pixels)
            : wide_in ? spec->kernel_w * spec->in_channels
                      : spec->in_channels;
  gsize floats, bytes;

  conv->kernels = kernels;
  conv->spec = *spec;
  conv->wide_in = wide_in;
  conv->pixels = MAX (pixels, 1);
  conv->n_taps = pixels ? 1 : wide_in ? spec->kernel_h : spec->kernel_h * spec->kernel_w;
  conv->groups = frc_narrow_ld (k) / FRC_NARROW_GROUP;
  conv->panels = (spec->out_channels + FRC_NARROW_COLS - 1) / FRC_NARROW_COLS;
  bytes = (gsize) conv->n_taps * conv->groups * conv->panels * FRC_NARROW_STEP_BYTES;
  floats = (gsize) conv->panels * FRC_NARROW_COLS;
  conv->bytes = bytes + floats * sizeof (gfloat);
  conv->weights = frc_alloc0 (conv->bytes, 1, "a convolution's weights", error);
  if (conv->weights == NULL) {
    g_free (conv);
    return NULL;
  }
  conv->bias = (gfloat *) ((gchar *) conv->weights + bytes);
  if (!pack_weights (conv, pixels, weight, error)) {
    frc_narrow_conv_free (conv);
    return NULL;
  }
  if (bias != NULL)
    memcpy (conv->bias, bias, spec->out_channels * sizeof (gfloat));
  return conv;
}

void
frc_narrow_conv_free (FrcNarrowConv *conv)
{
  if (conv == NULL)
    return;
  frc_free (conv->weights);
  g_free (conv);
}

gsize
frc_narrow_conv_weight_bytes (const FrcNarrowConv *conv)
{
  return conv->bytes;
}

/* ---- a tile -------------------------------------------------------------------------------- */

typedef struct {
  const FrcNarrowConv *conv;
  const FrcNarrowConvIo *io;
  FrcNarrowConvShape shape;
  FrcNarrowConvPlan plan;
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
  gfloat *sums;             /* [panel][block][32][32] while K is walked in chunks, else one block */
} ConvTile;

/* Every step-th pixel of input row (n, y) from x0 on; zeros beyond the edges. */
static void
copy_row (const FrcNarrowView *in, guint n, gint y, gint x0, guint step, guint count, guint16 *to)
{
  gsize ld = frc_narrow_ld (in->c), bytes = ld * sizeof (guint16);
  guint begin = x0 < 0 ? ((guint) -x0 + step - 1) / step : 0;
  guint end = x0 < (gint) in->w ? ((guint) ((gint) in->w - 1 - x0)) / step + 1 : 0;

  end = MIN (end, count);
  if (y < 0 || y >= (gint) in->h || begin >= end) {
    memset (to, 0, count * bytes);
    return;
  }
  const guint16 *from = in->data + (((gsize) n * in->h + y) * in->w) * in->ld +
      (gssize) (x0 + (gint) (begin * step)) * (gssize) in->ld;
  memset (to, 0, begin * bytes);
  memset (to + end * ld, 0, (count - end) * bytes);
  to += begin * ld;
  if (step == 1 && ld == in->ld) {
    memcpy (to, from, (end - begin) * bytes);
    return;
  }
  for (guint x = begin; x < end; x++, to += ld, from += step * in->ld)
    memcpy (to, from, bytes);
}

/* One image's part of the copy: a plane of pixels a phase. Returns its elements. */
static gsize
copy_image (const ConvRun *run, guint n, guint y0, guint rows, guint16 *to)
{
  const FrcConvSpec *spec = &run->conv->spec;
  const FrcNarrowConvPlan *plan = &run->plan;
  const FrcNarrowView *in = run->io->in;
  gsize row = (gsize) plan->pitch * frc_narrow_ld (in->c);
  guint plane_rows = rows + (spec->kernel_h - 1) / spec->stride_h;
  guint16 *at = to;

  for (guint py = 0; py < plan->phases_y; py++)
    for (guint px = 0; px < plan->phases_x; px++)
      for (guint r = 0; r < plane_rows; r++, at += row)
        copy_row (in, n, (gint) ((y0 + r) * spec->stride_h + py) - (gint) spec->pad_top,
            (gint) px - (gint) spec->pad_left, spec->stride_w, plan->pitch, at);
  return at - to;
}

static void
tile_copy (const ConvRun *run, ConvTile *tile, guint16 *to)
{
  const FrcConvSpec *spec = &run->conv->spec;
  const FrcNarrowConvPlan *plan = &run->plan;
  guint rows = plan->whole_images ? run->shape.h : tile->end - tile->first;
  gsize ld = frc_narrow_ld (run->io->in->c);
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
    at += copy_image (run, 0, tile->first, rows, at);
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
  copy_wide (run, tile->first, rows, to);
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

  tile->taps[0] = 0;
  tile->a_step = in->ld * run->conv->pixels;
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

static void
finish_block (const ConvRun *run, const ConvTile *tile, const FrcNarrowBlock *block, guint panel,
    guint pixel)
{
  FrcNarrowFinish finish = {.c = block->c, .bias = run->conv->bias + panel * FRC_NARROW_COLS,
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

/* Block @i of run @r and panel @panel, groups @k … of K. */
static void
tile_block (const ConvRun *run, const ConvTile *tile, guint r, guint i, guint panel, guint k)
{
  const FrcNarrowConv *conv = run->conv;
  gsize steps = (gsize) conv->n_taps * conv->groups;
  guint pixel = i * FRC_NARROW_ROWS;
  FrcNarrowBlock block = {.a_step = tile->a_step, .taps = tile->taps, .n_taps = conv->n_taps,
    .groups = MIN (run->plan.chunk, conv->groups - k), .first = k == 0,
    .rows = MIN (tile->run_pixels - pixel, FRC_NARROW_ROWS),
    .cols = MIN (conv->spec.out_channels - panel * FRC_NARROW_COLS, FRC_NARROW_COLS),
    .a = tile->in + r * tile->run_step + pixel * tile->a_step + k * FRC_NARROW_GROUP,
    .b = conv->weights + (panel * steps + k) * STEP_ELEMENTS,
    .c = tile->sums};

  if (run->plan.chunk < conv->groups) {
    guint blocks = (tile->run_pixels + FRC_NARROW_ROWS - 1) / FRC_NARROW_ROWS;
    block.c += ((gsize) (panel - tile->panel) * blocks + i) * BLOCK_FLOATS;
  }
  conv->kernels->block (&block);
  if (k + block.groups >= conv->groups)
    finish_block (run, tile, &block, panel, r * tile->run_pixels + pixel);
}

/* All of the tile over groups @k … of K. The inner loop's operand comes from L1, the other from L2. */
static void
tile_blocks (const ConvRun *run, const ConvTile *tile, guint k)
{
  guint blocks = (tile->run_pixels + FRC_NARROW_ROWS - 1) / FRC_NARROW_ROWS;

  if (run->plan.panels_inside) {
    for (guint r = 0; r < tile->n_runs; r++)
      for (guint i = 0; i < blocks; i++)
        for (guint panel = tile->panel; panel < tile->panel_end; panel++)
          tile_block (run, tile, r, i, panel, k);
    return;
  }
  for (guint panel = tile->panel; panel < tile->panel_end; panel++)
    for (guint r = 0; r < tile->n_runs; r++)
      for (guint i = 0; i < blocks; i++)
        tile_block (run, tile, r, i, panel, k);
}

static guint
part_start (guint length, guint parts, guint i)
{
  return (guint) ((guint64) length * i / parts);
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
    .first = part_start (plan->units, plan->unit_parts, unit_part),
    .end = part_start (plan->units, plan->unit_parts, unit_part + 1),
    .panel = part_start (conv->panels, plan->panel_parts, panel_part),
    .panel_end = part_start (conv->panels, plan->panel_parts, panel_part + 1),
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
  for (guint k = 0; k < conv->groups; k += plan->chunk)
    tile_blocks (run, &tile, k);
  if (conv->kernels->end)
    conv->kernels->end ();
}

/* See narrow.h. */
void
frc_narrow_conv_run (const FrcNarrowConv *conv, FrcPool *pool, const FrcNarrowConvIo *io)
{
  ConvRun run = {conv, io};

  run.shape = frc_narrow_conv_shape (io);
  if (run.shape.n == 0 || run.shape.h == 0 || run.shape.w == 0)
    return;
  frc_narrow_conv_plan (conv, run.shape, &run.plan);
  frc_pool_run (pool, conv_tile, &run, run.plan.n_tiles);
}
