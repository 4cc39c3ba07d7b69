/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "activation.h"
#include "elementwise.h"

static void
scale_row_scalar (const FrcElementwiseRow *row)
{
  const gfloat *a = row->a;
  gfloat *out = row->out;

  for (guint x = 0; x < row->w; x++, a += row->a_ld, out += row->out_ld)
    for (guint c = 0; c < row->c; c++)
      out[c] = a[c] * row->b[c];
}

static void
add_row_scalar (const FrcElementwiseRow *row)
{
  const gfloat *a = row->a;
  gfloat *out = row->out;

  for (guint x = 0; x < row->w; x++, a += row->a_ld, out += row->out_ld) {
    const gfloat *b = row->b + (gsize) x * row->b_w / row->w * row->b_ld;
    for (guint c = 0; c < row->c; c++)
      out[c] = frc_activate (a[c] + b[c], row->activation);
  }
}

const FrcElementwiseKernels frc_elementwise_scalar = {scale_row_scalar, add_row_scalar};
