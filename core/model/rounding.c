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

/* The move of in[i] into @move; FALSE if there is none that takes from @excess. */
static inline gboolean
find_move (const gfloat *in, const guint16 *out, guint32 i, const FrcDtype dtype, gdouble excess,
    FrcRoundingMove *move)
{
  gfloat rounded = widen (out[i], dtype), error = rounded - in[i];
  gfloat other = widen (other_neighbour (out[i], rounded, in[i]), dtype);

  *move = (FrcRoundingMove){ fabsf (other - in[i]) - fabsf (error), other - rounded, i };
  return (error * excess > 0) & (fabsf (other) <= G_MAXFLOAT); /* exact, or it would add to it: none */
}

/* Offers all moves, cheapest first. Most of those that are taken come early, and what would overshoot
 * is never taken later: so the order is made of the moves up to some cost, then of those up to four
 * times as much that are still small enough. */
static void
offer_moves (const gfloat *in, FrcDtype dtype, FrcRoundingMove *moves, gsize n, gdouble mean_step,
    guint16 *out, gdouble excess)
{
  gfloat limit = (gfloat) ((2 * fabs (excess) + 4 * mean_step) / MAX (n, 1));

  /* Those half way between their neighbours, by index as they lie. */
  for (gsize k = 0; k < n; k++)
    if (moves[k].cost <= 0) {
      offer_move (in, dtype, moves[k], out, &excess);
      moves[k].step = INFINITY;
    }
  while (n > 0) {
    gfloat most = (gfloat) fabs (excess) * 2.001f;
    gsize cheap = 0, left = 0;
    for (gsize k = 0; k < n; k++) {
      FrcRoundingMove move = moves[k];
      if (fabsf (move.step) > most)
        continue;
      moves[left] = moves[cheap];
      moves[move.cost <= limit ? cheap : left] = move;
      cheap += move.cost <= limit;
      left++;
    }
    qsort (moves, cheap, sizeof *moves, by_cost);
    for (gsize k = 0; k < cheap; k++)
      offer_move (in, dtype, moves[k], out, &excess);
    moves += cheap;
    n = left - cheap;
    limit *= 4;
  }
}

/* With a constant @dtype. */
static inline void
round_filter (const gfloat *in, gsize n, const FrcDtype dtype, FrcRoundingMove *moves, guint16 *out)
{
  gdouble excess = 0, steps = 0;
  gsize n_moves = 0;

  for (gsize i = 0; i < n; i++)
    out[i] = nearest (in[i], dtype);
  for (gsize i = 0; i < n; i++)
    excess += (gdouble) widen (out[i], dtype) - in[i];
  if (!isfinite (excess))
    return;
  for (gsize i = 0; i < n; i++)
    if (find_move (in, out, (guint32) i, dtype, excess, &moves[n_moves]))
      n_moves++;
  for (gsize k = 0; k < n_moves; k++)
    steps += fabsf (moves[k].step);
  offer_moves (in, dtype, moves, n_moves, steps / MAX (n_moves, 1), out, excess);
}

void
frc_round_filter (const gfloat *in, gsize n, FrcDtype dtype, FrcRoundingMove *moves, guint16 *out)
{
  if (dtype == FRC_DTYPE_F16)
    round_filter (in, n, FRC_DTYPE_F16, moves, out);
  else
    round_filter (in, n, FRC_DTYPE_BF16, moves, out);
}
