/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Narrow kernels for AVX512-BF16, but for windows.
 */
#include "narrow_group_avx512.h"

/* ---- convolution --------------------------------------------------------------------------- */

#define BLOCK_ROWS 12

/* bf16 pairs into f32 sums, or quads of u8 · s8 into s32 sums. */
INLINE __m512
multiply (__m512 sum, __m512i a, __m512i b, const gboolean integers)
{
  if (integers)
    return _mm512_castsi512_ps (_mm512_dpbusd_epi32 (_mm512_castps_si512 (sum), a, b));
  return _mm512_dpbf16_ps (sum, (__m512bh) a, (__m512bh) b);
}

INLINE void
block_rows (const FrcNarrowBlock *g, guint first_row, const guint rows, const guint halves,
    const gboolean integers)
{
  __m512 sum[BLOCK_ROWS][2];
  gfloat *c = g->c + first_row * FRC_NARROW_COLS;
  const char *b = (const char *) g->b;

  UNROLL
  for (guint r = 0; r < rows; r++) {
    UNROLL
    for (guint v = 0; v < halves; v++)
      sum[r][v] = g->first ? _mm512_setzero_ps ()
                           : _mm512_loadu_ps (c + r * FRC_NARROW_COLS + v * 16);
  }
  for (guint t = 0; t < g->n_taps; t++) {
    const guint16 *group = g->a + first_row * g->a_step + g->taps[t];
    for (guint k = 0; k < g->groups; k++, group += g->a_group)
      for (const guint16 *a = group; a < group + FRC_NARROW_GROUP; a += 2, b += 128) {
        __m512i weights[2];
        UNROLL
        for (guint v = 0; v < halves; v++)
          weights[v] = _mm512_loadu_si512 (b + v * 64);
        UNROLL
        for (guint r = 0; r < rows; r++) {
          gint32 pixel;
          memcpy (&pixel, a + r * g->a_step, sizeof pixel);
          UNROLL
          for (guint v = 0; v < halves; v++)
            sum[r][v] = multiply (sum[r][v], _mm512_set1_epi32 (pixel), weights[v], integers);
        }
      }
  }
  UNROLL
  for (guint r = 0; r < rows; r++) {
    UNROLL
    for (guint v = 0; v < halves; v++)
      _mm512_storeu_ps (c + r * FRC_NARROW_COLS + v * 16, sum[r][v]);
  }
}

#define ROWS(n)                                                  \
  static void                                                    \
  rows_##n (const FrcNarrowBlock *g, guint first_row)            \
  {                                                              \
    if (g->cols > 16)                                            \
      block_rows (g, first_row, n, 2, FALSE);                    \
    else                                                         \
      block_rows (g, first_row, n, 1, FALSE);                    \
  }                                                              \
  static void                                                    \
  int8_rows_##n (const FrcNarrowBlock *g, guint first_row)       \
  {                                                              \
    if (g->cols > 16)                                            \
      block_rows (g, first_row, n, 2, TRUE);                     \
    else                                                         \
      block_rows (g, first_row, n, 1, TRUE);                     \
  }
ROWS (1) ROWS (2) ROWS (3) ROWS (4) ROWS (5) ROWS (6) ROWS (7) ROWS (8) ROWS (9) ROWS (10) ROWS (11)
ROWS (12)

typedef void (*RowsFunc) (const FrcNarrowBlock *g, guint first_row);

static void
block_parts (const FrcNarrowBlock *g, const RowsFunc *rows)
{
  guint parts = (g->rows + BLOCK_ROWS - 1) / BLOCK_ROWS;

  for (guint i = 0, r = 0; i < parts; i++) {
    guint end = g->rows * (i + 1) / parts;
    rows[end - r](g, r);
    r = end;
  }
}

static void
block_avx512 (const FrcNarrowBlock *g)
{
  static const RowsFunc rows[] = {NULL, rows_1, rows_2, rows_3, rows_4, rows_5, rows_6, rows_7,
    rows_8, rows_9, rows_10, rows_11, rows_12};

  block_parts (g, rows);
}

static void
block_int8_avx512 (const FrcNarrowBlock *g)
{
  static const RowsFunc rows[] = {NULL, int8_rows_1, int8_rows_2, int8_rows_3, int8_rows_4,
    int8_rows_5, int8_rows_6, int8_rows_7, int8_rows_8, int8_rows_9, int8_rows_10, int8_rows_11,
    int8_rows_12};

  block_parts (g, rows);
}

/* Half a row of sums in units of the output, with its bias. */
INLINE __m512
finished_sums (const FrcNarrowFinish *f, guint r, guint first, const gboolean integers)
{
  __m512 sum = _mm512_loadu_ps (f->c + r * FRC_NARROW_COLS + first);
  __m512 bias = _mm512_loadu_ps (f->bias + first);

  if (!integers)
    return _mm512_add_ps (sum, bias);
  sum = _mm512_mul_ps (_mm512_cvtepi32_ps (_mm512_castps_si512 (sum)),
      _mm512_loadu_ps (f->scale + first));
  return _mm512_add_ps (sum, bias);
}

INLINE void
finish_rows (const FrcNarrowFinish *f, const FrcActivation activation, const gboolean integers)
{
  __mmask16 low_mask = f->cols >= 16 ? 0xffff : (__mmask16) ((1u << f->cols) - 1);
  __mmask16 high_mask = f->cols <= 16 ? 0 : (__mmask16) (0xffffu >> (32 - f->cols));

  for (guint r = 0; r < f->rows; r++) {
    if (!(f->out ? (gpointer) f->out[r] : (gpointer) f->wide_out[r]))
      continue;
    __m512 low = finished_sums (f, r, 0, integers), high = finished_sums (f, r, 16, integers);
    if (f->residual) {
      __m512i v = _mm512_loadu_si512 (f->residual[r] + f->column);
      low = _mm512_add_ps (low, _mm512_castsi512_ps (_mm512_slli_epi32 (
          _mm512_cvtepu16_epi32 (_mm512_castsi512_si256 (v)), 16)));
      high = _mm512_add_ps (high, _mm512_castsi512_ps (_mm512_slli_epi32 (
          _mm512_cvtepu16_epi32 (_mm512_extracti64x4_epi64 (v, 1)), 16)));
    }
    low = frc_activate_m512 (low, activation);
    high = frc_activate_m512 (high, activation);
    if (f->wide_out) {
      gfloat *to = f->wide_out[r] + f->column;
      _mm512_mask_storeu_ps (to, low_mask, low);
      _mm512_mask_storeu_ps (to + 16, high_mask, high);
    } else {
      low = _mm512_maskz_mov_ps (low_mask, low);
      high = _mm512_maskz_mov_ps (high_mask, high);
      _mm512_storeu_si512 (f->out[r] + f->column, (__m512i) _mm512_cvtne2ps_pbh (high, low));
    }
  }
}

INLINE void
finish_any (const FrcNarrowFinish *f, const FrcActivation activation)
{
  if (f->scale)
    finish_rows (f, activation, TRUE);
  else
    finish_rows (f, activation, FALSE);
}

static void
finish_avx512 (const FrcNarrowFinish *f)
{
  if (f->activation == FRC_ACT_NONE)
    finish_any (f, FRC_ACT_NONE);
  else if (f->activation == FRC_ACT_RELU)
    finish_any (f, FRC_ACT_RELU);
  else if (f->activation == FRC_ACT_RELU6)
    finish_any (f, FRC_ACT_RELU6);
  else
    finish_any (f, f->activation);
}

static void
convert_avx512 (const gfloat *in, guint16 *out, gsize n)
{
  gsize i = 0;

  for (; i + 32 <= n; i += 32)
    _mm512_storeu_si512 (out + i,
        (__m512i) _mm512_cvtne2ps_pbh (_mm512_loadu_ps (in + i + 16), _mm512_loadu_ps (in + i)));
  for (; i < n; i += 16) {
    __mmask16 mask = n - i >= 16 ? 0xffff : (__mmask16) ((1u << (n - i)) - 1);
    _mm256_mask_storeu_epi16 (out + i, mask,
        (__m256i) _mm512_cvtneps_pbh (_mm512_maskz_loadu_ps (mask, in + i)));
  }
}

static void
widen_avx512 (const guint16 *in, gfloat *out, gsize n)
{
  for (gsize i = 0; i < n; i += 16)
    _mm512_storeu_ps (out + i, _mm512_castsi512_ps (_mm512_slli_epi32 (
        _mm512_cvtepu16_epi32 (_mm256_loadu_si256 ((const __m256i *) (in + i))), 16)));
}

static void
quantize_avx512 (const guint16 *in, guint8 *out, gsize n, gsize step, gfloat inverse, gfloat zero)
{
  __m512 scale = _mm512_set1_ps (inverse), shift = _mm512_set1_ps (zero);
  const __m512i nothing = _mm512_setzero_si512 ();

  for (gsize i = 0; i < n; i += 32) {
    __m512i v = _mm512_loadu_si512 (in + i);
    __m512 low = _mm512_castsi512_ps (_mm512_slli_epi32 (
        _mm512_cvtepu16_epi32 (_mm512_castsi512_si256 (v)), 16));
    __m512 high = _mm512_castsi512_ps (_mm512_slli_epi32 (
        _mm512_cvtepu16_epi32 (_mm512_extracti64x4_epi64 (v, 1)), 16));
    __m512i a = _mm512_cvtps_epi32 (_mm512_add_ps (_mm512_mul_ps (low, scale), shift));
    __m512i b = _mm512_cvtps_epi32 (_mm512_add_ps (_mm512_mul_ps (high, scale), shift));
    guint8 *to = out + i / 64 * step + i % 64;
    _mm_storeu_si128 ((__m128i *) to, _mm512_cvtusepi32_epi8 (_mm512_max_epi32 (a, nothing)));
    _mm_storeu_si128 ((__m128i *) (to + 16), _mm512_cvtusepi32_epi8 (_mm512_max_epi32 (b, nothing)));
  }
}

/* ---- the others ---------------------------------------------------------------------------- */

/* Pixels are added in a fixed order: runs of 256 in f32, those sums in f32 again. */
static void
mean_avx512 (const guint16 *in, gsize ld, gsize n, guint16 *out)
{
  Group total = group_all (0);
  __m512 share = _mm512_set1_ps (1.0f / n);

  for (gsize from = 0; from < n; from += 256) {
    Group sum[2] = {group_all (0), group_all (0)};
    gsize to = MIN (from + 256, n);
    for (gsize i = from; i < to; i++) {
      Group v = group_load (in + i * ld);
      sum[i % 2].even = _mm512_add_ps (sum[i % 2].even, v.even);
      sum[i % 2].odd = _mm512_add_ps (sum[i % 2].odd, v.odd);
    }
    total.even = _mm512_add_ps (total.even, _mm512_add_ps (sum[0].even, sum[1].even));
    total.odd = _mm512_add_ps (total.odd, _mm512_add_ps (sum[0].odd, sum[1].odd));
  }
  group_store (out, (Group){_mm512_mul_ps (total.even, share), _mm512_mul_ps (total.odd, share)});
}

static void
scale_row_avx512 (const FrcNarrowRow *row)
{
  for (guint c = 0; c < row->groups * FRC_NARROW_GROUP; c += FRC_NARROW_GROUP) {
    Group scale = group_load (row->b + c);
    for (guint x = 0; x < row->w; x++)
      group_store (row->out + x * row->out_ld + c,
          group_fma (group_load (row->a + x * row->a_ld + c), scale, group_all (0)));
  }
}

static void
add_row_avx512 (const FrcNarrowRow *row)
{
  for (guint x = 0; x < row->w; x++) {
    const guint16 *a = row->a + x * row->a_ld;
    const guint16 *b = row->b + (gsize) x * row->b_w / row->w * row->b_ld;
    for (guint c = 0; c < row->groups * FRC_NARROW_GROUP; c += FRC_NARROW_GROUP) {
      Group v = group_load (a + c), w = group_load (b + c);
      v = (Group){_mm512_add_ps (v.even, w.even), _mm512_add_ps (v.odd, w.odd)};
      group_store (row->out + x * row->out_ld + c, group_activate (v, row->activation));
    }
  }
}

/* A bin's sums for some groups stay in registers over all of its taps. */
INLINE void
bin_groups (const guint16 *map, const FrcRoiAxis *ys, const FrcRoiAxis *xs, guint py, guint px,
    guint16 *out, const guint groups)
{
  Group sum[4];

  UNROLL
  for (guint i = 0; i < groups; i++)
    sum[i] = group_all (0);
  for (guint y = ys->first[py]; y < ys->first[py + 1]; y++)
    for (guint x = xs->first[px]; x < xs->first[px + 1]; x++) {
      const guint16 *pixel = map + ys->offset[y] + xs->offset[x];
      Group weight = group_all (ys->weight[y] * xs->weight[x]);
      UNROLL
      for (guint i = 0; i < groups; i++)
        sum[i] = group_fma (group_load (pixel + i * FRC_NARROW_GROUP), weight, sum[i]);
    }
  UNROLL
  for (guint i = 0; i < groups; i++)
    group_store (out + i * FRC_NARROW_GROUP, sum[i]);
}

static void
roi_avx512 (const guint16 *map, const FrcRoiAxis *ys, const FrcRoiAxis *xs, guint pooled,
    guint groups, guint16 *out)
{
  for (guint py = 0; py < pooled; py++)
    for (guint px = 0; px < pooled; px++, out += groups * FRC_NARROW_GROUP) {
      guint i = 0;
      for (; i + 4 <= groups; i += 4)
        bin_groups (map + i * FRC_NARROW_GROUP, ys, xs, py, px, out + i * FRC_NARROW_GROUP, 4);
      for (; i < groups; i++)
        bin_groups (map + i * FRC_NARROW_GROUP, ys, xs, py, px, out + i * FRC_NARROW_GROUP, 1);
    }
}

#define OTHERS                                                                                    \
  finish_avx512, convert_avx512, widen_avx512, quantize_avx512, frc_narrow_depthwise_row_avx512,  \
      frc_narrow_max_row_avx512, frc_narrow_average_row_avx512, mean_avx512, scale_row_avx512,    \
      add_row_avx512, roi_avx512

const FrcNarrowKernels frc_narrow_avx512 = {"bf16 avx512", "gemm bf16 avx512", "gemm int8 avx512", NULL,
  NULL, block_avx512, block_int8_avx512, OTHERS};

#ifdef FRC_AMX
const FrcNarrowKernels frc_narrow_amx = {"bf16 avx512", "gemm bf16 amx", "gemm int8 amx",
  frc_narrow_begin_amx, frc_narrow_end_amx, frc_narrow_block_amx, frc_narrow_block_int8_amx, OTHERS};
#endif
