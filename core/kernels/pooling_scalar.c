/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "activation.h"
#include "pooling.h"

#include <math.h>

static void
max_row_scalar (const FrcWindowRow *row)
{
  for (guint x = 0; x < row->out_w; x++) {
    const gfloat *in = row->in + (gssize) row->ld *
        ((gssize) x * row->stride_w - (gssize) row->pad_left);
    gfloat *out = row->out + x * row->out_ld;
    guint first, end;

    frc_window_columns (row, x, &first, &end);
    for (guint c = 0; c < row->c; c++) {
      gfloat most = -INFINITY;
      for (guint ky = 0; ky < row->n_rows; ky++)
        for (guint kx = first; kx < end; kx++) {
          gfloat v = in[ky * row->row_step + kx * row->ld + c];
          most = v > most || isnan (v) ? v : most;
        }
      out[c] = most;
    }
  }
}

static void
average_row_scalar (const FrcWindowRow *row)
{
  for (guint x = 0; x < row->out_w; x++) {
    const gfloat *in = row->in + (gssize) row->ld *
        ((gssize) x * row->stride_w - (gssize) row->pad_left);
    gfloat *out = row->out + x * row->out_ld;
    guint first, end;

    frc_window_columns (row, x, &first, &end);
    gfloat share = 1.0f / (gfloat) (row->n_rows * (end - first));
    for (guint c = 0; c < row->c; c++) {
      gfloat sum = 0;
      for (guint ky = 0; ky < row->n_rows; ky++)
        for (guint kx = first; kx < end; kx++)
          sum += in[ky * row->row_step + kx * row->ld + c];
      out[c] = frc_activate (sum * share, row->activation);
    }
  }
}

static void
local_norm_row_scalar (const FrcWindowRow *row)
{
  guint middle = row->kernel_w / 2;
  gfloat share = row->alpha / (gfloat) (row->kernel_w * row->kernel_w);

  for (guint x = 0; x < row->out_w; x++) {
    const gfloat *in = row->in + (gssize) row->ld * ((gssize) x - (gssize) row->pad_left);
    const gfloat *at = in + (middle - row->first_row) * row->row_step + middle * row->ld;
    gfloat *out = row->out + x * row->out_ld;
    guint first, end;

    frc_window_columns (row, x, &first, &end);
    for (guint c = 0; c < row->c; c++) {
      gfloat sum = 0;
      for (guint ky = 0; ky < row->n_rows; ky++)
        for (guint kx = first; kx < end; kx++) {
          gfloat v = in[ky * row->row_step + kx * row->ld + c];
          sum += v * v;
        }
      gfloat root = sqrtf (1 + share * sum);
      out[c] = at[c] / (root * sqrtf (root));
    }
  }
}

static void
mean_scalar (const gfloat *in, gsize ld, guint c, gsize n, gfloat *out)
{
  for (guint i = 0; i < c; i++) {
    const gfloat *p = in + i;
    gdouble sum = 0;
    gsize pixel = 0;

    for (; pixel + 8 <= n; pixel += 8, p += 8 * ld)
      sum += ((p[0] + p[ld]) + (p[2 * ld] + p[3 * ld])) +
          ((p[4 * ld] + p[5 * ld]) + (p[6 * ld] + p[7 * ld]));
    for (; pixel < n; pixel++, p += ld)
      sum += *p;
    out[i] = (gfloat) (sum / (gdouble) n);
  }
}

const FrcPoolingKernels frc_pooling_scalar = {max_row_scalar, average_row_scalar,
  local_norm_row_scalar, mean_scalar};
