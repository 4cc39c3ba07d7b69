/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What an instruction set implements of a convolution: one block of the output, a few pixels by one
 * panel of channels, that it keeps in registers while it runs over K.
 *
 * Weights are packed in panels of `cols` output channels, [K][cols]; the last panel is as wide as
 * the rest needs, rounded up to `lanes` and filled with zeros. K runs over (kernel row, kernel
 * column, input channel). Every output element is one chain of additions in the order of K, so how
 * the work is cut changes no bit of the result.
 */
#ifndef FRC_GEMM_H
#define FRC_GEMM_H

#include "table.h"

typedef struct {
  const gfloat *a;   /* the first pixel's input */
  gsize lda;         /* floats from a pixel to the next */
  const gsize *taps; /* offsets from a, in floats, of n_taps runs of `depth` floats each */
  guint n_taps, depth;
  /* What later blocks touch, fetched along with the steps of K.
   * Input: bytes a step (0: none) and, more, after every FRC_GEMM_ROUND steps. Output: bytes a step
   * (0: none); the residual lies as many bytes after it (0: none). */
  const gfloat *ahead_in, *ahead_out;
  gsize ahead_in_step, ahead_out_step, ahead_residual;
  gssize ahead_in_round;
  const gfloat *b; /* n_taps · depth rows of a panel */
  gfloat *c;
  gsize ldc;
  guint rows, cols; /* 1 … the kernel's rows, 1 … the kernel's cols */

  gboolean first, last; /* the first run over K does not read c, the last adds what follows */
  const gfloat *bias;   /* filled with zeros up to the panel's width */
  /* One pointer a row to its first channel, or NULL; `column` is the panel's first channel. */
  const gfloat *const *residual;
  guint column;
  FrcActivation activation;
} FrcGemmBlock;

/* Steps of K in which a line of each row goes by. */
#define FRC_GEMM_ROUND 16
/* No kernel has more columns. */
#define FRC_GEMM_MAX_COLS 32

struct _FrcGemmKernels {
  const char *name;
  guint rows, cols, lanes;
  guint tile_macs; /* the size of a tile of work: about half a millisecond */
  void (*block) (const FrcGemmBlock *block); /* NULL: the system's BLAS */
};

#endif
