/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "elementwise.h"
#include "vector.h"

static void
scale_row_vector (const FrcElementwiseRow *row)
{
  const gfloat *a = row->a;
  gfloat *out = row->out;

  for (guint x = 0; x < row->w; x++, a += row->a_ld, out += row->out_ld) {
    guint c = 0;
    for (; c + LANES <= row->c; c += LANES)
      vec_store (out + c, vec_mul (vec_load (a + c), vec_load (row->b + c)));
    if (c < row->c) {
      VecMask mask = vec_mask (row->c - c);
      vec_store_part (out + c, mask,
          vec_mul (vec_load_part (a + c, mask), vec_load_part (row->b + c, mask)));
    }
  }
}

INLINE void
add_row_any (const FrcElementwiseRow *row, const FrcActivation activation)
{
  const gfloat *a = row->a;
  gfloat *out = row->out;

  for (guint x = 0; x < row->w; x++, a += row->a_ld, out += row->out_ld) {
    const gfloat *b = row->b + (gsize) x * row->b_w / row->w * row->b_ld;
    guint c = 0;
    for (; c + LANES <= row->c; c += LANES)
      vec_store (out + c, vec_activate (vec_add (vec_load (a + c), vec_load (b + c)), activation));
    if (c < row->c) {
      VecMask mask = vec_mask (row->c - c);
      Vec sum = vec_add (vec_load_part (a + c, mask), vec_load_part (b + c, mask));
      vec_store_part (out + c, mask, vec_activate (sum, activation));
    }
  }
}

static void
add_row_vector (const FrcElementwiseRow *row)
{
  if (row->activation == FRC_ACT_NONE)
    add_row_any (row, FRC_ACT_NONE);
  else if (row->activation == FRC_ACT_RELU)
    add_row_any (row, FRC_ACT_RELU);
  else
    add_row_any (row, row->activation);
}
