/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "activation.h"
#include "depthwise.h"

static void
row_scalar (const FrcWindowRow *row)
{
  for (guint x = 0; x < row->out_w; x++) {
    const gfloat *in = row->in + (gssize) row->ld *
        ((gssize) x * row->stride_w - (gssize) row->pad_left);
    gfloat *out = row->out + x * row->out_ld;
    guint first, end;

    frc_window_columns (row, x, &first, &end);
    for (guint c = 0; c < row->c; c++) {
      gfloat sum = row->bias[c];
      for (guint ky = 0; ky < row->n_rows; ky++)
        for (guint kx = first; kx < end; kx++) {
          gsize tap = (row->first_row + ky) * row->kernel_w + kx;
          gfloat pixel = in[ky * row->row_step + kx * row->ld + c / row->multiplier];
          sum += row->weights[tap * row->weight_step + c] * pixel;
        }
      out[c] = frc_activate (sum, row->activation);
    }
  }
}

const FrcDepthwiseKernels frc_depthwise_scalar = {row_scalar};
