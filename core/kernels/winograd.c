/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Winograd's convolution: a piece of work is a run of tiles, whatever map or row they lie on, and a
 * range of output channels. Its transformed input and its products stay in the thread's scratch.
 */
#include "winograd.h"

#include <string.h>

#define MIN_CHANNELS 32                  /* below, the transforms cost more than they save */
#define CACHE_BYTES (1280 * 1024) /* of transformed input and products that stay in L2 */
/* Tiles of a piece: as few as make use of a panel of weights where all of it stays in L2, more where
 * it does not, so that the weights are read less often. */
#define TILES_INSIDE 28
#define TILES_OUTSIDE 70
#define MAX_LINE (2 * FRC_WINOGRAD_SIDE + 1) /* points of an axis' phases */
/* At stride 2 weights grow ninefold: only as many as that are read faster than multiplied. */
#define HALF_MOST_WEIGHTS (256 * 256)
#define LINE 16 /* floats of a cache line */

typedef struct {
  const FrcConv *conv;
  const FrcView *in, *residual, *out;
  guint tiles_x, tiles_y, tiles; /* tiles: of all images, or of the rows that are wanted */
  guint first_tile;
  guint ranges, parts; /* pieces of work: ranges of tiles × parts of the channels */
  gsize width;         /* floats of a row of one point's weights */
} WinogradRun;

/* One piece: half-open ranges, and its scratch. */
typedef struct {
  guint t0, t1, c0, c1;
  gfloat *v, *m;
  gsize v_step, m_step;             /* from a tile to the next */
  gsize v_point_step, m_point_step; /* from a point to the next */
} WinogradPiece;

const FrcWinogradKernels *
frc_winograd_choose (const FrcKernels *kernels, const FrcGemmKernels *gemm,
    const FrcConvSpec *spec)
{
  if (gemm->block == NULL || spec->kernel_h != 3 || spec->kernel_w != 3 ||
      spec->stride_h != spec->stride_w || spec->in_channels < MIN_CHANNELS ||
      spec->out_channels < MIN_CHANNELS)
    return NULL;
  if (spec->stride_h == 2 && (guint64) spec->in_channels * spec->out_channels <= HALF_MOST_WEIGHTS)
    return kernels->winograd_half;
  return spec->stride_h == 1 ? kernels->winograd : NULL;
}

/* ---- weights ------------------------------------------------------------------------------ */

/* Three weights of a line → their polynomial's value at each point, over the product of the point's
 * distances from all others. */
static void
weight_line (const gdouble w[3], gdouble *to)
{
  static const gdouble pairs[2] = {FRC_WINOGRAD_PAIR_0, FRC_WINOGRAD_PAIR_1};
  const gdouble square[2] = {pairs[0] * pairs[0], pairs[1] * pairs[1]};

  *to++ = w[0] / (square[0] * square[1]);
  for (guint i = 0; i < 2; i++) {
    gdouble p = pairs[i], norm = 2 * square[i] * (square[i] - square[1 - i]);
    gdouble even = (w[0] + w[2] * square[i]) / norm, odd = w[1] * p / norm;
    *to++ = even + odd;
    *to++ = even - odd;
  }
  *to = w[2];
}

/* The same at stride 2: the even phase's two weights at each point, then the odd one's. */
static void
weight_half_line (const gdouble w[3], gdouble *to)
{
  static const gdouble points[FRC_WINOGRAD_SIDE] = {0, FRC_WINOGRAD_HALF_P, -FRC_WINOGRAD_HALF_P,
    FRC_WINOGRAD_HALF_Q};
  gdouble *odd = to + FRC_WINOGRAD_SIDE + 1;

  for (guint i = 0; i < FRC_WINOGRAD_SIDE; i++) {
    gdouble norm = 1;
    for (guint j = 0; j < FRC_WINOGRAD_SIDE; j++)
      norm *= i != j ? points[i] - points[j] : 1;
    to[i] = (w[0] + w[2] * points[i]) / norm;
    odd[i] = w[1] / norm;
  }
  to[FRC_WINOGRAD_SIDE] = w[2];
}

/* One of weight_line () and weight_half_line (); @half is a constant, or packing takes half as long
 * again. */
static inline __attribute__ ((always_inline)) void
weight_points (const gboolean half, const gfloat *weight, gfloat *to, gsize step)
{
  const guint slots = half ? MAX_LINE : FRC_WINOGRAD_SIDE + 2;
  const guint n = half ? FRC_WINOGRAD_SIDE + 1 : slots;
  gdouble column[3][MAX_LINE], row[MAX_LINE][MAX_LINE];

  for (guint x = 0; x < 3; x++) {
    const gdouble w[3] = {weight[x], weight[3 + x], weight[6 + x]};
    if (half)
      weight_half_line (w, column[x]);
    else
      weight_line (w, column[x]);
  }
  for (guint y = 0; y < slots; y++) {
    const gdouble w[3] = {column[0][y], column[1][y], column[2][y]};
    if (half)
      weight_half_line (w, row[y]);
    else
      weight_line (w, row[y]);
  }
  for (guint y = 0; y < n; y++)
    for (guint x = 0; x < n; x++)
      for (guint i = y; i < slots; i += n)
        for (guint j = x; j < slots; j += n, to += step)
          *to = row[i][j];
}

void
frc_winograd_weights (const FrcWinogradKernels *winograd, const gfloat *weight, gfloat *to,
    gsize step)
{
  if (winograd->stride == 1)
    weight_points (FALSE, weight, to, step);
  else
    weight_points (TRUE, weight, to, step);
}

/* ---- plan --------------------------------------------------------------------------------- */

static guint
div_up (gsize a, gsize b)
{
  return (a + b - 1) / b;
}

/* Floats from a tile to the next: not a multiple of what makes rows fall into the same sets. */
static gsize
tile_step (guint channels)
{
  gsize lines = div_up (channels, LINE);

  return (lines | 1) * LINE;
}

/* An odd number of lines, so that the points' rows of one tile spread over all sets. */
static gsize
point_step (guint tiles, gsize step)
{
  return (tiles * step / LINE | 1) * LINE;
}

/* Floats of a tile's row at a point. */
static gsize
input_step (const FrcConv *conv)
{
  return tile_step (conv->spec.in_channels * frc_winograd_phases (conv->winograd, 0));
}

/* The most tiles of a piece: by the channels alone. */
static guint
most_tiles (const FrcConv *conv)
{
  gsize bytes = frc_winograd_points (conv->winograd) * sizeof (gfloat) *
      (input_step (conv) + tile_step (conv->spec.out_channels));
  guint tiles = bytes * TILES_INSIDE <= CACHE_BYTES ? TILES_INSIDE : TILES_OUTSIDE;

  return div_up (tiles, conv->gemm->rows) * conv->gemm->rows;
}

static WinogradRun
winograd_run (const FrcConv *conv, const FrcView *in, const FrcView *residual, const FrcView *out)
{
  WinogradRun run = {.conv = conv, .in = in, .residual = residual, .out = out,
    .tiles_x = div_up (out->w, FRC_WINOGRAD_SIDE), .tiles_y = div_up (out->h, FRC_WINOGRAD_SIDE),
    .parts = 1,
    .width = div_up (conv->spec.out_channels, conv->gemm->lanes) * conv->gemm->lanes};

  run.tiles = out->n * run.tiles_y * run.tiles_x;
  return run;
}

/* A piece for each thread or, if there are more, as many for each: every range of tiles reads the
 * weights again, every part of the channels transforms the input again. */
static void
winograd_plan (WinogradRun *run, guint threads)
{
  const FrcConv *conv = run->conv;
  guint most = most_tiles (conv), rows = conv->gemm->rows;
  guint panels = div_up (conv->spec.out_channels, conv->gemm->cols);

  run->ranges = div_up (run->tiles, most);
  if (run->ranges > threads)
    run->ranges = div_up (run->ranges, threads) * threads;
  else if (2 * run->tiles >= 3 * rows * threads)
    run->ranges = threads;
  while (run->ranges * run->parts < threads) {
    if (run->tiles >= 4 * rows * run->ranges)
      run->ranges *= 2;
    else if (panels >= 2 * run->parts)
      run->parts *= 2;
    else
      return;
  }
}

gsize
frc_winograd_scratch_bytes (const FrcConv *conv)
{
  guint tiles = most_tiles (conv), points = frc_winograd_points (conv->winograd);
  gsize floats = point_step (tiles, input_step (conv)) +
      point_step (tiles, tile_step (conv->spec.out_channels));

  return points * floats * sizeof (gfloat);
}

/* ---- a piece ------------------------------------------------------------------------------ */

/* Where tile @t lies: image and the output's first pixel. */
static void
tile_place (const WinogradRun *run, guint t, guint *n, guint *y, guint *x)
{
  *x = t % run->tiles_x * FRC_WINOGRAD_SIDE;
  *y = t / run->tiles_x % run->tiles_y * FRC_WINOGRAD_SIDE;
  *n = t / run->tiles_x / run->tiles_y;
}

/* The window [at, at + n) cut to [0, length): its first and its end, counted from @at. */
static void
clip_window (gint at, guint n, guint length, guint *first, guint *end)
{
  *first = at < 0 ? MIN ((guint) -at, n) : 0;
  *end = CLAMP ((gint) length - at, (gint) *first, (gint) n);
}

static void
piece_input (const WinogradRun *run, const WinogradPiece *piece)
{
  const FrcConvSpec *spec = &run->conv->spec;
  const FrcView *in = run->in;
  FrcWinogradInput tile = {.row_step = in->w * in->ld, .ld = in->ld, .channels = in->c,
    .v = piece->v, .point_step = piece->v_point_step};
  guint stride = spec->stride_h, window = (FRC_WINOGRAD_SIDE - 1) * stride + 3;

  for (guint t = piece->t0; t < piece->t1; t++, tile.v += piece->v_step) {
    guint n, y, x;
    tile_place (run, t, &n, &y, &x);
    gint top = (gint) (y * stride) - (gint) spec->pad_top;
    gint left = (gint) (x * stride) - (gint) spec->pad_left;
    clip_window (top, window, in->h, &tile.first_row, &tile.end_row);
    clip_window (left, window, in->w, &tile.first_column, &tile.end_column);
    tile.in = in->data + ((gssize) n * in->h + top) * (gssize) tile.row_step +
        left * (gssize) in->ld;
    run->conv->winograd->input (&tile);
  }
}

/* Panel @c of point @p, whose weights begin at @weights, over all of the piece's tiles; the panel
 * that comes next is fetched. */
static void
piece_panel (const WinogradRun *run, const WinogradPiece *piece, FrcGemmBlock *block, guint p,
    const gfloat *weights, guint c)
{
  const FrcConv *conv = run->conv;
  guint cols = conv->gemm->cols;
  guint tiles = piece->t1 - piece->t0, blocks = div_up (tiles, conv->gemm->rows);
  const gfloat *v = piece->v + p * piece->v_point_step;
  gfloat *m = piece->m + p * piece->m_point_step + (c - piece->c0);

  frc_conv_set_panel (conv, weights, block->depth, c, 0, block);
  block->ahead_out = block->b + (gsize) block->depth * cols;
  if (c + cols >= piece->c1)
    block->ahead_out = weights + block->depth * run->width + (gsize) piece->c0 * block->depth;
  block->ahead_out_step = div_up (cols * sizeof (gfloat), blocks);
  for (guint i = 0, t = 0; i < blocks; i++) {
    guint end = frc_part_start (tiles, blocks, i + 1);
    block->a = v + t * piece->v_step;
    block->c = m + t * piece->m_step;
    block->rows = end - t;
    conv->gemm->block (block);
    block->ahead_out += block->depth * block->ahead_out_step / sizeof (gfloat);
    t = end;
  }
}

static void
piece_multiply (const WinogradRun *run, const WinogradPiece *piece)
{
  const FrcConv *conv = run->conv;
  const gfloat *weights = conv->weights;
  const gsize tap = 0;
  FrcGemmBlock block = {.lda = piece->v_step, .taps = &tap, .n_taps = 1, .ldc = piece->m_step,
    .first = TRUE, .last = FALSE};

  for (guint p = 0; p < frc_winograd_points (conv->winograd); p++) {
    block.depth = conv->spec.in_channels * frc_winograd_phases (conv->winograd, p);
    for (guint c = piece->c0; c < piece->c1; c += conv->gemm->cols)
      piece_panel (run, piece, &block, p, weights, c);
    weights += block.depth * run->width;
  }
}

static void
tile_residual (const WinogradRun *run, guint n, guint y, guint x, const FrcWinogradOutput *tile,
    const gfloat **to)
{
  const FrcView *out = run->out;

  for (guint i = 0; i < tile->rows; i++)
    for (guint j = 0; j < tile->columns; j++)
      *to++ = frc_residual_pixel (run->residual, out, ((gsize) n * out->h + y + i) * out->w + x + j);
}

static void
piece_output (const WinogradRun *run, const WinogradPiece *piece)
{
  const FrcConv *conv = run->conv;
  const FrcView *out = run->out;
  const gfloat *residual[FRC_WINOGRAD_SIDE * FRC_WINOGRAD_SIDE];
  FrcWinogradOutput tile = {.m = piece->m, .point_step = piece->m_point_step,
    .row_step = out->w * out->ld, .ld = out->ld, .channels = piece->c1 - piece->c0,
    .bias = conv->bias + piece->c0, .residual = run->residual != NULL ? residual : NULL,
    .column = piece->c0, .activation = conv->spec.activation};

  for (guint t = piece->t0; t < piece->t1; t++, tile.m += piece->m_step) {
    guint n, y, x;
    tile_place (run, t, &n, &y, &x);
    tile.rows = MIN (FRC_WINOGRAD_SIDE, out->h - y);
    tile.columns = MIN (FRC_WINOGRAD_SIDE, out->w - x);
    tile.out = out->data + (((gsize) n * out->h + y) * out->w + x) * out->ld + piece->c0;
    if (run->residual != NULL)
      tile_residual (run, n, y, x, &tile, residual);
    conv->winograd->output (&tile);
  }
}

static void
run_piece (gpointer data, guint index, gpointer scratch)
{
  const WinogradRun *run = data;
  const FrcConv *conv = run->conv;
  guint range = index / run->parts, part = index % run->parts, cols = conv->gemm->cols;
  guint panels = div_up (conv->spec.out_channels, cols);
  WinogradPiece piece = {
    .t0 = run->first_tile + frc_part_start (run->tiles, run->ranges, range),
    .t1 = run->first_tile + frc_part_start (run->tiles, run->ranges, range + 1),
    .c0 = frc_part_start (panels, run->parts, part) * cols,
    .c1 = MIN (frc_part_start (panels, run->parts, part + 1) * cols, conv->spec.out_channels)};

  piece.v_step = input_step (conv);
  piece.m_step = tile_step (piece.c1 - piece.c0);
  piece.v_point_step = point_step (piece.t1 - piece.t0, piece.v_step);
  piece.m_point_step = point_step (piece.t1 - piece.t0, piece.m_step);
  piece.v = scratch;
  piece.m = piece.v + frc_winograd_points (conv->winograd) * piece.v_point_step;
  piece_input (run, &piece);
  piece_multiply (run, &piece);
  piece_output (run, &piece);
}

/* As frc_conv_run (). */
void
frc_winograd_run (const FrcConv *conv, FrcPool *pool, const FrcView *in, const FrcView *residual,
    const FrcView *out)
{
  WinogradRun run = winograd_run (conv, in, residual, out);

  winograd_plan (&run, frc_pool_get_threads (pool));
  frc_pool_run (pool, run_piece, &run, run.ranges * run.parts);
}

void
frc_winograd_run_rows (const FrcConv *conv, gpointer scratch, const FrcView *in,
    const FrcView *residual, const FrcView *out, guint first, guint end)
{
  WinogradRun run = winograd_run (conv, in, residual, out);

  run.first_tile = first / FRC_WINOGRAD_SIDE * run.tiles_x;
  run.tiles = div_up (end, FRC_WINOGRAD_SIDE) * run.tiles_x - run.first_tile;
  run.ranges = div_up (run.tiles, most_tiles (conv));
  for (guint i = 0; i < run.ranges; i++)
    run_piece (&run, i, scratch);
}
