/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AVX-512: 14 pixels × 32 channels in 28 registers; a step of K is two loads of weights, 14
 * broadcasts of the input and 28 multiply-adds.
 */
#include "activation.h"
#include "gemm.h"

#define ROWS 14
#define LANES 16
#define COLS 32
#define UNROLL _Pragma ("GCC unroll 14")
/* Of K at once. Sanitizers make so much of each that the compiler would need minutes. */
#ifdef __SANITIZE_ADDRESS__
#define STEPS 1
#else
#define STEPS 4
#endif
#define INLINE static inline __attribute__ ((always_inline))

/* Pixel r is at base[ROW_BASE (r)] + ROW_SCALE (r) · lda: the scales an address can have, so that
 * four pointers and the stride reach all 14. */
static const guint8 row_base[ROWS] = {0, 0, 0, 1, 2, 2, 2, 1, 0, 3, 3, 1, 2, 3};
static const guint8 row_scale[ROWS] = {0, 1, 2, 0, 0, 1, 2, 4, 8, 0, 1, 8, 8, 4};
static const guint8 base_row[4] = {0, 3, 4, 9};

INLINE void
block_finish (const FrcGemmBlock *g, __m512 acc[ROWS][2], const guint rows, const guint vecs,
    const __mmask16 *mask)
{
  UNROLL
  for (guint v = 0; v < vecs; v++) {
    __m512 bias = _mm512_loadu_ps (g->bias + v * LANES);
    UNROLL
    for (guint r = 0; r < rows; r++)
      acc[r][v] = _mm512_add_ps (acc[r][v], bias);
  }
  if (g->residual != NULL) {
    UNROLL
    for (guint r = 0; r < rows; r++) {
      const gfloat *from = g->residual[r] + g->column;
      UNROLL
      for (guint v = 0; v < vecs; v++)
        acc[r][v] = _mm512_add_ps (acc[r][v], _mm512_maskz_loadu_ps (mask[v], from + v * LANES));
    }
  }
  if (g->activation == FRC_ACT_NONE)
    return;
  UNROLL
  for (guint r = 0; r < rows; r++)
    UNROLL
    for (guint v = 0; v < vecs; v++)
      acc[r][v] = frc_activate_m512 (acc[r][v], g->activation);
}

/* The next row; the barrier keeps the compiler from holding a pointer for each row. */
#define STEP(row, ld)                      \
  do {                                     \
    (row) += (ld);                         \
    __asm__ ("" : "+r"(row));              \
  } while (0)

INLINE void
block_start (const FrcGemmBlock *g, __m512 acc[ROWS][2], const guint rows, const guint vecs,
    const __mmask16 *mask)
{
  gfloat *c = g->c;

  UNROLL
  for (guint r = 0; r < rows; r++) {
    UNROLL
    for (guint v = 0; v < vecs; v++) {
      acc[r][v] = _mm512_setzero_ps ();
      if (g->first)
        _mm_prefetch ((const char *) (c + v * LANES), _MM_HINT_T0);
      else
        acc[r][v] = _mm512_maskz_loadu_ps (mask[v], c + v * LANES);
    }
    STEP (c, g->ldc);
  }
  if (g->last && g->residual != NULL)
    for (guint r = 0; r < rows; r++) {
      const gfloat *residual = g->residual[r] + g->column;
      _mm_prefetch ((const char *) residual, _MM_HINT_T0);
      _mm_prefetch ((const char *) (residual + (vecs - 1) * LANES), _MM_HINT_T0);
    }
}

/* In assembly, so that a sum stays in its register: the compiler would move it about. */
INLINE __m512
multiply_add (__m512 pixel, __m512 weight, __m512 sum)
{
  __asm__ ("vfmadd231ps %2, %1, %0" : "+v"(sum) : "v"(pixel), "v"(weight));
  return sum;
}

/* @steps of K at once, so that few instructions go into counting. The barriers keep the compiler
 * from holding a pointer for every row or a multiple of the stride. */
INLINE const gfloat *
block_steps (__m512 acc[ROWS][2], const char *base[4], gsize stride, const gfloat *b,
    const guint rows, const guint vecs, const guint steps)
{
  __asm__ ("" : "+r"(base[0]), "+r"(base[1]), "+r"(base[2]), "+r"(base[3]));
  UNROLL
  for (guint k = 0; k < steps; k++) {
    __m512 weights[2];
    UNROLL
    for (guint v = 0; v < vecs; v++)
      weights[v] = _mm512_loadu_ps (b + (k * vecs + v) * LANES);
    UNROLL
    for (guint r = 0; r < rows; r++) {
      __asm__ volatile ("" : "+r"(stride));
      const char *from = base[row_base[r]] + row_scale[r] * stride + k * sizeof (gfloat);
      __m512 pixel = _mm512_set1_ps (*(const gfloat *) from);
      UNROLL
      for (guint v = 0; v < vecs; v++)
        acc[r][v] = multiply_add (pixel, weights[v], acc[r][v]);
    }
  }
  UNROLL
  for (guint j = 0; j < 4; j++)
    base[j] += steps * sizeof (gfloat);
  return b + steps * vecs * LANES;
}

/* A line for each of STEPS of what later blocks touch, @step bytes apart: the next block's input to
 * L1; weights and outputs, which come later, to L2 alone, where they displace nothing that is in use. */
#define FETCH(from, step, hint)                    \
  do {                                             \
    UNROLL                                         \
    for (guint i = 0; i < STEPS; i++)              \
      _mm_prefetch ((from) + i * (step), (hint));  \
  } while (0)

INLINE void
block_any (const FrcGemmBlock *g, const guint rows, const guint vecs)
{
  const gsize stride = g->lda * sizeof (gfloat), in_step = g->ahead_in_step,
      out_step = g->ahead_out_step, residual_offset = g->ahead_residual;
  const gfloat *b = g->b;
  const char *ahead_in = (const char *) g->ahead_in, *ahead_out = (const char *) g->ahead_out;
  gfloat *c = g->c;
  const __mmask16 mask[2] = {
    vecs == 1 ? (__mmask16) (0xffff >> (LANES - g->cols)) : 0xffff,
    (__mmask16) (0xffff >> (COLS - g->cols))};
  __m512 acc[ROWS][2];

  block_start (g, acc, rows, vecs, mask);
  for (guint t = 0; t < g->n_taps; t++) {
    const char *base[4];
    guint k = g->depth;
    UNROLL
    for (guint i = 0; i < 4; i++)
      base[i] = (const char *) (g->a + g->taps[t]) + base_row[i] * stride;
    for (; k >= STEPS; k -= STEPS) {
      if (in_step > 0) {
        FETCH (ahead_in, in_step, _MM_HINT_T0);
        ahead_in += STEPS * in_step;
        if ((g->depth - k) % FRC_GEMM_ROUND == FRC_GEMM_ROUND - STEPS)
          ahead_in += g->ahead_in_round;
      }
      if (out_step > 0) {
        FETCH (ahead_out, out_step, _MM_HINT_T1);
        if (out_step > 64)
          FETCH (ahead_out + 64, out_step, _MM_HINT_T1);
        if (residual_offset > 0)
          FETCH (ahead_out + residual_offset, out_step, _MM_HINT_T1);
        ahead_out += STEPS * out_step;
      }
      b = block_steps (acc, base, stride, b, rows, vecs, STEPS);
    }
    for (; STEPS > 1 && k > 0; k--)
      b = block_steps (acc, base, stride, b, rows, vecs, 1);
  }

  if (g->last)
    block_finish (g, acc, rows, vecs, mask);
  UNROLL
  for (guint r = 0; r < rows; r++) {
    UNROLL
    for (guint v = 0; v < vecs; v++)
      _mm512_mask_storeu_ps (c + v * LANES, mask[v], acc[r][v]);
    STEP (c, g->ldc);
  }
}

#define BLOCK(n)                                    \
  static void                                       \
  block_##n (const FrcGemmBlock *g)                 \
  {                                                 \
    if (g->cols > LANES)                            \
      block_any (g, n, 2);                          \
    else                                            \
      block_any (g, n, 1);                          \
  }

BLOCK (1) BLOCK (2) BLOCK (3) BLOCK (4) BLOCK (5) BLOCK (6) BLOCK (7) BLOCK (8) BLOCK (9)
BLOCK (10) BLOCK (11) BLOCK (12) BLOCK (13) BLOCK (14)

static void
block_avx512 (const FrcGemmBlock *g)
{
  static void (*const blocks[ROWS + 1]) (const FrcGemmBlock *) = {NULL, block_1, block_2, block_3,
    block_4, block_5, block_6, block_7, block_8, block_9, block_10, block_11, block_12, block_13,
    block_14};

  blocks[g->rows](g);
}

const FrcGemmKernels frc_gemm_avx512 = {"gemm avx512", ROWS, COLS, LANES, 24 << 20, block_avx512};
