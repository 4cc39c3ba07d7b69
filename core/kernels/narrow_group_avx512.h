/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A group of 32 narrow channels in registers: the even ones and the odd ones, as f32.
 */
#ifndef FRC_NARROW_GROUP_AVX512_H
#define FRC_NARROW_GROUP_AVX512_H

#include "activation.h"
#include "narrow_table.h"

#define INLINE static inline __attribute__ ((always_inline, unused))
#define UNROLL _Pragma ("GCC unroll 32")

typedef struct {
  __m512 even, odd;
} Group;

INLINE Group
group_load (const guint16 *p)
{
  __m512i v = _mm512_loadu_si512 (p);

  return (Group){_mm512_castsi512_ps (_mm512_slli_epi32 (v, 16)),
    _mm512_castsi512_ps (_mm512_and_si512 (v, _mm512_set1_epi32 ((gint) 0xffff0000)))};
}

INLINE Group
group_load_wide (const gfloat *p)
{
  return (Group){_mm512_loadu_ps (p), _mm512_loadu_ps (p + 16)};
}

INLINE void
group_store (guint16 *p, Group g)
{
  const __m512i alternate = _mm512_set_epi16 (31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9,
      24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);

  _mm512_storeu_si512 (p, _mm512_permutexvar_epi16 (alternate,
      (__m512i) _mm512_cvtne2ps_pbh (g.odd, g.even)));
}

INLINE Group
group_fma (Group a, Group b, Group sum)
{
  return (Group){_mm512_fmadd_ps (a.even, b.even, sum.even),
    _mm512_fmadd_ps (a.odd, b.odd, sum.odd)};
}

INLINE Group
group_activate (Group g, FrcActivation activation)
{
  return (Group){frc_activate_m512 (g.even, activation), frc_activate_m512 (g.odd, activation)};
}

INLINE Group
group_all (gfloat v)
{
  return (Group){_mm512_set1_ps (v), _mm512_set1_ps (v)};
}

/* The greater one; a NaN in either wins. */
INLINE __m512
greater (__m512 most, __m512 v)
{
  return _mm512_mask_mov_ps (_mm512_max_ps (v, most), _mm512_cmp_ps_mask (v, v, _CMP_UNORD_Q), v);
}

#endif
