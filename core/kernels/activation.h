/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Activations in plain C and for each vector type that the including source is compiled for. NaN
 * stays NaN, as in torch. The switch is on a value that is constant over a layer.
 */
#ifndef FRC_ACTIVATION_H
#define FRC_ACTIVATION_H

#include "kernels.h"

static inline gfloat
frc_activate (gfloat x, FrcActivation activation)
{
  gfloat y = x;

  switch (activation) {
    case FRC_ACT_NONE:
      return x;
    case FRC_ACT_RELU:
      return x < 0 ? 0 : x;
    case FRC_ACT_RELU6:
      return x < 0 ? 0 : x > 6 ? 6 : x;
    default:
      y = x + 3;
      y = (y < 0 ? 0 : y > 6 ? 6 : y) * (1.0f / 6);
      return activation == FRC_ACT_HARDSWISH ? x * y : y;
  }
}

#ifdef __AVX2__
#include <immintrin.h>

/* maxps and minps return their second operand when one is NaN. */
static inline __m256
frc_activate_m256 (__m256 x, FrcActivation activation)
{
  const __m256 zero = _mm256_setzero_ps (), six = _mm256_set1_ps (6);
  __m256 y;

  switch (activation) {
    case FRC_ACT_NONE:
      return x;
    case FRC_ACT_RELU:
      return _mm256_max_ps (zero, x);
    case FRC_ACT_RELU6:
      return _mm256_min_ps (six, _mm256_max_ps (zero, x));
    default:
      y = _mm256_add_ps (x, _mm256_set1_ps (3));
      y = _mm256_min_ps (six, _mm256_max_ps (zero, y));
      y = _mm256_mul_ps (y, _mm256_set1_ps (1.0f / 6));
      return activation == FRC_ACT_HARDSWISH ? _mm256_mul_ps (x, y) : y;
  }
}
#endif

#ifdef __AVX512F__
static inline __m512
frc_activate_m512 (__m512 x, FrcActivation activation)
{
  const __m512 zero = _mm512_setzero_ps (), six = _mm512_set1_ps (6);
  __m512 y;

  switch (activation) {
    case FRC_ACT_NONE:
      return x;
    case FRC_ACT_RELU:
      return _mm512_max_ps (zero, x);
    case FRC_ACT_RELU6:
      return _mm512_min_ps (six, _mm512_max_ps (zero, x));
    default:
      y = _mm512_add_ps (x, _mm512_set1_ps (3));
      y = _mm512_min_ps (six, _mm512_max_ps (zero, y));
      y = _mm512_mul_ps (y, _mm512_set1_ps (1.0f / 6));
      return activation == FRC_ACT_HARDSWISH ? _mm512_mul_ps (x, y) : y;
  }
}
#endif

#endif
