/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Winograd's convolution F(m × m, 3 × 3): m² outputs of a channel from n² inputs, n = m + 2, by n²
 * multiplications instead of 9 m². Input and weights are transformed to n² points; at each point the
 * convolution is a matrix product over the channels. Source: Lavin and Gray 2015; the transforms are
 * interpolation at 0, ±p for each p of the pairs, and infinity.
 *
 * At stride 2 the even and the odd pixels of an axis are a convolution each, of two taps and of one,
 * whose outputs add up: F(m, 2) at m + 1 points and F(m, 1) at m of them. A point's product runs over
 * the channels of all its phases, up to four.
 */
#ifndef FRC_WINOGRAD_H
#define FRC_WINOGRAD_H

#include "conv.h"

#define FRC_WINOGRAD_SIDE 4
#define FRC_WINOGRAD_MAX_ROWS 81 /* points times phases */
/* ±3/4 and ±3/2 leave a third of the rounding error of ±1 and ±2; their powers are exact. */
#define FRC_WINOGRAD_PAIR_0 0.75
#define FRC_WINOGRAD_PAIR_1 1.5
/* At stride 2: 0, ±p, q and infinity; of all multiples of 1/8 to 2 those that leave least error. */
#define FRC_WINOGRAD_HALF_P 0.75
#define FRC_WINOGRAD_HALF_Q -2.0

/* One tile's window of the input → its row at every point: the channels of each phase. */
typedef struct {
  const gfloat *in;  /* the window's first pixel; it may lie outside the map */
  gsize row_step, ld; /* floats */
  guint first_row, end_row, first_column, end_column; /* the window's part inside the map */
  guint channels;
  gfloat *v; /* point i's is at v + i · point_step */
  gsize point_step;
} FrcWinogradInput;

/* One tile's row at every point → its outputs. */
typedef struct {
  const gfloat *m; /* laid out as v */
  gsize point_step;
  gfloat *out;
  gsize row_step, ld;
  guint rows, columns; /* of the tile that the map has, 1 … m */
  guint channels;
  const gfloat *bias;            /* filled up to whole vectors */
  const gfloat *const *residual; /* one pointer an output, `columns` a row, or NULL; as in gemm.h */
  guint column;                  /* the first channel */
  FrcActivation activation;
} FrcWinogradOutput;

struct _FrcWinogradKernels {
  const char *name;
  guint stride; /* m is FRC_WINOGRAD_SIDE */
  void (*input) (const FrcWinogradInput *tile);
  void (*output) (const FrcWinogradOutput *tile);
};

/* NULL where the convolution is better computed directly: by its shape of kernel and channels. */
const FrcWinogradKernels *frc_winograd_choose (const FrcKernels *kernels,
    const FrcGemmKernels *gemm, const FrcConvSpec *spec);
/* Points of an axis. */
static inline guint
frc_winograd_line (const FrcWinogradKernels *winograd)
{
  return FRC_WINOGRAD_SIDE + 3 - winograd->stride;
}

static inline guint
frc_winograd_points (const FrcWinogradKernels *winograd)
{
  return frc_winograd_line (winograd) * frc_winograd_line (winograd);
}

/* The phases that point @point has: an axis at infinity has but one. */
static inline guint
frc_winograd_phases (const FrcWinogradKernels *winograd, guint point)
{
  guint last = frc_winograd_line (winograd) - 1;

  if (winograd->stride == 1)
    return 1;
  return (point / (last + 1) < last ? 2 : 1) * (point % (last + 1) < last ? 2 : 1);
}

/* Of all points together. */
static inline guint
frc_winograd_rows (const FrcWinogradKernels *winograd)
{
  return winograd->stride == 1 ? frc_winograd_points (winograd) : FRC_WINOGRAD_MAX_ROWS;
}

/* @weight: torch's 3 × 3 of one output and one input channel → to[i · step] for each of the rows:
 * point after point, phase after phase. */
void frc_winograd_weights (const FrcWinogradKernels *winograd, const gfloat *weight, gfloat *to,
    gsize step);

gsize frc_winograd_scratch_bytes (const FrcConv *conv);
void frc_winograd_run (const FrcConv *conv, FrcPool *pool, const FrcView *in,
    const FrcView *residual, const FrcView *out);
/* As frc_conv_run_rows (): @first is a multiple of the side. */
void frc_winograd_run_rows (const FrcConv *conv, gpointer scratch, const FrcView *in,
    const FrcView *residual, const FrcView *out, guint first, guint end);

#endif
