/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Depthwise convolution over vectors of channels. A tile is 8 or 4 neighbouring output pixels: each
 * input pixel of a row is loaded once and added to every sum that it belongs to. The last tile of a
 * row overlaps its neighbour rather than being narrower. Only tiles that touch the left or right
 * border ask for each column whether it exists.
 */
#include "depthwise.h"
#include "vector.h"

/* @n output pixels from @x on, channels from @c on. All but row, x, c and mask are constants. */
INLINE void
tile_channels (const FrcWindowRow *row, guint x, guint c, VecMask mask, const gboolean part,
    const guint kernel_w, const guint stride, const guint n, const gboolean clipped)
{
  gint left = (gint) (x * stride) - (gint) row->pad_left;
  const gfloat *in = row->in + (gssize) left * (gssize) row->ld + c;
  const gfloat *weights = row->weights + row->first_row * kernel_w * row->weight_step + c;
  gfloat *out = row->out + x * row->out_ld + c;
  Vec sum[8];

  UNROLL
  for (guint i = 0; i < n; i++)
    sum[i] = vec_load (row->bias + c);
  for (guint ky = 0; ky < row->n_rows; ky++) {
    Vec weight[5];
    UNROLL
    for (guint kx = 0; kx < kernel_w; kx++)
      weight[kx] = vec_load (weights + kx * row->weight_step);
    UNROLL
    for (guint column = 0; column < (n - 1) * stride + kernel_w; column++) {
      if (clipped && (guint) (left + (gint) column) >= row->in_w)
        continue;
      Vec pixel = vec_get (in + column * row->ld, mask, part);
      UNROLL
      for (guint i = 0; i < n; i++)
        if (column >= i * stride && column - i * stride < kernel_w)
          sum[i] = vec_fma (pixel, weight[column - i * stride], sum[i]);
    }
    in += row->row_step;
    weights += kernel_w * row->weight_step;
  }
  UNROLL
  for (guint i = 0; i < n; i++)
    vec_put (out + i * row->out_ld, mask, part, vec_activate (sum[i], row->activation));
}

INLINE void
tile_any (const FrcWindowRow *row, guint x, const guint kernel_w, const guint stride,
    const guint n, const gboolean clipped)
{
  guint c = 0;

  for (; c + LANES <= row->c; c += LANES)
    tile_channels (row, x, c, vec_mask (LANES), FALSE, kernel_w, stride, n, clipped);
  if (c < row->c)
    tile_channels (row, x, c, vec_mask (row->c - c), TRUE, kernel_w, stride, n, clipped);
}

typedef void (*TileFunc) (const FrcWindowRow *row, guint x);
typedef struct {
  guint n;
  TileFunc inner, clipped;
} Tile;

#define TILE(kernel, stride, n)                                        \
  static void                                                          \
  tile_##kernel##_##stride##_##n (const FrcWindowRow *row, guint x)    \
  {                                                                    \
    tile_any (row, x, kernel, stride, n, FALSE);                       \
  }                                                                    \
  static void                                                          \
  clipped_##kernel##_##stride##_##n (const FrcWindowRow *row, guint x) \
  {                                                                    \
    tile_any (row, x, kernel, stride, n, TRUE);                        \
  }
#define TILES(kernel, stride) \
  TILE (kernel, stride, 8) TILE (kernel, stride, 4) TILE (kernel, stride, 1)
TILES (3, 1) TILES (3, 2) TILES (5, 1) TILES (5, 2)

#define ENTRY(kernel, stride, n) \
  {n, tile_##kernel##_##stride##_##n, clipped_##kernel##_##stride##_##n}
#define ENTRIES(kernel, stride) \
  {ENTRY (kernel, stride, 8), ENTRY (kernel, stride, 4), ENTRY (kernel, stride, 1)}
static const Tile tiles[2][2][3] = {
  {ENTRIES (3, 1), ENTRIES (3, 2)}, {ENTRIES (5, 1), ENTRIES (5, 2)}};

/* Any kernel and stride: one pixel at a time. */
static void
pixel_generic (const FrcWindowRow *row, guint x)
{
  const gfloat *in = row->in +
      (gssize) row->ld * ((gssize) x * row->stride_w - (gssize) row->pad_left);
  guint first, end;

  frc_window_columns (row, x, &first, &end);
  for (guint c = 0; c < row->c; c += LANES) {
    VecMask mask = vec_mask (MIN (row->c - c, LANES));
    Vec sum = vec_load (row->bias + c);
    for (guint ky = 0; ky < row->n_rows; ky++)
      for (guint kx = first; kx < end; kx++) {
        gsize tap = (row->first_row + ky) * row->kernel_w + kx;
        Vec pixel = vec_load_part (in + ky * row->row_step + kx * row->ld + c, mask);
        sum = vec_fma (pixel, vec_load (row->weights + tap * row->weight_step + c), sum);
      }
    vec_store_part (row->out + x * row->out_ld + c, mask, vec_activate (sum, row->activation));
  }
}

/* Several output channels an input channel: @n pixels of one vector of outputs. The few inputs that
 * feed it are spread over its lanes by @spread. */
INLINE void
spread_pixels (const FrcWindowRow *row, guint x, guint c, VecIndex spread, VecMask inputs,
    VecMask mask, guint first, guint end, const guint n)
{
  gsize step = (gsize) row->stride_w * row->ld;
  const gfloat *in = row->in + c / row->multiplier +
      (gssize) row->ld * ((gssize) x * row->stride_w - (gssize) row->pad_left);
  const gfloat *weights = row->weights + row->first_row * row->kernel_w * row->weight_step + c;
  Vec sum[8];

  UNROLL
  for (guint i = 0; i < n; i++)
    sum[i] = vec_load (row->bias + c);
  for (guint ky = 0; ky < row->n_rows; ky++) {
    for (guint kx = first; kx < end; kx++) {
      Vec weight = vec_load (weights + kx * row->weight_step);
      UNROLL
      for (guint i = 0; i < n; i++) {
        Vec pixel = vec_load_part (in + kx * row->ld + i * step, inputs);
        sum[i] = vec_fma (vec_permute (pixel, spread), weight, sum[i]);
      }
    }
    in += row->row_step;
    weights += row->kernel_w * row->weight_step;
  }
  UNROLL
  for (guint i = 0; i < n; i++)
    vec_store_part (row->out + (x + i) * row->out_ld + c, mask,
        vec_activate (sum[i], row->activation));
}

static void
row_spread (const FrcWindowRow *row)
{
  guint inner, stop;

  frc_window_interior (row, &inner, &stop);
  for (guint c = 0; c < row->c; c += LANES) {
    guint count = MIN (row->c - c, LANES), base = c / row->multiplier;
    gint32 index[LANES];

    for (guint i = 0; i < LANES; i++)
      index[i] = i < count ? (c + i) / row->multiplier - base : 0;
    VecIndex spread = vec_index_load (index);
    VecMask inputs = vec_mask (index[count - 1] + 1), mask = vec_mask (count);
    for (guint x = 0, first, end; x < row->out_w;)
      if (x >= inner && x + 8 <= stop) {
        spread_pixels (row, x, c, spread, inputs, mask, 0, row->kernel_w, 8);
        x += 8;
      } else {
        frc_window_columns (row, x, &first, &end);
        spread_pixels (row, x++, c, spread, inputs, mask, first, end, 1);
      }
  }
}

/* Inception's first layer: 7 × 7 at stride 2 and 8 outputs of each of 3 input channels. The lanes
 * are in an order in which a load alone fills them with their inputs: with AVX2 a vector is one
 * input's outputs; with AVX-512 lane 4 · o + i is output o (or o + 4) of input i, and nobody reads
 * those of i = 3, which is the next pixel's first channel. */
#ifdef __AVX512F__
#define STEM_SUMS 2 /* at once */
#define STEM_PARTS 1
#else
#define STEM_SUMS 1
#define STEM_PARTS 3
#endif
#define STEM_KERNEL 7
#define STEM_STRIDE 2
#define STEM_OUTPUTS 24

/* The bias, and the weights [ky][kx] of the window's rows inside the map. */
typedef struct {
  Vec bias[STEM_PARTS][STEM_SUMS], tap[STEM_KERNEL * STEM_KERNEL][STEM_PARTS][STEM_SUMS];
} StemWeights;

INLINE void
stem_order (const gfloat *from, Vec to[STEM_PARTS][STEM_SUMS])
{
#ifdef __AVX512F__
  gint32 index[2 * LANES];

  for (guint lane = 0; lane < 2 * LANES; lane++)
    index[lane] = 8 * (lane % 4) + lane / 4;
  for (guint v = 0; v < 2; v++)
    to[0][v] = vec_permute_two (vec_load (from), vec_load (from + LANES),
        vec_index_load (index + v * LANES));
#else
  for (guint part = 0; part < STEM_PARTS; part++)
    to[part][0] = vec_load (from + part * LANES);
#endif
}

/* The inputs of a pixel at @p. @clipped: there may be nothing behind it. */
INLINE Vec
stem_inputs (const gfloat *p, guint part, const gboolean clipped)
{
#ifdef __AVX512F__
  return clipped ? vec_threes (p) : vec_fours (p);
#else
  return vec_all (p[part]);
#endif
}

INLINE void
stem_store (gfloat *out, guint part, const Vec sum[STEM_SUMS], FrcActivation activation)
{
#ifdef __AVX512F__
  static const gint32 index[2 * LANES] = {0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29,
    2, 6, 10, 14, 18, 22, 26, 30};
  Vec a = vec_activate (sum[0], activation), b = vec_activate (sum[1], activation);
  Vec high = vec_permute_two (a, b, vec_index_load (index + LANES));

  vec_store (out, vec_permute_two (a, b, vec_index_load (index)));
  vec_store_part (out + LANES, vec_mask (STEM_OUTPUTS - LANES), high);
#else
  vec_store (out + part * LANES, vec_activate (sum[0], activation));
#endif
}

/* 8 pixels from @x on. */
INLINE void
stem_tile (const FrcWindowRow *row, const StemWeights *weights, guint x, guint part,
    const gboolean clipped)
{
  gint left = (gint) (x * STEM_STRIDE) - (gint) row->pad_left;
  const gfloat *in = row->in + (gssize) left * (gssize) row->ld;
  const Vec (*tap)[STEM_PARTS][STEM_SUMS] = weights->tap;
  Vec sum[8][STEM_SUMS];

  UNROLL
  for (guint i = 0; i < 8 * STEM_SUMS; i++)
    sum[i / STEM_SUMS][i % STEM_SUMS] = weights->bias[part][i % STEM_SUMS];
  for (guint ky = 0; ky < row->n_rows; ky++) {
    Vec weight[STEM_KERNEL][STEM_SUMS];
    UNROLL
    for (guint i = 0; i < STEM_KERNEL * STEM_SUMS; i++)
      weight[i / STEM_SUMS][i % STEM_SUMS] = tap[i / STEM_SUMS][part][i % STEM_SUMS];
    UNROLL
    for (guint column = 0; column < 7 * STEM_STRIDE + STEM_KERNEL; column++) {
      if (clipped && (guint) (left + (gint) column) >= row->in_w)
        continue;
      Vec inputs = stem_inputs (in + column * row->ld, part, clipped);
      UNROLL
      for (guint i = 0; i < 8; i++)
        if (column >= i * STEM_STRIDE && column - i * STEM_STRIDE < STEM_KERNEL) {
          UNROLL
          for (guint v = 0; v < STEM_SUMS; v++)
            sum[i][v] = vec_fma (inputs, weight[column - i * STEM_STRIDE][v], sum[i][v]);
        }
    }
    in += row->row_step;
    tap += STEM_KERNEL;
  }
  UNROLL
  for (guint i = 0; i < 8; i++)
    stem_store (row->out + (x + i) * row->out_ld, part, sum[i], row->activation);
}

static gboolean
row_is_stem (const FrcWindowRow *row)
{
  return row->kernel_w == STEM_KERNEL && row->n_rows <= STEM_KERNEL &&
      row->stride_w == STEM_STRIDE && row->c == STEM_OUTPUTS && row->multiplier == 8 &&
      row->out_w >= 8;
}

/* The last tile overlaps its neighbour. */
static void
row_stem (const FrcWindowRow *row)
{
  StemWeights weights;
  guint first, end;

  stem_order (row->bias, weights.bias);
  for (guint t = 0; t < row->n_rows * STEM_KERNEL; t++)
    stem_order (row->weights + (row->first_row * STEM_KERNEL + t) * row->weight_step,
        weights.tap[t]);
  frc_window_interior (row, &first, &end);
  for (guint next = 0; next < row->out_w; next += 8) {
    guint x = MIN (next, row->out_w - 8);
    for (guint part = 0; part < STEM_PARTS; part++)
      if (x >= first && x + 8 < end) /* a pixel more: inputs behind the last column */
        stem_tile (row, &weights, x, part, FALSE);
      else
        stem_tile (row, &weights, x, part, TRUE);
  }
}

static void
row_vector (const FrcWindowRow *row)
{
  guint kernel = row->kernel_w, stride = row->stride_w, first, end, x = 0;

  if (row_is_stem (row)) {
    row_stem (row);
    return;
  }
  if (row->multiplier > 1) {
    row_spread (row);
    return;
  }
  if ((kernel != 3 && kernel != 5) || stride > 2) {
    for (; x < row->out_w; x++)
      pixel_generic (row, x);
    return;
  }
  frc_window_interior (row, &first, &end);
  const Tile *tile = tiles[kernel == 5][stride == 2];
  while (x < row->out_w) {
    guint left = row->out_w - x;
    while (tile->n > row->out_w || (tile->n == 8 && left <= 4))
      tile++;
    x = MIN (x, row->out_w - tile->n);
    if (x >= first && x + tile->n <= end)
      tile->inner (row, x);
    else
      tile->clipped (row, x);
    x += tile->n;
  }
}
