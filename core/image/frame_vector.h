/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Kernels on rows of bytes in 256-bit vectors, for AVX2 and, where wider vectors gain nothing, for
 * AVX-512. The end of a source row that is shorter than a vector's load is copied first.
 */
#ifndef FRC_FRAME_VECTOR_H
#define FRC_FRAME_VECTOR_H

#include "frame_kernels.h"

#include <immintrin.h>
#include <string.h>

#define INLINE static inline __attribute__ ((always_inline, unused))

INLINE __m256i
load256 (const guint8 *p)
{
  return _mm256_loadu_si256 ((const __m256i *) p);
}

INLINE void
store256 (guint8 *p, __m256i v)
{
  _mm256_storeu_si256 ((__m256i *) p, v);
}

INLINE __m128i
load128 (const guint8 *p)
{
  return _mm_loadu_si128 ((const __m128i *) p);
}

/* @source, or if it holds fewer bytes than a load reads, a copy of what it holds. */
INLINE const guint8 *
source_or_copy (const guint8 *source, gsize holds, const gsize reads, guint8 *copy)
{
  if (holds >= reads)
    return source;
  memcpy (copy, source, holds);
  return copy;
}

static void
pixels4_vector (const guint8 *source, const guint8 order[3], guint8 *rgbx, guint n)
{
  guint8 copy[32] = {0}, pattern[16];

  for (guint i = 0; i < 16; i++)
    pattern[i] = i % 4 == 3 ? 0x80 : order[i % 4] + (i & 12);
  __m256i shuffle = _mm256_broadcastsi128_si256 (load128 (pattern));
  for (guint i = 0; i < n; i += 8) {
    const guint8 *from = source_or_copy (source + 4 * i, 4 * (n - i), 32, copy);
    store256 (rgbx + 4 * i, _mm256_shuffle_epi8 (load256 (from), shuffle));
  }
}

static void
pixels3_vector (const guint8 *source, gboolean swap, guint8 *rgbx, guint n)
{
  const __m128i plain = _mm_setr_epi8 (0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1);
  const __m128i swapped = _mm_setr_epi8 (2, 1, 0, -1, 5, 4, 3, -1, 8, 7, 6, -1, 11, 10, 9, -1);
  __m256i shuffle = _mm256_broadcastsi128_si256 (swap ? swapped : plain);
  guint8 copy[32] = {0};

  for (guint i = 0; i < n; i += 8) {
    const guint8 *from = source_or_copy (source + 3 * i, 3 * (n - i), 28, copy);
    __m256i v = _mm256_inserti128_si256 (_mm256_castsi128_si256 (load128 (from)),
        load128 (from + 12), 1);
    store256 (rgbx + 4 * i, _mm256_shuffle_epi8 (v, shuffle));
  }
}

static void
split_vector (const guint8 *source, guint8 *even, guint8 *odd, guint n)
{
  const __m256i low = _mm256_set1_epi16 (0xff);
  guint8 copy[32] = {0};

  for (guint i = 0; i < n; i += 16) {
    __m256i v = load256 (source_or_copy (source + 2 * i, 2 * (n - i), 32, copy));
    v = _mm256_packus_epi16 (_mm256_and_si256 (v, low), _mm256_srli_epi16 (v, 8));
    v = _mm256_permute4x64_epi64 (v, 0xd8);
    _mm_storeu_si128 ((__m128i *) (even + i), _mm256_castsi256_si128 (v));
    _mm_storeu_si128 ((__m128i *) (odd + i), _mm256_extracti128_si256 (v, 1));
  }
}

/* (3 near + far + 2) / 4 of 16-bit lanes */
INLINE __m256i
three_to_one (__m256i near, __m256i far)
{
  __m256i sum = _mm256_add_epi16 (_mm256_add_epi16 (near, far), _mm256_set1_epi16 (2));

  return _mm256_srli_epi16 (_mm256_add_epi16 (sum, _mm256_add_epi16 (near, near)), 2);
}

static void
upsample_vector (const guint8 *c, guint8 *out, guint n)
{
  for (guint i = 0; i < n; i += 16) {
    __m256i before = _mm256_cvtepu8_epi16 (load128 (c + i - 1));
    __m256i here = _mm256_cvtepu8_epi16 (load128 (c + i));
    __m256i after = _mm256_cvtepu8_epi16 (load128 (c + i + 1));
    __m256i odd = _mm256_slli_epi16 (three_to_one (here, after), 8);
    store256 (out + 2 * i, _mm256_or_si256 (three_to_one (here, before), odd));
  }
}

static void
twice_vector (const guint8 *source, guint8 *out, guint n)
{
  guint8 copy[16] = {0};

  for (guint i = 0; i < n; i += 16) {
    __m256i v = _mm256_cvtepu8_epi16 (load128 (source_or_copy (source + i, n - i, 16, copy)));
    store256 (out + 2 * i, _mm256_or_si256 (v, _mm256_slli_epi16 (v, 8)));
  }
}

static void
mix_vector (guint8 *near, const guint8 *far, guint n)
{
  const __m256i zero = _mm256_setzero_si256 ();

  for (guint i = 0; i < n; i += 32) {
    __m256i a = load256 (near + i), b = load256 (far + i);
    __m256i low = three_to_one (_mm256_unpacklo_epi8 (a, zero), _mm256_unpacklo_epi8 (b, zero));
    __m256i high = three_to_one (_mm256_unpackhi_epi8 (a, zero), _mm256_unpackhi_epi8 (b, zero));
    store256 (near + i, _mm256_packus_epi16 (low, high));
  }
}

#endif
