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

void
frc_round_filter (const gfloat *in, gsize n, FrcDtype dtype, FrcRoundingMove *moves, guint16 *out)
{
  gdouble excess = 0;
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
    if (isfinite (other))
      moves[n_moves++] = (FrcRoundingMove){ fabsf (other - in[i]) - fabsf (error),
        other - rounded, (guint32) i };
  }
  qsort (moves, n_moves, sizeof *moves, by_cost);
  for (gsize k = 0; k < n_moves; k++) {
    guint32 i = moves[k].index;
    if (fabs (excess + moves[k].step) >= fabs (excess))
      continue;
    out[i] = other_neighbour (out[i], widen (out[i], dtype), in[i]);
    excess += moves[k].step;
  }
}
