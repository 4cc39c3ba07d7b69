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

/* 8 pixels inside the map, @kernel_w and @stride being constants: a column is spread once for all
 * the sums that it belongs to. */
INLINE void
spread_tile (const FrcWindowRow *row, guint x, guint c, VecIndex spread, VecMask inputs,
    VecMask mask, const guint kernel_w, const guint stride)
{
  const gfloat *in = row->in + c / row->multiplier +
      (gssize) row->ld * ((gssize) x * stride - (gssize) row->pad_left);
  const gfloat *weights = row->weights + row->first_row * kernel_w * row->weight_step + c;
  Vec sum[8];

  UNROLL
  for (guint i = 0; i < 8; i++)
    sum[i] = vec_load (row->bias + c);
  for (guint ky = 0; ky < row->n_rows; ky++) {
    Vec weight[7];
    UNROLL
    for (guint kx = 0; kx < kernel_w; kx++)
      weight[kx] = vec_load (weights + kx * row->weight_step);
    UNROLL
    for (guint column = 0; column < 7 * stride + kernel_w; column++) {
      Vec pixel = vec_permute (vec_load_part (in + column * row->ld, inputs), spread);
      UNROLL
      for (guint i = 0; i < 8; i++)
        if (column >= i * stride && column - i * stride < kernel_w)
          sum[i] = vec_fma (pixel, weight[column - i * stride], sum[i]);
    }
    in += row->row_step;
    weights += kernel_w * row->weight_step;
  }
  UNROLL
  for (guint i = 0; i < 8; i++)
    vec_store_part (row->out + (x + i) * row->out_ld + c, mask,
        vec_activate (sum[i], row->activation));
}

static void
row_spread (const FrcWindowRow *row)
{
  gboolean seven = row->kernel_w == 7 && row->stride_w == 2; /* Inception's first layer */
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
      if (x >= inner && x + 8 <= stop && seven) {
        spread_tile (row, x, c, spread, inputs, mask, 7, 2);
        x += 8;
      } else if (x >= inner && x + 8 <= stop) {
        spread_pixels (row, x, c, spread, inputs, mask, 0, row->kernel_w, 8);
        x += 8;
      } else {
        frc_window_columns (row, x, &first, &end);
        spread_pixels (row, x++, c, spread, inputs, mask, first, end, 1);
      }
  }
}

static void
row_vector (const FrcWindowRow *row)
{
  guint kernel = row->kernel_w, stride = row->stride_w, first, end, x = 0;

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
