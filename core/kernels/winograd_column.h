/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What Winograd's transforms at either stride read.
 */
#include "vector.h"
#include "winograd.h"

/* Column @x of a tile's window of @n pixels: one vector of channels a row, 0 outside the map. */
INLINE void
input_column (const FrcWinogradInput *tile, guint x, guint c, VecMask mask, const gboolean part,
    const gboolean clipped, const guint n, Vec *d)
{
  const gfloat *from = tile->in + x * tile->ld + c;
  gboolean outside = clipped && (x < tile->first_column || x >= tile->end_column);

  UNROLL
  for (guint y = 0; y < n; y++, from += tile->row_step)
    d[y] = outside || (clipped && (y < tile->first_row || y >= tile->end_row))
        ? vec_all (0)
        : vec_get (from, mask, part);
}
