/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AVX2 and FMA: 6 pixels × 16 channels in 12 registers; a step of K is two loads of weights, six
 * broadcasts of the input and 12 multiply-adds.
 */
#include "activation.h"
#include "gemm.h"

#define ROWS 6
#define LANES 8
#define COLS 16
#define UNROLL _Pragma ("GCC unroll 6")
#define INLINE static inline __attribute__ ((always_inline))

/* Pixel r is at base[row_base[r]] + row_scale[r] · lda, with the scales an address can have. */
static const guint8 row_base[ROWS] = {0, 0, 0, 1, 0, 1};
static const guint8 row_scale[ROWS] = {0, 1, 2, 0, 4, 2};

/* The next row; the barrier keeps the compiler from holding a pointer for each row. */
#define STEP(row, ld)                      \
  do {                                     \
    (row) += (ld);                         \
    __asm__ ("" : "+r"(row));              \
  } while (0)

/* Lanes below @n. */
INLINE __m256i
lane_mask (gint n)
{
  return _mm256_cmpgt_epi32 (_mm256_set1_epi32 (n), _mm256_setr_epi32 (0, 1, 2, 3, 4, 5, 6, 7));
}

INLINE void
block_start (const FrcGemmBlock *g, __m256 acc[ROWS][2], const guint rows, const guint vecs,
    const __m256i *mask)
{
  gfloat *c = g->c;

  UNROLL
  for (guint r = 0; r < rows; r++) {
    _mm_prefetch ((const char *) c, _MM_HINT_T0);
    UNROLL
    for (guint v = 0; v < vecs; v++) {
      acc[r][v] = _mm256_setzero_ps ();
      if (!g->first)
        acc[r][v] = _mm256_maskload_ps (c + v * LANES, mask[v]);
    }
    STEP (c, g->ldc);
  }
  if (g->last && g->residual != NULL)
    for (guint r = 0; r < rows; r++)
      _mm_prefetch ((const char *) (g->residual[r] + g->column), _MM_HINT_T0);
}

INLINE void
block_finish (const FrcGemmBlock *g, __m256 acc[ROWS][2], const guint rows, const guint vecs,
    const __m256i *mask)
{
  UNROLL
  for (guint r = 0; r < rows; r++)
    UNROLL
    for (guint v = 0; v < vecs; v++) {
      __m256 sum = _mm256_add_ps (acc[r][v], _mm256_loadu_ps (g->bias + v * LANES));
      if (g->residual != NULL)
        sum = _mm256_add_ps (sum,
            _mm256_maskload_ps (g->residual[r] + g->column + v * LANES, mask[v]));
      acc[r][v] = sum;
    }
  if (g->activation == FRC_ACT_NONE)
    return;
  UNROLL
  for (guint r = 0; r < rows; r++)
    UNROLL
    for (guint v = 0; v < vecs; v++)
      acc[r][v] = frc_activate_m256 (acc[r][v], g->activation);
}

INLINE void
block_any (const FrcGemmBlock *g, const guint rows, const guint vecs)
{
  const gsize stride = g->lda * sizeof (gfloat), in_step = g->ahead_in_step,
      out_step = g->ahead_out_step, residual_offset = g->ahead_residual;
  const gfloat *b = g->b;
  const char *ahead_in = (const char *) g->ahead_in, *ahead_out = (const char *) g->ahead_out;
  gfloat *c = g->c;
  const __m256i mask[2] = {lane_mask (g->cols), lane_mask ((gint) g->cols - LANES)};
  __m256 acc[ROWS][2];

  block_start (g, acc, rows, vecs, mask);
  for (guint t = 0; t < g->n_taps; t++) {
    const char *start = (const char *) (g->a + g->taps[t]), *base[2] = {start, start + 3 * stride};
    for (guint k = 0; k < g->depth; k += FRC_GEMM_ROUND, ahead_in += g->ahead_in_round) {
      for (guint i = MIN (FRC_GEMM_ROUND, g->depth - k); i > 0; i--) {
        __m256 weights[2];
        /* Keeps the compiler from turning every row into a pointer of its own. */
        __asm__ ("" : "+r"(base[0]), "+r"(base[1]));
        UNROLL
        for (guint v = 0; v < vecs; v++)
          weights[v] = _mm256_loadu_ps (b + v * LANES);
        _mm_prefetch (ahead_in, _MM_HINT_T0);
        _mm_prefetch (ahead_out, _MM_HINT_T0);
        _mm_prefetch (ahead_out + residual_offset, _MM_HINT_T0);
        ahead_in += in_step;
        ahead_out += out_step;
        UNROLL
        for (guint r = 0; r < rows; r++) {
          __m256 pixel =
              _mm256_broadcast_ss ((const gfloat *) (base[row_base[r]] + row_scale[r] * stride));
          UNROLL
          for (guint v = 0; v < vecs; v++)
            acc[r][v] = _mm256_fmadd_ps (pixel, weights[v], acc[r][v]);
        }
        base[0] += sizeof (gfloat);
        base[1] += sizeof (gfloat);
        b += vecs * LANES;
      }
    }
  }

  if (g->last)
    block_finish (g, acc, rows, vecs, mask);
  UNROLL
  for (guint r = 0; r < rows; r++) {
    UNROLL
    for (guint v = 0; v < vecs; v++)
      _mm256_maskstore_ps (c + v * LANES, mask[v], acc[r][v]);
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

BLOCK (1) BLOCK (2) BLOCK (3) BLOCK (4) BLOCK (5) BLOCK (6)

static void
block_avx2 (const FrcGemmBlock *g)
{
  static void (*const blocks[ROWS + 1]) (const FrcGemmBlock *) = {NULL, block_1, block_2, block_3,
    block_4, block_5, block_6};

  blocks[g->rows](g);
}

const FrcGemmKernels frc_gemm_avx2 = {"gemm avx2", ROWS, COLS, LANES, 12 << 20, block_avx2};
