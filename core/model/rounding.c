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
  if ((bits & 0x7fff) == 0)
    return (signbit (value) ? 0x8000 : 0) | 1;
  return fabsf (value) > fabsf (rounded) ? bits + 1 : bits - 1;
}

static int
by_cost (gconstpointer a, gconstpointer b)
{
  const FrcRoundingMove *x = a, *y = b;

  if (x->cost != y->cost)
    return x->cost < y->cost ? -1 : 1;
  return x->index < y->index ? -1 : x->index > y->index;
}

/* moves[0 … n) but for @at are a heap, the cheapest on top. */
static void
sift_down (FrcRoundingMove *moves, gsize n, gsize at)
{
  FrcRoundingMove move = moves[at];

  for (gsize child; (child = 2 * at + 1) < n; at = child) {
    if (child + 1 < n && by_cost (&moves[child + 1], &moves[child]) < 0)
      child++;
    if (by_cost (&move, &moves[child]) <= 0)
      break;
    moves[at] = moves[child];
  }
  moves[at] = move;
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

/* Offers all moves, cheapest first. Few are taken, most of them early: so the order is not made of
 * all, but of those on top of a heap, and at last of those that are still small enough. */
static void
offer_moves (const gfloat *in, FrcDtype dtype, FrcRoundingMove *moves, gsize n, gdouble mean_step,
    guint16 *out, gdouble excess)
{
  gsize n_small = 0;

  for (gsize i = n / 2; i-- > 0;)
    sift_down (moves, n, i);
  while (n > 0 && fabs (excess) > mean_step / 32) {
    offer_move (in, dtype, moves[0], out, &excess);
    moves[0] = moves[--n];
    sift_down (moves, n, 0);
  }
  for (gsize k = 0; k < n; k++)
    if (fabs (moves[k].step) < 2 * fabs (excess))
      moves[n_small++] = moves[k];
  qsort (moves, n_small, sizeof *moves, by_cost);
  for (gsize k = 0; k < n_small; k++)
    offer_move (in, dtype, moves[k], out, &excess);
}

void
frc_round_filter (const gfloat *in, gsize n, FrcDtype dtype, FrcRoundingMove *moves, guint16 *out)
{
  gdouble excess = 0, steps = 0;
  gsize n_moves = 0;

  for (gsize i = 0; i < n; i++) {
    out[i] = nearest (in[i], dtype);
    excess += (gdouble) widen (out[i], dtype) - in[i];
  }
  if (!isfinite (excess))
    return;
  for (gsize i = 0; i < n; i++) {
    gfloat rounded = widen (out[i], dtype), error = rounded - in[i];
    if (error * excess <= 0)
      continue; /* exact, or its move would add to the excess */
    gfloat other = widen (other_neighbour (out[i], rounded, in[i]), dtype);
    if (!isfinite (other))
      continue;
    moves[n_moves++] = (FrcRoundingMove){ fabsf (other - in[i]) - fabsf (error), other - rounded,
      (guint32) i };
    steps += fabsf (other - rounded);
  }
  offer_moves (in, dtype, moves, n_moves, steps / MAX (n_moves, 1), out, excess);
}
