/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The plain C block: the oracle of every other one.
 */
#include "activation.h"
#include "gemm.h"

#define ROWS 4
#define COLS 8

static void
block_scalar (const FrcGemmBlock *g)
{
  for (guint r = 0; r < g->rows; r++) {
    gfloat *c = g->c + r * g->ldc;
    gfloat sum[COLS] = {0};
    const gfloat *b = g->b;

    for (guint j = 0; j < g->cols && !g->first; j++)
      sum[j] = c[j];
    for (guint t = 0; t < g->n_taps; t++) {
      const gfloat *a = g->a + r * g->lda + g->taps[t];
      for (guint k = 0; k < g->depth; k++, b += g->cols)
        for (guint j = 0; j < g->cols; j++)
          sum[j] += a[k] * b[j];
    }
    for (guint j = 0; j < g->cols && g->last; j++) {
      sum[j] += g->bias[j];
      if (g->residual != NULL)
        sum[j] += g->residual[r][g->column + j];
      sum[j] = frc_activate (sum[j], g->activation);
    }
    for (guint j = 0; j < g->cols; j++)
      c[j] = sum[j];
  }
}

const FrcGemmKernels frc_gemm_scalar = {"gemm scalar", ROWS, COLS, 1, 1 << 19, block_scalar};
