/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rounding.h"
#include "weights-private.h"

#include <math.h>
#include <stdlib.h>

static guint16
nearest (gfloat value, FrcDtype dtype)
{
  return dtype == FRC_DTYPE_F16 ? frc_f16_from_f32 (value) : frc_bf16_from_f32 (value);
}

static gfloat
widen (guint16 bits, FrcDtype dtype)
{
  return dtype == FRC_DTYPE_F16 ? frc_f32_from_f16 (bits) : frc_f32_from_bf16 (bits);
}

/* The 16-bit number next to @bits, towards @value. Numbers of one sign are ordered like their bits;
 * the one next to zero has the other number's sign. */
static guint16
other_neighbour (guint16 bits, gfloat rounded, gfloat value)
{
  guint16 next = (guint16) (bits + 2 * (fabsf (value) > fabsf (rounded)) - 1);

  return (bits & 0x7fff) != 0 ? next : (signbit (value) ? 0x8000 : 0) | 1;
}

static int
by_cost (gconstpointer a, gconstpointer b)
{
  const FrcRoundingMove *x = a, *y = b;

  if (x->cost != y->cost)
    return x->cost < y->cost ? -1 : 1;
  return x->index < y->index ? -1 : x->index > y->index;
}

/* Takes @move if that brings the filter's excess nearer to zero. */
static void
offer_move (const gfloat *in, FrcDtype dtype, FrcRoundingMove move, guint16 *out, gdouble *excess)
{
  guint32 i = move.index;

  if (fabs (*excess + move.step) >= fabs (*excess))
    return;
  out[i] = other_neighbour (out[i], widen (out[i], dtype), in[i]);
  *excess += move.step;
}

typedef struct {
  const gfloat *in;
  guint16 *out;
  gsize n;
  gfloat sign;    /* of the excess at the start: moves go against it */
  gdouble excess; /* of what is rounded so far */
} Filter;

/* Moves of a cost above @above and at most @limit that would not overshoot, into @moves; those of
 * numbers half way between their neighbours cost nothing and are offered at once. Few pass, so the
 * branches are foreseen. Returns how many there are in @moves. */
static inline gsize
find_moves (Filter *filter, const FrcDtype dtype, gfloat above, gfloat limit, FrcRoundingMove *moves)
{
  gfloat most = (gfloat) fabs (filter->excess) * 2.001f;
  gsize n = 0;

  for (gsize i = 0; i < filter->n; i++) {
    gfloat in = filter->in[i], rounded = widen (filter->out[i], dtype), error = rounded - in;
    gfloat other = widen (other_neighbour (filter->out[i], rounded, in), dtype);
    FrcRoundingMove move = { fabsf (other - in) - fabsf (error), other - rounded, (guint32) i };
    if (!(move.cost <= limit) || move.cost <= above || fabsf (move.step) > most ||
        !(error * filter->sign > 0) || !isfinite (other))
      continue; /* with an error of 0 it is exact and stays */
    if (move.cost <= 0)
      offer_move (filter->in, dtype, move, filter->out, &filter->excess);
    else
      moves[n++] = move;
  }
  return n;
}

/* With a constant @dtype. All moves are offered, cheapest first. Most of those that are taken come
 * early, and what would overshoot is never taken later: so they are looked for up to some cost, then
 * up to four times as much, until what is left has too large steps. */
static inline void
round_filter (const gfloat *in, gsize n, const FrcDtype dtype, FrcRoundingMove *moves, guint16 *out)
{
  Filter filter = { in, out, n, 0, 0 };
  gdouble size = 0;

  for (gsize i = 0; i < n; i++)
    out[i] = nearest (in[i], dtype);
  for (gsize i = 0; i < n; i++) {
    filter.excess += (gdouble) widen (out[i], dtype) - in[i];
    size += fabsf (in[i]);
  }
  if (!isfinite (filter.excess) || filter.excess == 0)
    return;
  filter.sign = filter.excess > 0 ? 1 : -1;
  gdouble mean_step = size / n / (dtype == FRC_DTYPE_F16 ? 1024 : 128);
  gfloat limit = (gfloat) (4 * (fabs (filter.excess) + 2 * mean_step) / n), above = -INFINITY;
  limit = MAX (limit, G_MINFLOAT); /* where denormals are flushed, 0 would never grow */
  while (filter.excess * filter.sign > 0 && above <= fabs (filter.excess) * 2.001) {
    gsize n_moves = find_moves (&filter, dtype, above, limit, moves);
    qsort (moves, n_moves, sizeof *moves, by_cost);
    for (gsize k = 0; k < n_moves; k++)
      offer_move (in, dtype, moves[k], out, &filter.excess);
    above = limit;
    limit *= 4;
  }
}

void
frc_round_filter (const gfloat *in, gsize n, FrcDtype dtype, FrcRoundingMove *moves, guint16 *out)
{
  if (dtype == FRC_DTYPE_F16)
    round_filter (in, n, FRC_DTYPE_F16, moves, out);
  else
    round_filter (in, n, FRC_DTYPE_BF16, moves, out);
}
