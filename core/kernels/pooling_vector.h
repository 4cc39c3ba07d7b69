/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pooling.h"
#include "vector.h"

#include <math.h>

/* Several vectors at a time: one maximum after the other is a chain that the CPU must wait for. */
INLINE void
max_channels (const FrcWindowRow *row, const gfloat *in, gfloat *out, guint first, guint end,
    VecMask mask, const gboolean part, const guint vectors)
{
  Vec most[4];

  UNROLL
  for (guint v = 0; v < vectors; v++)
    most[v] = vec_all (-INFINITY);
  for (guint ky = 0; ky < row->n_rows; ky++, in += row->row_step)
    for (guint kx = first; kx < end; kx++) {
      UNROLL
      for (guint v = 0; v < vectors; v++)
        most[v] = vec_max (most[v], vec_get (in + kx * row->ld + v * LANES, mask, part));
    }
  UNROLL
  for (guint v = 0; v < vectors; v++)
    vec_put (out + v * LANES, mask, part, most[v]);
}

static void
max_row_vector (const FrcWindowRow *row)
{
  for (guint x = 0; x < row->out_w; x++) {
    const gfloat *in = row->in +
        (gssize) row->ld * ((gssize) x * row->stride_w - (gssize) row->pad_left);
    gfloat *out = row->out + x * row->out_ld;
    guint first, end, c = 0;

    frc_window_columns (row, x, &first, &end);
    for (; c + 4 * LANES <= row->c; c += 4 * LANES)
      max_channels (row, in + c, out + c, first, end, vec_mask (LANES), FALSE, 4);
    for (; c + LANES <= row->c; c += LANES)
      max_channels (row, in + c, out + c, first, end, vec_mask (LANES), FALSE, 1);
    if (c < row->c)
      max_channels (row, in + c, out + c, first, end, vec_mask (row->c - c), TRUE, 1);
  }
}

INLINE void
average_channels (const FrcWindowRow *row, const gfloat *in, gfloat *out, guint first, guint end,
    gfloat share, VecMask mask, const gboolean part, const guint vectors)
{
  Vec sum[4];

  UNROLL
  for (guint v = 0; v < vectors; v++)
    sum[v] = vec_all (0);
  for (guint ky = 0; ky < row->n_rows; ky++, in += row->row_step)
    for (guint kx = first; kx < end; kx++) {
      UNROLL
      for (guint v = 0; v < vectors; v++)
        sum[v] = vec_add (sum[v], vec_get (in + kx * row->ld + v * LANES, mask, part));
    }
  UNROLL
  for (guint v = 0; v < vectors; v++)
    vec_put (out + v * LANES, mask, part,
        vec_activate (vec_mul (sum[v], vec_all (share)), row->activation));
}

static void
average_row_vector (const FrcWindowRow *row)
{
  for (guint x = 0; x < row->out_w; x++) {
    const gfloat *in = row->in +
        (gssize) row->ld * ((gssize) x * row->stride_w - (gssize) row->pad_left);
    gfloat *out = row->out + x * row->out_ld;
    guint first, end, c = 0;

    frc_window_columns (row, x, &first, &end);
    gfloat share = 1.0f / (gfloat) (row->n_rows * (end - first));
    for (; c + 4 * LANES <= row->c; c += 4 * LANES)
      average_channels (row, in + c, out + c, first, end, share, vec_mask (LANES), FALSE, 4);
    for (; c + LANES <= row->c; c += LANES)
      average_channels (row, in + c, out + c, first, end, share, vec_mask (LANES), FALSE, 1);
    if (c < row->c)
      average_channels (row, in + c, out + c, first, end, share, vec_mask (row->c - c), TRUE, 1);
  }
}

/* @at: the pixel in the middle. */
INLINE void
local_norm_channels (const FrcWindowRow *row, const gfloat *in, const gfloat *at, gfloat *out,
    guint first, guint end, gfloat share, VecMask mask, const gboolean part, const guint vectors)
{
  Vec sum[4];

  UNROLL
  for (guint v = 0; v < vectors; v++)
    sum[v] = vec_all (0);
  for (guint ky = 0; ky < row->n_rows; ky++, in += row->row_step)
    for (guint kx = first; kx < end; kx++) {
      UNROLL
      for (guint v = 0; v < vectors; v++) {
        Vec value = vec_get (in + kx * row->ld + v * LANES, mask, part);
        sum[v] = vec_fma (value, value, sum[v]);
      }
    }
  UNROLL
  for (guint v = 0; v < vectors; v++) {
    Vec root = vec_sqrt (vec_fma (sum[v], vec_all (share), vec_all (1)));
    Vec value = vec_get (at + v * LANES, mask, part);
    vec_put (out + v * LANES, mask, part, vec_div (value, vec_mul (root, vec_sqrt (root))));
  }
}

static void
local_norm_row_vector (const FrcWindowRow *row)
{
  guint middle = row->kernel_w / 2;
  gfloat share = row->alpha / (gfloat) (row->kernel_w * row->kernel_w);

  for (guint x = 0; x < row->out_w; x++) {
    const gfloat *in = row->in + (gssize) row->ld * ((gssize) x - (gssize) row->pad_left);
    const gfloat *at = in + (middle - row->first_row) * row->row_step + middle * row->ld;
    gfloat *out = row->out + x * row->out_ld;
    guint first, end, c = 0;

    frc_window_columns (row, x, &first, &end);
    for (; c + 4 * LANES <= row->c; c += 4 * LANES)
      local_norm_channels (row, in + c, at + c, out + c, first, end, share, vec_mask (LANES), FALSE,
          4);
    for (; c + LANES <= row->c; c += LANES)
      local_norm_channels (row, in + c, at + c, out + c, first, end, share, vec_mask (LANES), FALSE,
          1);
    if (c < row->c)
      local_norm_channels (row, in + c, at + c, out + c, first, end, share, vec_mask (row->c - c),
          TRUE, 1);
  }
}

INLINE void
mean_channels (const gfloat *in, gsize ld, gsize n, gfloat *out, VecMask mask, const gboolean part)
{
  VecDouble sum = vec_double_zero ();
  gsize pixel = 0;

  for (; pixel + 8 <= n; pixel += 8, in += 8 * ld) {
    Vec v[8];
    UNROLL
    for (guint i = 0; i < 8; i++)
      v[i] = vec_get (in + i * ld, mask, part);
    sum = vec_double_add (sum, vec_add (
        vec_add (vec_add (v[0], v[1]), vec_add (v[2], v[3])),
        vec_add (vec_add (v[4], v[5]), vec_add (v[6], v[7]))));
  }
  for (; pixel < n; pixel++, in += ld)
    sum = vec_double_add (sum, vec_get (in, mask, part));
  vec_put (out, mask, part, vec_double_divide (sum, (gdouble) n));
}

static void
mean_vector (const gfloat *in, gsize ld, guint c, gsize n, gfloat *out)
{
  guint i = 0;

  for (; i + LANES <= c; i += LANES)
    mean_channels (in + i, ld, n, out + i, vec_mask (LANES), FALSE);
  if (i < c)
    mean_channels (in + i, ld, n, out + i, vec_mask (c - i), TRUE);
}
