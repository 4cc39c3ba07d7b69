/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The few vector operations that the channel-wise kernels need, for the instruction set that the
 * including source is compiled for. *_vector.h are those kernels, written once in these terms.
 */
#ifndef FRC_VECTOR_H
#define FRC_VECTOR_H

#include "activation.h"

#define INLINE static inline __attribute__ ((always_inline, unused))

#ifdef __AVX512F__
#define LANES 16
typedef __m512 Vec;
typedef __mmask16 VecMask;

/* The first @n lanes, 1 ≤ n ≤ LANES. */
INLINE VecMask
vec_mask (guint n)
{
  return (VecMask) (0xffffu >> (LANES - n));
}

INLINE Vec
vec_load (const gfloat *p)
{
  return _mm512_loadu_ps (p);
}

INLINE Vec
vec_load_part (const gfloat *p, VecMask mask)
{
  return _mm512_maskz_loadu_ps (mask, p);
}

INLINE void
vec_store (gfloat *p, Vec v)
{
  _mm512_storeu_ps (p, v);
}

INLINE void
vec_store_part (gfloat *p, VecMask mask, Vec v)
{
  _mm512_mask_storeu_ps (p, mask, v);
}

INLINE Vec
vec_all (gfloat v)
{
  return _mm512_set1_ps (v);
}

INLINE Vec
vec_add (Vec a, Vec b)
{
  return _mm512_add_ps (a, b);
}

INLINE Vec
vec_sub (Vec a, Vec b)
{
  return _mm512_sub_ps (a, b);
}

INLINE Vec
vec_mul (Vec a, Vec b)
{
  return _mm512_mul_ps (a, b);
}

INLINE Vec
vec_div (Vec a, Vec b)
{
  return _mm512_div_ps (a, b);
}

INLINE Vec
vec_sqrt (Vec v)
{
  return _mm512_sqrt_ps (v);
}

INLINE Vec
vec_fma (Vec a, Vec b, Vec sum)
{
  return _mm512_fmadd_ps (a, b, sum);
}

/* Of vectors without NaN. */
INLINE Vec
vec_lower (Vec a, Vec b)
{
  return _mm512_min_ps (a, b);
}

INLINE Vec
vec_upper (Vec a, Vec b)
{
  return _mm512_max_ps (a, b);
}

/* Bit i: lane i of @a is greater. */
INLINE guint
vec_greater_bits (Vec a, Vec b)
{
  return _mm512_cmp_ps_mask (a, b, _CMP_GT_OQ);
}

/* The greater one; a NaN in either wins. */
INLINE Vec
vec_max (Vec most, Vec v)
{
  Vec greater = _mm512_max_ps (v, most);

  return _mm512_mask_mov_ps (greater, _mm512_cmp_ps_mask (v, v, _CMP_UNORD_Q), v);
}

/* What tells whether all vectors added were free of NaN. */
typedef __mmask16 VecOrder;

INLINE VecOrder
vec_order_start (void)
{
  return 0xffff;
}

INLINE VecOrder
vec_order_add (VecOrder order, Vec a, Vec b)
{
  return _mm512_mask_cmp_ps_mask (order, a, b, _CMP_ORD_Q);
}

INLINE VecOrder
vec_order_both (VecOrder a, VecOrder b)
{
  return a & b;
}

INLINE gboolean
vec_order_holds (VecOrder order)
{
  return order == 0xffff;
}

INLINE Vec
vec_activate (Vec v, FrcActivation activation)
{
  return frc_activate_m512 (v, activation);
}

/* Lane i becomes lane index[i] of @v. */
typedef __m512i VecIndex;

INLINE VecIndex
vec_index_load (const gint32 *p)
{
  return _mm512_loadu_si512 (p);
}

INLINE Vec
vec_permute (Vec v, VecIndex index)
{
  return _mm512_permutexvar_ps (index, v);
}

/* Lane i becomes lane index[i] of @a, or from LANES on of @b. */
INLINE Vec
vec_permute_two (Vec a, Vec b, VecIndex index)
{
  return _mm512_permutex2var_ps (a, index, b);
}

/* Four floats again and again; without the last of them, which is not read. */
INLINE Vec
vec_fours (const gfloat *p)
{
  return _mm512_broadcast_f32x4 (_mm_loadu_ps (p));
}

INLINE Vec
vec_threes (const gfloat *p)
{
  return _mm512_broadcast_f32x4 (_mm_maskz_loadu_ps (7, p));
}

/* Two halves of doubles. */
typedef struct {
  __m512d low, high;
} VecDouble;

INLINE VecDouble
vec_double_zero (void)
{
  return (VecDouble){_mm512_setzero_pd (), _mm512_setzero_pd ()};
}

INLINE VecDouble
vec_double_add (VecDouble sum, Vec v)
{
  sum.low = _mm512_add_pd (sum.low, _mm512_cvtps_pd (_mm512_castps512_ps256 (v)));
  sum.high = _mm512_add_pd (sum.high, _mm512_cvtps_pd (_mm512_extractf32x8_ps (v, 1)));
  return sum;
}

INLINE Vec
vec_double_divide (VecDouble sum, gdouble by)
{
  __m256 low = _mm512_cvtpd_ps (_mm512_div_pd (sum.low, _mm512_set1_pd (by)));
  __m256 high = _mm512_cvtpd_ps (_mm512_div_pd (sum.high, _mm512_set1_pd (by)));

  return _mm512_insertf32x8 (_mm512_castps256_ps512 (low), high, 1);
}

#else /* AVX2 */
#define LANES 8
typedef __m256 Vec;
typedef __m256i VecMask;

INLINE VecMask
vec_mask (guint n)
{
  return _mm256_cmpgt_epi32 (_mm256_set1_epi32 ((gint) n),
      _mm256_setr_epi32 (0, 1, 2, 3, 4, 5, 6, 7));
}

INLINE Vec
vec_load (const gfloat *p)
{
  return _mm256_loadu_ps (p);
}

INLINE Vec
vec_load_part (const gfloat *p, VecMask mask)
{
  return _mm256_maskload_ps (p, mask);
}

INLINE void
vec_store (gfloat *p, Vec v)
{
  _mm256_storeu_ps (p, v);
}

INLINE void
vec_store_part (gfloat *p, VecMask mask, Vec v)
{
  _mm256_maskstore_ps (p, mask, v);
}

INLINE Vec
vec_all (gfloat v)
{
  return _mm256_set1_ps (v);
}

INLINE Vec
vec_add (Vec a, Vec b)
{
  return _mm256_add_ps (a, b);
}

INLINE Vec
vec_sub (Vec a, Vec b)
{
  return _mm256_sub_ps (a, b);
}

INLINE Vec
vec_mul (Vec a, Vec b)
{
  return _mm256_mul_ps (a, b);
}

INLINE Vec
vec_div (Vec a, Vec b)
{
  return _mm256_div_ps (a, b);
}

INLINE Vec
vec_sqrt (Vec v)
{
  return _mm256_sqrt_ps (v);
}

INLINE Vec
vec_fma (Vec a, Vec b, Vec sum)
{
  return _mm256_fmadd_ps (a, b, sum);
}

INLINE Vec
vec_lower (Vec a, Vec b)
{
  return _mm256_min_ps (a, b);
}

INLINE Vec
vec_upper (Vec a, Vec b)
{
  return _mm256_max_ps (a, b);
}

INLINE guint
vec_greater_bits (Vec a, Vec b)
{
  return (guint) _mm256_movemask_ps (_mm256_cmp_ps (a, b, _CMP_GT_OQ));
}

INLINE Vec
vec_max (Vec most, Vec v)
{
  Vec greater = _mm256_max_ps (v, most);

  return _mm256_blendv_ps (greater, v, _mm256_cmp_ps (v, v, _CMP_UNORD_Q));
}

typedef __m256 VecOrder;

INLINE VecOrder
vec_order_start (void)
{
  return _mm256_setzero_ps ();
}

INLINE VecOrder
vec_order_add (VecOrder order, Vec a, Vec b)
{
  return _mm256_or_ps (order, _mm256_cmp_ps (a, b, _CMP_UNORD_Q));
}

INLINE VecOrder
vec_order_both (VecOrder a, VecOrder b)
{
  return _mm256_or_ps (a, b);
}

INLINE gboolean
vec_order_holds (VecOrder order)
{
  return _mm256_movemask_ps (order) == 0;
}

INLINE Vec
vec_activate (Vec v, FrcActivation activation)
{
  return frc_activate_m256 (v, activation);
}

typedef __m256i VecIndex;

INLINE VecIndex
vec_index_load (const gint32 *p)
{
  return _mm256_loadu_si256 ((const __m256i *) p);
}

INLINE Vec
vec_permute (Vec v, VecIndex index)
{
  return _mm256_permutevar8x32_ps (v, index);
}

typedef struct {
  __m256d low, high;
} VecDouble;

INLINE VecDouble
vec_double_zero (void)
{
  return (VecDouble){_mm256_setzero_pd (), _mm256_setzero_pd ()};
}

INLINE VecDouble
vec_double_add (VecDouble sum, Vec v)
{
  sum.low = _mm256_add_pd (sum.low, _mm256_cvtps_pd (_mm256_castps256_ps128 (v)));
  sum.high = _mm256_add_pd (sum.high, _mm256_cvtps_pd (_mm256_extractf128_ps (v, 1)));
  return sum;
}

INLINE Vec
vec_double_divide (VecDouble sum, gdouble by)
{
  __m128 low = _mm256_cvtpd_ps (_mm256_div_pd (sum.low, _mm256_set1_pd (by)));
  __m128 high = _mm256_cvtpd_ps (_mm256_div_pd (sum.high, _mm256_set1_pd (by)));

  return _mm256_insertf128_ps (_mm256_castps128_ps256 (low), high, 1);
}
#endif

/* @part: a constant; only then @mask counts. */
INLINE Vec
vec_get (const gfloat *p, VecMask mask, const gboolean part)
{
  return part ? vec_load_part (p, mask) : vec_load (p);
}

INLINE void
vec_put (gfloat *p, VecMask mask, const gboolean part, Vec v)
{
  if (part)
    vec_store_part (p, mask, v);
  else
    vec_store (p, v);
}

/* Of memory that need not be there. */
INLINE void
vec_prefetch (const gfloat *p)
{
  __builtin_prefetch (p);
}

/* @v as it is: the compiler may not fuse the product that it is with a sum, nor load it again. */
INLINE Vec
vec_rounded (Vec v)
{
  __asm__ ("" : "+v" (v));
  return v;
}

#define UNROLL _Pragma ("GCC unroll 32")

#endif
