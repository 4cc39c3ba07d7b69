/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frame_vector.h"

typedef struct {
  __m512i r, g, b;
} Colours;

/* 32 pixels: bytes around 0, each twice in a 16-bit lane. */
INLINE Colours
convert32 (__m512i y, __m512i u, __m512i v, const FrcYuvMatrix *matrix)
{
  __m512i luma = _mm512_mulhi_epi16 (y, _mm512_set1_epi16 (matrix->y));
  __m512i green = _mm512_add_epi16 (_mm512_mulhi_epi16 (u, _mm512_set1_epi16 (matrix->u_g)),
      _mm512_mulhi_epi16 (v, _mm512_set1_epi16 (matrix->v_g)));

  return (Colours){
    _mm512_add_epi16 (luma, _mm512_mulhi_epi16 (v, _mm512_set1_epi16 (matrix->v_r))),
    _mm512_add_epi16 (luma, green),
    _mm512_add_epi16 (luma, _mm512_mulhi_epi16 (u, _mm512_set1_epi16 (matrix->u_b)))};
}

/* @p: four vectors whose lane l holds pixels 16 l + 4 (index) …; stores the first @n of the 64. */
INLINE void
store_pixels (guint8 *out, const __m512i p[4], guint n)
{
  __m512i a = _mm512_shuffle_i32x4 (p[0], p[1], 0x44), b = _mm512_shuffle_i32x4 (p[2], p[3], 0x44);
  __m512i c = _mm512_shuffle_i32x4 (p[0], p[1], 0xee), d = _mm512_shuffle_i32x4 (p[2], p[3], 0xee);
  const __m512i ordered[4] = {_mm512_shuffle_i32x4 (a, b, 0x88), _mm512_shuffle_i32x4 (a, b, 0xdd),
    _mm512_shuffle_i32x4 (c, d, 0x88), _mm512_shuffle_i32x4 (c, d, 0xdd)};

  for (guint i = 0; i < 4 && 16 * i < n; i++)
    _mm512_storeu_si512 (out + 64 * i, ordered[i]);
}

static void
yuv_avx512 (const guint8 *y_source, const guint8 *u_row, const guint8 *v_row,
    const FrcYuvMatrix *matrix, guint8 *rgbx, guint n)
{
  const __m512i sign = _mm512_set1_epi8 ((char) 0x80), zero = _mm512_setzero_si512 ();

  for (guint i = 0; i < n; i += 64) {
    __mmask64 mask = n - i < 64 ? G_MAXUINT64 >> (64 - (n - i)) : G_MAXUINT64;
    __m512i y = _mm512_xor_si512 (_mm512_maskz_loadu_epi8 (mask, y_source + i), sign);
    __m512i u = _mm512_xor_si512 (_mm512_maskz_loadu_epi8 (mask, u_row + i), sign);
    __m512i v = _mm512_xor_si512 (_mm512_maskz_loadu_epi8 (mask, v_row + i), sign);
    Colours low = convert32 (_mm512_unpacklo_epi8 (y, y), _mm512_unpacklo_epi8 (u, u),
        _mm512_unpacklo_epi8 (v, v), matrix);
    Colours high = convert32 (_mm512_unpackhi_epi8 (y, y), _mm512_unpackhi_epi8 (u, u),
        _mm512_unpackhi_epi8 (v, v), matrix);
    __m512i r = _mm512_xor_si512 (_mm512_packs_epi16 (low.r, high.r), sign);
    __m512i g = _mm512_xor_si512 (_mm512_packs_epi16 (low.g, high.g), sign);
    __m512i b = _mm512_xor_si512 (_mm512_packs_epi16 (low.b, high.b), sign);
    __m512i rg_low = _mm512_unpacklo_epi8 (r, g), rg_high = _mm512_unpackhi_epi8 (r, g);
    __m512i b_low = _mm512_unpacklo_epi8 (b, zero), b_high = _mm512_unpackhi_epi8 (b, zero);
    const __m512i pixels[4] = {_mm512_unpacklo_epi16 (rg_low, b_low),
      _mm512_unpackhi_epi16 (rg_low, b_low), _mm512_unpacklo_epi16 (rg_high, b_high),
      _mm512_unpackhi_epi16 (rg_high, b_high)};
    store_pixels (rgbx + 4 * i, pixels, n - i);
  }
}

/* Left and right pixels at two offsets, between the two rows: left, right, left, right. */
INLINE __m512
lerp_pairs (const FrcLerpRow *row, guint32 first, guint32 second, __m512 y_fraction)
{
  __m128i top = _mm_loadl_epi64 ((const __m128i *) (row->top + first));
  __m128i bottom = _mm_loadl_epi64 ((const __m128i *) (row->bottom + first));

  top = _mm_castps_si128 (_mm_loadh_pi (_mm_castsi128_ps (top),
      (const __m64 *) (row->top + second)));
  bottom = _mm_castps_si128 (_mm_loadh_pi (_mm_castsi128_ps (bottom),
      (const __m64 *) (row->bottom + second)));
  __m512 above = _mm512_cvtepi32_ps (_mm512_cvtepu8_epi32 (top));
  __m512 below = _mm512_cvtepi32_ps (_mm512_cvtepu8_epi32 (bottom));
  return _mm512_fmadd_ps (y_fraction, _mm512_sub_ps (below, above), above);
}

/* Four output pixels; @at: their offsets. */
INLINE __m512
lerp_four (const FrcLerpRow *row, const guint32 at[4], __m512 fraction, __m512 y_fraction)
{
  __m512 first = lerp_pairs (row, at[0], at[1], y_fraction);
  __m512 second = lerp_pairs (row, at[2], at[3], y_fraction);
  __m512 left = _mm512_shuffle_f32x4 (first, second, 0x88);
  __m512 right = _mm512_shuffle_f32x4 (first, second, 0xdd);

  return _mm512_fmadd_ps (fraction, _mm512_sub_ps (right, left), left);
}

static void
lerp_row_avx512 (const FrcLerpRow *row)
{
  const __m512i three = _mm512_setr_epi32 (0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 15, 15, 15, 15);
  const __m512 y_fraction = _mm512_set1_ps (row->y_fraction);
  const __m512 scale = _mm512_broadcast_f32x4 (_mm_loadu_ps (row->scale));
  const __m512 shift = _mm512_broadcast_f32x4 (_mm_loadu_ps (row->shift));
  guint n = row->n, i = 0;

  for (; i + 4 <= n; i += 4) {
    __m512 fraction = _mm512_loadu_ps (row->fraction + 4 * i);
    __m512 v = lerp_four (row, row->offset + i, fraction, y_fraction);
    v = _mm512_permutexvar_ps (three, _mm512_fmadd_ps (v, scale, shift));
    _mm512_mask_storeu_ps (row->out + 3 * i, 0x0fff, v);
  }
  if (i < n) {
    guint rest = n - i;
    const guint32 at[4] = {row->offset[i], row->offset[MIN (i + 1, n - 1)], row->offset[n - 1],
      row->offset[n - 1]};
    __mmask16 lanes = (__mmask16) (0xffffu >> (16 - 4 * rest));
    __m512 fraction = _mm512_maskz_loadu_ps (lanes, row->fraction + 4 * i);
    __m512 v = lerp_four (row, at, fraction, y_fraction);
    v = _mm512_permutexvar_ps (three, _mm512_fmadd_ps (v, scale, shift));
    _mm512_mask_storeu_ps (row->out + 3 * i, (__mmask16) (0xffffu >> (16 - 3 * rest)), v);
  }
}

const FrcFrameKernels frc_frame_avx512 = {pixels4_vector, pixels3_vector, split_vector,
  upsample_vector, twice_vector, mix_vector, yuv_avx512, lerp_row_avx512};
