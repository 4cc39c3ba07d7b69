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

static void
row_vector (const FrcWindowRow *row)
{
  guint kernel = row->kernel_w, stride = row->stride_w, first, end, x = 0;

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
