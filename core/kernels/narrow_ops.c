/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Narrow operations around the convolutions: the cut into bands of rows.
 */
#include "../mem.h"
#include "narrow_table.h"
#include "window.h"

#define TILE_STEPS (1 << 18) /* multiplications, comparisons or additions of a tile */

/* Bands of @rows output rows. */
typedef struct {
  guint rows, image_tiles;
} Bands;

static Bands
bands (const FrcNarrowView *out, gsize steps_a_value)
{
  guint rows = frc_window_tile_rows (out->h, (gsize) out->w * out->ld * steps_a_value, TILE_STEPS);

  return (Bands){rows, (out->h + rows - 1) / rows};
}

static void
band_rows (const Bands *b, guint tile, guint height, guint *n, guint *first, guint *end)
{
  *n = tile / b->image_tiles;
  *first = tile % b->image_tiles * b->rows;
  *end = MIN (*first + b->rows, height);
}

/* ---- windows: depthwise convolution and max pooling ---------------------------------------- */

struct _FrcNarrowDepthwise {
  const FrcNarrowKernels *kernels;
  FrcConvSpec spec;
  gsize bytes;
  gfloat *weights; /* [tap][channels, by groups: even, odd], then the bias */
};

/* See narrow.h. */
FrcNarrowDepthwise *
frc_narrow_depthwise_new (const FrcNarrowKernels *kernels, const FrcConvSpec *spec,
    const gfloat *weight, const gfloat *bias, GError **error)
{
  gsize taps = (gsize) spec->kernel_h * spec->kernel_w, ld = frc_narrow_ld (spec->out_channels);
  FrcNarrowDepthwise *depthwise = g_new0 (FrcNarrowDepthwise, 1);

  depthwise->kernels = kernels;
  depthwise->spec = *spec;
  depthwise->bytes = (taps + 1) * ld * sizeof (gfloat);
  depthwise->weights = frc_alloc0 (depthwise->bytes, 1, "depthwise weights", error);
  if (depthwise->weights == NULL) {
    g_free (depthwise);
    return NULL;
  }
  for (guint c = 0; c < spec->out_channels; c++) {
    gfloat *at = depthwise->weights + frc_narrow_place (c);
    for (gsize t = 0; t < taps; t++)
      at[t * ld] = weight[c * taps + t];
    at[taps * ld] = bias != NULL ? bias[c] : 0;
  }
  return depthwise;
}

void
frc_narrow_depthwise_free (FrcNarrowDepthwise *depthwise)
{
  if (depthwise == NULL)
    return;
  frc_free (depthwise->weights);
  g_free (depthwise);
}

gsize
frc_narrow_depthwise_weight_bytes (const FrcNarrowDepthwise *depthwise)
{
  return depthwise->bytes;
}

typedef struct {
  void (*row) (const FrcNarrowWindow *row);
  FrcConvSpec spec; /* its padding known */
  const gfloat *weights, *bias;
  const FrcNarrowView *in, *out;
  Bands bands;
} WindowRun;

static void
window_rows (const WindowRun *run, guint n, guint first, guint end)
{
  const FrcConvSpec *spec = &run->spec;
  const FrcNarrowView *in = run->in, *out = run->out;
  FrcNarrowWindow row = {.row_step = in->w * in->ld, .ld = in->ld, .out_ld = out->ld,
    .in_w = in->w, .out_w = out->w, .groups = frc_narrow_groups (out->c), .kernel_w = spec->kernel_w,
    .stride_w = spec->stride_w, .pad_left = spec->pad_left, .weights = run->weights,
    .bias = run->bias, .activation = spec->activation};

  for (guint y = first; y < end; y++) {
    gint top = (gint) (y * spec->stride_h) - (gint) spec->pad_top;
    gint inside = MAX (-top, 0), last = MIN ((gint) in->h - top, (gint) spec->kernel_h);
    row.first_row = MIN (inside, MAX (last, 0));
    row.n_rows = MAX (last - (gint) row.first_row, 0);
    row.in = in->data + (gsize) n * in->h * row.row_step;
    if (row.n_rows > 0)
      row.in += (gsize) (top + (gint) row.first_row) * row.row_step;
    row.out = out->data + ((gsize) n * out->h + y) * out->w * out->ld;
    run->row (&row);
  }
}

static void
window_tile (gpointer data, guint tile, gpointer scratch)
{
  const WindowRun *run = data;
  guint n, first, end;

  band_rows (&run->bands, tile, run->out->h, &n, &first, &end);
  window_rows (run, n, first, end);
}

static WindowRun
window_run (void (*row) (const FrcNarrowWindow *row), const FrcConvSpec *spec,
    const FrcNarrowView *in, const FrcNarrowView *out)
{
  return (WindowRun){.row = row, .in = in, .out = out,
    .spec = frc_narrow_resolve (spec, in->h, in->w, out->h, out->w),
    .bands = bands (out, (gsize) spec->kernel_h * spec->kernel_w)};
}

static WindowRun
depthwise_run (const FrcNarrowDepthwise *depthwise, const FrcNarrowView *in,
    const FrcNarrowView *out)
{
  const FrcConvSpec *spec = &depthwise->spec;
  WindowRun run = window_run (depthwise->kernels->depthwise_row, spec, in, out);

  run.weights = depthwise->weights;
  run.bias = run.weights +
      (gsize) spec->kernel_h * spec->kernel_w * frc_narrow_ld (spec->out_channels);
  return run;
}

/* See narrow.h. */
void
frc_narrow_depthwise_run (const FrcNarrowDepthwise *depthwise, FrcPool *pool,
    const FrcNarrowView *in, const FrcNarrowView *out)
{
  WindowRun run = depthwise_run (depthwise, in, out);

  frc_pool_run (pool, window_tile, &run, out->n * run.bands.image_tiles);
}

/* See narrow.h. */
void
frc_narrow_depthwise_run_rows (const FrcNarrowDepthwise *depthwise, const FrcNarrowView *in,
    const FrcNarrowView *out, guint first, guint end)
{
  WindowRun run = depthwise_run (depthwise, in, out);

  window_rows (&run, 0, first, end);
}

/* See narrow.h. */
void
frc_narrow_max_pool_run (const FrcNarrowKernels *kernels, FrcPool *pool, const FrcConvSpec *window,
    const FrcNarrowView *in, const FrcNarrowView *out)
{
  WindowRun run = window_run (kernels->max_row, window, in, out);

  frc_pool_run (pool, window_tile, &run, out->n * run.bands.image_tiles);
}

/* See narrow.h. */
void
frc_narrow_max_pool_run_rows (const FrcNarrowKernels *kernels, const FrcConvSpec *window,
    const FrcNarrowView *in, const FrcNarrowView *out, guint first, guint end)
{
  WindowRun run = window_run (kernels->max_row, window, in, out);

  window_rows (&run, 0, first, end);
}

/* See narrow.h. */
void
frc_narrow_average_pool_run (const FrcNarrowKernels *kernels, FrcPool *pool,
    const FrcConvSpec *window, const FrcNarrowView *in, const FrcNarrowView *out)
{
  WindowRun run = window_run (kernels->average_row, window, in, out);

  frc_pool_run (pool, window_tile, &run, out->n * run.bands.image_tiles);
}

/* ---- means, scales, sums ------------------------------------------------------------------- */

typedef struct {
  const FrcNarrowKernels *kernels;
  const FrcNarrowView *a, *b, *out;
  FrcActivation activation;
  Bands bands;
} ElementwiseRun;

static void
mean_tile (gpointer data, guint tile, gpointer scratch)
{
  const ElementwiseRun *run = data;
  const FrcNarrowView *in = run->a;
  guint groups = frc_narrow_groups (in->c), n = tile / groups, c = tile % groups * FRC_NARROW_GROUP;
  gsize pixels = (gsize) in->h * in->w;

  run->kernels->mean (in->data + n * pixels * in->ld + c, in->ld, pixels,
      run->out->data + n * run->out->ld + c);
}

/* See narrow.h. A tile is one group of channels of all pixels, so no sum is ever cut in two. */
void
frc_narrow_global_mean_run (const FrcNarrowKernels *kernels, FrcPool *pool,
    const FrcNarrowView *in, const FrcNarrowView *out)
{
  ElementwiseRun run = {kernels, in, NULL, out};

  frc_pool_run (pool, mean_tile, &run, in->n * frc_narrow_groups (in->c));
}

static FrcNarrowRow
row_of (const ElementwiseRun *run, guint n, guint y)
{
  const FrcNarrowView *a = run->a, *b = run->b, *out = run->out;

  return (FrcNarrowRow){.a = a->data + ((gsize) n * a->h + y) * a->w * a->ld,
    .out = out->data + ((gsize) n * out->h + y) * out->w * out->ld, .a_ld = a->ld, .b_ld = b->ld,
    .out_ld = out->ld, .w = a->w, .groups = frc_narrow_groups (a->c), .b_w = b->w,
    .activation = run->activation};
}

static void
scale_tile (gpointer data, guint tile, gpointer scratch)
{
  const ElementwiseRun *run = data;
  guint n, first, end;

  band_rows (&run->bands, tile, run->out->h, &n, &first, &end);
  for (guint y = first; y < end; y++) {
    FrcNarrowRow row = row_of (run, n, y);
    row.b = run->b->data + n * run->b->ld;
    run->kernels->scale_row (&row);
  }
}

static void
add_tile (gpointer data, guint tile, gpointer scratch)
{
  const ElementwiseRun *run = data;
  const FrcNarrowView *b = run->b;
  guint n, first, end;

  band_rows (&run->bands, tile, run->out->h, &n, &first, &end);
  for (guint y = first; y < end; y++) {
    FrcNarrowRow row = row_of (run, n, y);
    gsize b_y = (gsize) y * b->h / run->out->h;
    row.b = b->data + (n * b->h + b_y) * b->w * b->ld;
    run->kernels->add_row (&row);
  }
}

static void
elementwise_run (FrcPool *pool, FrcTileFunc tile, ElementwiseRun *run)
{
  run->bands = bands (run->out, 1);
  frc_pool_run (pool, tile, run, run->out->n * run->bands.image_tiles);
}

/* See narrow.h. */
void
frc_narrow_scale_channels_run (const FrcNarrowKernels *kernels, FrcPool *pool,
    const FrcNarrowView *in, const FrcNarrowView *scale, const FrcNarrowView *out)
{
  ElementwiseRun run = {kernels, in, scale, out, FRC_ACT_NONE};

  elementwise_run (pool, scale_tile, &run);
}

/* See narrow.h. */
void
frc_narrow_add_run (const FrcNarrowKernels *kernels, FrcPool *pool, const FrcNarrowView *a,
    const FrcNarrowView *b, FrcActivation activation, const FrcNarrowView *out)
{
  ElementwiseRun run = {kernels, a, b, out, activation};

  elementwise_run (pool, add_tile, &run);
}

/* ---- to f32 and back ----------------------------------------------------------------------- */

#define CONVERT_TILE (1 << 16) /* numbers */

typedef struct {
  const FrcNarrowKernels *kernels;
  const FrcNarrowView *view;
  gfloat *wide;
  const gfloat *from; /* NULL: to wide */
  gsize n;
} ConvertRun;

static void
convert_tile (gpointer data, guint tile, gpointer scratch)
{
  const ConvertRun *run = data;
  gsize first = (gsize) tile * CONVERT_TILE, n = MIN (run->n - first, CONVERT_TILE);

  if (run->from != NULL)
    run->kernels->convert (run->from + first, run->view->data + first, n);
  else
    run->kernels->widen (run->view->data + first, run->wide + first, n);
}

static void
convert_run (FrcPool *pool, ConvertRun *run)
{
  run->n = (gsize) run->view->n * run->view->h * run->view->w * run->view->ld;
  frc_pool_run (pool, convert_tile, run, (run->n + CONVERT_TILE - 1) / CONVERT_TILE);
}

/* See narrow.h. */
void
frc_narrow_widen_run (const FrcNarrowKernels *kernels, FrcPool *pool, const FrcNarrowView *in,
    gfloat *out)
{
  ConvertRun run = {.kernels = kernels, .view = in, .wide = out};

  convert_run (pool, &run);
}

/* See narrow.h. */
void
frc_narrow_convert_run (const FrcNarrowKernels *kernels, FrcPool *pool, const gfloat *in,
    const FrcNarrowView *out)
{
  ConvertRun run = {.kernels = kernels, .view = out, .from = in};

  convert_run (pool, &run);
}

/* ---- looking inside ------------------------------------------------------------------------ */

void
frc_narrow_widen (const FrcNarrowView *view, gfloat *out)
{
  gsize pixels = (gsize) view->n * view->h * view->w;

  for (gsize i = 0; i < pixels; i++)
    for (guint c = 0; c < view->c; c++)
      *out++ = frc_bf16_widen (view->data[i * view->ld + c]);
}
