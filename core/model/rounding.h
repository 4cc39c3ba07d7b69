/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * f32 weights → 16-bit ones that do not shift a layer's mean.
 */
#ifndef FRC_ROUNDING_H
#define FRC_ROUNDING_H

#include "weights.h"

typedef struct {
  gfloat cost, step;
  guint32 index;
} FrcRoundingMove;

/* Rounds the @n weights of one filter to f16 or bf16 (@dtype): each to one of its two neighbours,
 * nearest first, then those that cost least moved to their other neighbour until the filter's errors
 * sum to about zero. Rounding to nearest alone leaves each filter a random error in its sum, which
 * activations with a positive mean (after a ReLU) turn into a shift of the whole map. Values that
 * are exact stay. @moves: room for @n. */
void frc_round_filter (const gfloat *in, gsize n, FrcDtype dtype, FrcRoundingMove *moves,
    guint16 *out);

#endif
