/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Narrow windows for AVX512-BF16: depthwise convolution, max- and average-pooling.
 */
#include "narrow_group_avx512.h"
#include "window.h"

/* @n neighbouring output pixels of one group: each input pixel of a row is widened once. */
INLINE void
depthwise_tile (const FrcNarrowWindow *row, guint x, guint group, const guint kernel_w,
    const guint stride, const guint n, const gboolean clipped)
{
  guint channels = row->groups * FRC_NARROW_GROUP, c = group * FRC_NARROW_GROUP;
  gint left = (gint) (x * stride) - (gint) row->pad_left;
  const guint16 *in = row->in + (gssize) left * (gssize) row->ld + c;
  const gfloat *weights = row->weights + (gsize) row->first_row * kernel_w * channels + c;
  guint16 *out = row->out + x * row->out_ld + c;
  Group sum[8];

  UNROLL
  for (guint i = 0; i < n; i++)
    sum[i] = group_load_wide (row->bias + c);
  for (guint ky = 0; ky < row->n_rows; ky++) {
    Group weight[5];
    UNROLL
    for (guint kx = 0; kx < kernel_w; kx++)
      weight[kx] = group_load_wide (weights + kx * channels);
    UNROLL
    for (guint column = 0; column < (n - 1) * stride + kernel_w; column++) {
      if (clipped && (guint) (left + (gint) column) >= row->in_w)
        continue;
      Group pixel = group_load (in + column * row->ld);
      UNROLL
      for (guint i = 0; i < n; i++)
        if (column >= i * stride && column - i * stride < kernel_w)
          sum[i] = group_fma (pixel, weight[column - i * stride], sum[i]);
    }
    in += row->row_step;
    weights += kernel_w * channels;
  }
  UNROLL
  for (guint i = 0; i < n; i++)
    group_store (out + i * row->out_ld, group_activate (sum[i], row->activation));
}

INLINE void
depthwise_pixels (const FrcNarrowWindow *row, guint x, const guint kernel_w, const guint stride,
    const guint n, const gboolean clipped)
{
  for (guint group = 0; group < row->groups; group++)
    depthwise_tile (row, x, group, kernel_w, stride, n, clipped);
}

typedef void (*PixelsFunc) (const FrcNarrowWindow *row, guint x);
typedef struct {
  guint n;
  PixelsFunc inner, clipped;
} Pixels;

#define PIXELS(kernel, stride, n)                                            \
  static void                                                                \
  inner_##kernel##_##stride##_##n (const FrcNarrowWindow *row, guint x)      \
  {                                                                          \
    depthwise_pixels (row, x, kernel, stride, n, FALSE);                     \
  }                                                                          \
  static void                                                                \
  clipped_##kernel##_##stride##_##n (const FrcNarrowWindow *row, guint x)    \
  {                                                                          \
    depthwise_pixels (row, x, kernel, stride, n, TRUE);                      \
  }
PIXELS (3, 1, 8) PIXELS (3, 1, 4) PIXELS (3, 1, 1)
PIXELS (3, 2, 8) PIXELS (3, 2, 4) PIXELS (3, 2, 1)
PIXELS (5, 1, 8) PIXELS (5, 1, 4) PIXELS (5, 1, 1)
PIXELS (5, 2, 8) PIXELS (5, 2, 4) PIXELS (5, 2, 1)

#define ENTRY(kernel, stride, n) \
  {n, inner_##kernel##_##stride##_##n, clipped_##kernel##_##stride##_##n}
#define ENTRIES(kernel, stride) \
  {ENTRY (kernel, stride, 8), ENTRY (kernel, stride, 4), ENTRY (kernel, stride, 1)}
static const Pixels pixels[2][2][3] = {
  {ENTRIES (3, 1), ENTRIES (3, 2)}, {ENTRIES (5, 1), ENTRIES (5, 2)}};

/* The window's columns inside the map for output pixel @x. */
INLINE void
window_columns (const FrcNarrowWindow *row, guint x, gint *left, guint *first, guint *end)
{
  *left = (gint) (x * row->stride_w) - (gint) row->pad_left;
  *first = MAX (-*left, 0);
  *end = MAX (MIN ((gint) row->in_w - *left, (gint) row->kernel_w), (gint) *first);
}

static void
depthwise_generic (const FrcNarrowWindow *row)
{
  guint channels = row->groups * FRC_NARROW_GROUP, first, end;
  gint left;

  for (guint x = 0; x < row->out_w; x++) {
    window_columns (row, x, &left, &first, &end);
    for (guint c = 0; c < channels; c += FRC_NARROW_GROUP) {
      Group sum = group_load_wide (row->bias + c);
      for (guint ky = 0; ky < row->n_rows; ky++)
        for (guint kx = first; kx < end; kx++) {
          gsize tap = (row->first_row + ky) * row->kernel_w + kx;
          sum = group_fma (
              group_load (row->in + ky * row->row_step + (left + (gint) kx) * row->ld + c),
              group_load_wide (row->weights + tap * channels + c), sum);
        }
      group_store (row->out + x * row->out_ld + c, group_activate (sum, row->activation));
    }
  }
}

void
frc_narrow_depthwise_row_avx512 (const FrcNarrowWindow *row)
{
  guint kernel = row->kernel_w, stride = row->stride_w, x = 0;

  if ((kernel != 3 && kernel != 5) || stride > 2) {
    depthwise_generic (row);
    return;
  }
  guint first = (row->pad_left + stride - 1) / stride, room = row->in_w + row->pad_left;
  guint end = room < kernel ? 0 : (room - kernel) / stride + 1; /* of the pixels without a border */
  const Pixels *run = pixels[kernel == 5][stride == 2];
  while (x < row->out_w) {
    guint left = row->out_w - x;
    while (run->n > row->out_w || (run->n == 8 && left <= 4))
      run++;
    x = MIN (x, row->out_w - run->n); /* the last ones overlap their neighbours */
    if (x >= first && x + run->n <= end)
      run->inner (row, x);
    else
      run->clipped (row, x);
    x += run->n;
  }
}

void
frc_narrow_max_row_avx512 (const FrcNarrowWindow *row)
{
  guint channels = row->groups * FRC_NARROW_GROUP, first, end;
  gint left;

  for (guint x = 0; x < row->out_w; x++) {
    window_columns (row, x, &left, &first, &end);
    for (guint c = 0; c < channels; c += FRC_NARROW_GROUP) {
      Group most = group_all (-__builtin_inff ());
      for (guint ky = 0; ky < row->n_rows; ky++)
        for (guint kx = first; kx < end; kx++) {
          Group v = group_load (row->in + ky * row->row_step + (left + (gint) kx) * row->ld + c);
          most = (Group){greater (most.even, v.even), greater (most.odd, v.odd)};
        }
      group_store (row->out + x * row->out_ld + c, most);
    }
  }
}

void
frc_narrow_average_row_avx512 (const FrcNarrowWindow *row)
{
  guint channels = row->groups * FRC_NARROW_GROUP, first, end;
  gint left;

  for (guint x = 0; x < row->out_w; x++) {
    window_columns (row, x, &left, &first, &end);
    Group share = group_all (1.0f / (row->n_rows * (end - first)));
    for (guint c = 0; c < channels; c += FRC_NARROW_GROUP) {
      Group sum = group_all (0);
      for (guint ky = 0; ky < row->n_rows; ky++)
        for (guint kx = first; kx < end; kx++) {
          Group v = group_load (row->in + ky * row->row_step + (left + (gint) kx) * row->ld + c);
          sum = (Group){_mm512_add_ps (sum.even, v.even), _mm512_add_ps (sum.odd, v.odd)};
        }
      sum = group_fma (sum, share, group_all (0));
      group_store (row->out + x * row->out_ld + c, group_activate (sum, row->activation));
    }
  }
}
