/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Winograd's transforms over vectors of channels: along the columns, then along the rows.
 */
#include "winograd_column.h"

#define SIDE FRC_WINOGRAD_SIDE
#define WINDOW (SIDE + 2)
#define LINE WINDOW

static const gdouble pairs[2] = {FRC_WINOGRAD_PAIR_0, FRC_WINOGRAD_PAIR_1};

/* The coefficients of x (x² − p²) (x² − q²) without each of its roots, and of all of it. */
INLINE void
input_line (const Vec *d, const guint step, Vec *v)
{
  const gdouble p2 = pairs[0] * pairs[0], q2 = pairs[1] * pairs[1];
  const Vec sum = vec_all (-(p2 + q2)), product = vec_all (p2 * q2);

  v[0] = vec_fma (product, d[0], vec_fma (sum, d[2 * step], d[4 * step]));
  UNROLL
  for (guint i = 0; i < 2; i++) {
    const Vec other = vec_all (i == 0 ? -q2 : -p2);
    Vec even = vec_fma (other, d[2 * step], d[4 * step]);
    Vec odd = vec_fma (other, d[step], d[3 * step]);
    v[1 + 2 * i] = vec_fma (vec_all (pairs[i]), odd, even);
    v[2 + 2 * i] = vec_fma (vec_all (-pairs[i]), odd, even);
  }
  v[5] = vec_fma (product, d[step], vec_fma (sum, d[3 * step], d[5 * step]));
}

/* Value i of the polynomial's interpolation: Σ point^i · m, infinity's m in the highest alone. */
INLINE void
output_line (const Vec *m, const guint step, Vec *y)
{
  const gdouble p = pairs[0], q = pairs[1];
  Vec sum_p = vec_add (m[step], m[2 * step]), sum_q = vec_add (m[3 * step], m[4 * step]);
  Vec odd_p = vec_sub (m[step], m[2 * step]), odd_q = vec_sub (m[3 * step], m[4 * step]);

  y[0] = vec_add (m[0], vec_add (sum_p, sum_q));
  y[1] = vec_fma (vec_all (p), odd_p, vec_mul (vec_all (q), odd_q));
  y[2] = vec_fma (vec_all (p * p), sum_p, vec_mul (vec_all (q * q), sum_q));
  y[3] = vec_fma (vec_all (p * p * p), odd_p, vec_fma (vec_all (q * q * q), odd_q, m[5 * step]));
}

INLINE void
input_channels (const FrcWinogradInput *tile, guint c, VecMask mask, const gboolean part,
    const gboolean clipped)
{
  Vec t[WINDOW * WINDOW]; /* [column][row after its transform] */
  gfloat *to = tile->v + c;

  UNROLL
  for (guint x = 0; x < WINDOW; x++) {
    Vec d[WINDOW];
    input_column (tile, x, c, mask, part, clipped, WINDOW, d);
    input_line (d, 1, t + x * WINDOW);
  }
  UNROLL
  for (guint y = 0; y < WINDOW; y++) {
    Vec v[WINDOW];
    input_line (t + y, WINDOW, v);
    UNROLL
    for (guint x = 0; x < WINDOW; x++, to += tile->point_step)
      vec_put (to, mask, part, v[x]);
  }
}

#include "winograd_tiles.h"
