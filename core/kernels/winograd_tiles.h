/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What Winograd's transforms at either stride share: all channels of a tile. The including header
 * defines SIDE, WINDOW (input pixels of an axis), LINE (points of an axis), input_channels () and
 * output_line ().
 */
INLINE void
input_any (const FrcWinogradInput *tile, const gboolean clipped)
{
  guint c = 0;

  for (; c + LANES <= tile->channels; c += LANES)
    input_channels (tile, c, vec_mask (LANES), FALSE, clipped);
  if (c < tile->channels)
    input_channels (tile, c, vec_mask (tile->channels - c), TRUE, clipped);
}

static void
input_vector (const FrcWinogradInput *tile)
{
  if (tile->first_row > 0 || tile->first_column > 0 || tile->end_row < WINDOW ||
      tile->end_column < WINDOW)
    input_any (tile, TRUE);
  else
    input_any (tile, FALSE);
}

/* Where the next tile will write channels from @c on: nothing else waits as long. Short vectors share
 * a line. */
INLINE void
fetch_output (const gfloat *next, guint c)
{
  if (LANES * sizeof (gfloat) >= 64 || c * sizeof (gfloat) % 64 == 0)
    vec_prefetch (next);
}

INLINE void
output_channels (const FrcWinogradOutput *tile, guint c, VecMask mask, const gboolean part)
{
  const gfloat *from = tile->m + c;
  Vec t[LINE * SIDE]; /* [row of points][column after its transform] */
  Vec bias = vec_load (tile->bias + c);

  UNROLL
  for (guint i = 0; i < LINE; i++) {
    Vec m[LINE];
    UNROLL
    for (guint j = 0; j < LINE; j++, from += tile->point_step)
      m[j] = vec_get (from, mask, part);
    output_line (m, 1, t + i * SIDE);
  }
  UNROLL
  for (guint x = 0; x < SIDE; x++) {
    gfloat *out = tile->out + x * tile->ld + c;
    Vec y[SIDE];
    if (x >= tile->columns)
      break;
    output_line (t + x, SIDE, y);
    UNROLL
    for (guint i = 0; i < SIDE; i++, out += tile->row_step) {
      if (i >= tile->rows)
        break;
      Vec sum = vec_add (y[i], bias);
      if (tile->residual != NULL)
        sum = vec_add (sum,
            vec_get (tile->residual[i * tile->columns + x] + tile->column + c, mask, part));
      fetch_output (out + SIDE * tile->ld, c);
      vec_put (out, mask, part, vec_activate (sum, tile->activation));
    }
  }
}

static void
output_vector (const FrcWinogradOutput *tile)
{
  guint c = 0;

  for (; c + LANES <= tile->channels; c += LANES)
    output_channels (tile, c, vec_mask (LANES), FALSE);
  if (c < tile->channels)
    output_channels (tile, c, vec_mask (tile->channels - c), TRUE);
}
