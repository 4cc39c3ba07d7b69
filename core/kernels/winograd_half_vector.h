/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Winograd's transforms at stride 2: each axis' even pixels at five points, its odd ones at four.
 */
#include "winograd_column.h"

#define SIDE FRC_WINOGRAD_SIDE
#define WINDOW (2 * SIDE + 1)
#define LINE (SIDE + 1)

static const gdouble p = FRC_WINOGRAD_HALF_P, q = FRC_WINOGRAD_HALF_Q;

/* The coefficients of x (x² − p²) (x − q) without each of its roots, at 0, p, −p and q; at infinity,
 * which the odd phase does not have, all of it. */
INLINE void
input_line (const Vec *d, const guint step, const gboolean even, Vec *v)
{
  const Vec minus_q = vec_all (-q), minus_p2 = vec_all (-p * p);
  Vec high = vec_fma (minus_q, d[2 * step], d[3 * step]);
  Vec low = vec_fma (minus_q, d[step], d[2 * step]);

  v[0] = vec_fma (minus_p2, vec_fma (minus_q, d[0], d[step]), high);
  v[1] = vec_fma (vec_all (p), low, high);
  v[2] = vec_fma (vec_all (-p), low, high);
  v[3] = vec_fma (minus_p2, d[step], d[3 * step]);
  if (even)
    v[4] = vec_fma (minus_p2, low, vec_fma (minus_q, d[3 * step], d[4 * step]));
}

/* Value i of the polynomial's interpolation: Σ point^i · m, infinity's m in the highest alone. */
INLINE void
output_line (const Vec *m, const guint step, Vec *y)
{
  Vec sum = vec_add (m[step], m[2 * step]), odd = vec_sub (m[step], m[2 * step]);
  Vec last = m[3 * step];

  y[0] = vec_add (m[0], vec_add (sum, last));
  y[1] = vec_fma (vec_all (p), odd, vec_mul (vec_all (q), last));
  y[2] = vec_fma (vec_all (p * p), sum, vec_mul (vec_all (q * q), last));
  y[3] = vec_fma (vec_all (p * p * p), odd, vec_fma (vec_all (q * q * q), last, m[4 * step]));
}

INLINE void
input_channels (const FrcWinogradInput *tile, guint c, VecMask mask, const gboolean part,
    const gboolean clipped)
{
  Vec t[WINDOW * WINDOW]; /* [column][row after its transform: five even, four odd] */

  UNROLL
  for (guint x = 0; x < WINDOW; x++) {
    Vec d[WINDOW];
    input_column (tile, x, c, mask, part, clipped, WINDOW, d);
    input_line (d, 2, TRUE, t + x * WINDOW);
    input_line (d + 1, 2, FALSE, t + x * WINDOW + LINE);
  }
  UNROLL
  for (guint y = 0; y < WINDOW; y++) {
    const guint phase_y = y >= LINE ? 1 : 0, i = y - phase_y * LINE;
    Vec v[WINDOW];
    input_line (t + y, 2 * WINDOW, TRUE, v);
    input_line (t + WINDOW + y, 2 * WINDOW, FALSE, v + LINE);
    UNROLL
    for (guint x = 0; x < WINDOW; x++) {
      const guint phase_x = x >= LINE ? 1 : 0, j = x - phase_x * LINE;
      const guint phase = phase_y * (j < SIDE ? 2 : 1) + phase_x;
      vec_put (tile->v + (i * LINE + j) * tile->point_step + phase * tile->channels + c, mask, part,
          v[x]);
    }
  }
}

#include "winograd_tiles.h"
