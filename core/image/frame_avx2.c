/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frame_vector.h"

/* 8 pixels of one half of each 128-bit lane, as bytes around 0 twice in a 16-bit lane. */
typedef struct {
  __m256i r, g, b;
} Colours;

INLINE Colours
convert16 (__m256i y, __m256i u, __m256i v, const FrcYuvMatrix *matrix)
{
  __m256i luma = _mm256_mulhi_epi16 (y, _mm256_set1_epi16 (matrix->y));
  __m256i green = _mm256_add_epi16 (_mm256_mulhi_epi16 (u, _mm256_set1_epi16 (matrix->u_g)),
      _mm256_mulhi_epi16 (v, _mm256_set1_epi16 (matrix->v_g)));

  return (Colours){
    _mm256_add_epi16 (luma, _mm256_mulhi_epi16 (v, _mm256_set1_epi16 (matrix->v_r))),
    _mm256_add_epi16 (luma, green),
    _mm256_add_epi16 (luma, _mm256_mulhi_epi16 (u, _mm256_set1_epi16 (matrix->u_b)))};
}

static void
yuv_avx2 (const guint8 *y_source, const guint8 *u_row, const guint8 *v_row,
    const FrcYuvMatrix *matrix, guint8 *rgbx, guint n)
{
  const __m256i sign = _mm256_set1_epi8 ((char) 0x80), zero = _mm256_setzero_si256 ();
  guint8 copy[32] = {0};

  for (guint i = 0; i < n; i += 32) {
    __m256i y = load256 (source_or_copy (y_source + i, n - i, 32, copy));
    __m256i u = _mm256_xor_si256 (load256 (u_row + i), sign);
    __m256i v = _mm256_xor_si256 (load256 (v_row + i), sign);
    y = _mm256_xor_si256 (y, sign);
    Colours low = convert16 (_mm256_unpacklo_epi8 (y, y), _mm256_unpacklo_epi8 (u, u),
        _mm256_unpacklo_epi8 (v, v), matrix);
    Colours high = convert16 (_mm256_unpackhi_epi8 (y, y), _mm256_unpackhi_epi8 (u, u),
        _mm256_unpackhi_epi8 (v, v), matrix);
    __m256i r = _mm256_xor_si256 (_mm256_packs_epi16 (low.r, high.r), sign);
    __m256i g = _mm256_xor_si256 (_mm256_packs_epi16 (low.g, high.g), sign);
    __m256i b = _mm256_xor_si256 (_mm256_packs_epi16 (low.b, high.b), sign);
    __m256i rg_low = _mm256_unpacklo_epi8 (r, g), rg_high = _mm256_unpackhi_epi8 (r, g);
    __m256i b_low = _mm256_unpacklo_epi8 (b, zero), b_high = _mm256_unpackhi_epi8 (b, zero);
    __m256i p0 = _mm256_unpacklo_epi16 (rg_low, b_low), p1 = _mm256_unpackhi_epi16 (rg_low, b_low);
    __m256i p2 = _mm256_unpacklo_epi16 (rg_high, b_high);
    __m256i p3 = _mm256_unpackhi_epi16 (rg_high, b_high);
    guint8 *out = rgbx + 4 * i;
    store256 (out, _mm256_permute2x128_si256 (p0, p1, 0x20));
    if (i + 8 < n)
      store256 (out + 32, _mm256_permute2x128_si256 (p2, p3, 0x20));
    if (i + 16 < n)
      store256 (out + 64, _mm256_permute2x128_si256 (p0, p1, 0x31));
    if (i + 24 < n)
      store256 (out + 96, _mm256_permute2x128_si256 (p2, p3, 0x31));
  }
}

/* The left and the right pixel at @offset, between the two rows. */
INLINE __m256
lerp_pair (const FrcLerpRow *row, guint32 offset, __m256 y_fraction)
{
  __m128i top = _mm_loadl_epi64 ((const __m128i *) (row->top + offset));
  __m128i bottom = _mm_loadl_epi64 ((const __m128i *) (row->bottom + offset));
  __m256 above = _mm256_cvtepi32_ps (_mm256_cvtepu8_epi32 (top));
  __m256 below = _mm256_cvtepi32_ps (_mm256_cvtepu8_epi32 (bottom));

  return _mm256_fmadd_ps (y_fraction, _mm256_sub_ps (below, above), above);
}

static void
lerp_row_avx2 (const FrcLerpRow *row)
{
  const __m256 y_fraction = _mm256_set1_ps (row->y_fraction);
  const __m256 scale = _mm256_broadcast_ps ((const __m128 *) row->scale);
  const __m256 shift = _mm256_broadcast_ps ((const __m128 *) row->shift);
  const __m128i three = _mm_setr_epi32 (-1, -1, -1, 0);
  gfloat *out = row->out;

  for (guint i = 0; i < row->n; i += 2, out += 6) {
    gboolean both = i + 1 < row->n;
    __m256 first = lerp_pair (row, row->offset[i], y_fraction);
    __m256 second = both ? lerp_pair (row, row->offset[i + 1], y_fraction) : first;
    __m256 fraction = both ? _mm256_loadu_ps (row->fraction + 4 * i)
                           : _mm256_set1_ps (row->fraction[4 * i]);
    __m256 left = _mm256_permute2f128_ps (first, second, 0x20);
    __m256 right = _mm256_permute2f128_ps (first, second, 0x31);
    __m256 v = _mm256_fmadd_ps (fraction, _mm256_sub_ps (right, left), left);
    v = _mm256_fmadd_ps (v, scale, shift);
    _mm_maskstore_ps (out, three, _mm256_castps256_ps128 (v));
    if (both)
      _mm_maskstore_ps (out + 3, three, _mm256_extractf128_ps (v, 1));
  }
}

const FrcFrameKernels frc_frame_avx2 = {pixels4_vector, pixels3_vector, split_vector,
  upsample_vector, twice_vector, mix_vector, yuv_avx2, lerp_row_avx2};
