/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A vector of the block's boxes stays in registers while all others pass. Most pairs lie apart, and
 * no division is needed to see it.
 */
#include "overlap.h"
#include "vector.h"

INLINE guint
mask_of_vector (const FrcBoxArrays *b, guint at, guint first, guint end, Vec threshold)
{
  const Vec zero = vec_all (0);
  Vec x1 = vec_load (b->x1 + at), y1 = vec_load (b->y1 + at);
  Vec x2 = vec_load (b->x2 + at), y2 = vec_load (b->y2 + at), area = vec_load (b->area + at);
  guint mask = 0;

  for (guint i = first; i < end; i++) {
    Vec w = vec_sub (vec_lower (x2, vec_all (b->x2[i])), vec_upper (x1, vec_all (b->x1[i])));
    Vec h = vec_sub (vec_lower (y2, vec_all (b->y2[i])), vec_upper (y1, vec_all (b->y1[i])));
    guint near = vec_greater_bits (vec_lower (w, h), zero) & ~mask;
    if (near == 0)
      continue;
    Vec inter = vec_rounded (vec_mul (vec_upper (w, zero), vec_upper (h, zero)));
    Vec both = vec_sub (vec_add (vec_all (b->area[i]), area), inter);
    mask |= vec_greater_bits (vec_div (inter, both), threshold);
  }
  return mask;
}

static guint64
mask_vector (const FrcBoxArrays *boxes, guint block, guint n, guint first, guint end,
    gfloat threshold)
{
  guint64 mask = 0;

  for (guint j = 0; j < n; j += LANES)
    mask |= (guint64) mask_of_vector (boxes, block + j, first, end, vec_all (threshold)) << j;
  return mask;
}
