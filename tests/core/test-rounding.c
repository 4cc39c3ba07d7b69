/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Rounding of filters to 16 bits, against the neighbours that arithmetic gives.
 */
#include "core/model/rounding.h"
#include "core/model/weights-private.h"

#include <math.h>
#ifdef __SSE__
#include <xmmintrin.h>
#endif

static gfloat
widen (guint16 bits, FrcDtype dtype)
{
  return dtype == FRC_DTYPE_F16 ? frc_f32_from_f16 (bits) : frc_f32_from_bf16 (bits);
}

/* Distance between a normal number's 16-bit neighbours: 11 or 8 bits of significand. */
static gfloat
unit (gfloat value, FrcDtype dtype)
{
  int exponent;

  frexpf (value, &exponent);
  exponent -= dtype == FRC_DTYPE_F16 ? 11 : 8;
  return ldexpf (1, dtype == FRC_DTYPE_F16 ? MAX (exponent, -24) : exponent);
}

/* Distance from @bits to the neighbour on the other side of @value. */
static gfloat
step_over (guint16 bits, gfloat value, FrcDtype dtype)
{
  gfloat rounded = widen (bits, dtype);
  guint16 other = fabsf (value) > fabsf (rounded) ? bits + 1 : bits - 1;

  return fabsf (widen (other, dtype) - rounded);
}

/* Each value is one of its two neighbours; the sum of a filter's errors is no worse than nearest
 * rounding's; and while it still has that sign, no value that was left at its nearest neighbour
 * could bring it nearer to zero: its step is at least twice the sum. */
static void
check_filters (FrcDtype dtype)
{
  guint n_moved = 0;

  for (guint round = 0; round < 200; round++) {
    guint n = g_test_rand_int_range (1, 400);
    gfloat in[400];
    guint16 plain[400], out[400];
    FrcRoundingMove moves[400];
    gdouble sum = 0, nearest_sum = 0;
    for (guint i = 0; i < n; i++)
      in[i] = (gfloat) g_test_rand_double_range (-1, 1) * (round % 2 ? 0.1f : 1e-3f);
    frc_round_filter (in, n, dtype, moves, out);
    for (guint i = 0; i < n; i++) {
      plain[i] = dtype == FRC_DTYPE_F16 ? frc_f16_from_f32 (in[i]) : frc_bf16_from_f32 (in[i]);
      g_assert_cmpfloat (fabsf (widen (out[i], dtype) - in[i]), <=, unit (in[i], dtype));
      sum += (gdouble) widen (out[i], dtype) - in[i];
      nearest_sum += (gdouble) widen (plain[i], dtype) - in[i];
      n_moved += out[i] != plain[i];
    }
    g_assert_cmpfloat (fabs (sum), <=, fabs (nearest_sum));
    for (guint i = 0; i < n && sum * nearest_sum > 0; i++)
      if (out[i] == plain[i] && (widen (out[i], dtype) - in[i]) * sum > 0)
        g_assert_cmpfloat (fabs (sum), <=, step_over (out[i], in[i], dtype) / 2 + 1e-12);
  }
  g_assert_cmpuint (n_moved, >, 200);
}

static void
test_f16 (void)
{
  check_filters (FRC_DTYPE_F16);
}

static void
test_bf16 (void)
{
  check_filters (FRC_DTYPE_BF16);
}

/* ⅓ of the way up three times: nearest is down each time, −1 unit in all; one goes up instead. */
static void
test_closed_form (void)
{
  const gfloat u = 1 / 1024.0f, in[] = { 1 + u / 3, 1 + u / 3, 1 + u / 3, 5, 0 };
  FrcRoundingMove moves[5];
  guint16 out[5];
  gdouble sum = 0;

  frc_round_filter (in, 5, FRC_DTYPE_F16, moves, out);
  for (guint i = 0; i < 3; i++)
    sum += frc_f32_from_f16 (out[i]);
  g_assert_cmpfloat (fabs (sum - 3 - u), <, 1e-6);
  g_assert_cmpfloat (frc_f32_from_f16 (out[3]), ==, 5); /* exact values stay */
  g_assert_cmpfloat (frc_f32_from_f16 (out[4]), ==, 0);
}

/* What has no finite sum is rounded to nearest; nothing is moved to infinity. */
static void
test_not_finite (void)
{
  const gfloat in[] = { INFINITY, 1.0001f, 65504 }, large[] = { 65503, 65503, 65503 };
  FrcRoundingMove moves[3];
  guint16 out[3];

  frc_round_filter (in, 3, FRC_DTYPE_F16, moves, out);
  g_assert_cmphex (out[0], ==, 0x7c00);
  g_assert_cmphex (out[1], ==, 0x3c00);
  frc_round_filter (large, 3, FRC_DTYPE_F16, moves, out);
  for (guint i = 0; i < 3; i++)
    g_assert_true (isfinite (frc_f32_from_f16 (out[i])));
}

/* Numbers so small that steps are denormals: it ends, whether those are flushed or not. */
static void
test_denormal (void)
{
  gfloat in[64];
  FrcRoundingMove moves[64];
  guint16 out[64];

  for (guint i = 0; i < 64; i++)
    in[i] = 1e-39f * (gfloat) (i + 1) / 7;
  frc_round_filter (in, 64, FRC_DTYPE_BF16, moves, out);
#ifdef __SSE__
  guint control = _mm_getcsr ();
  _mm_setcsr (control | 0x8040);
  frc_round_filter (in, 64, FRC_DTYPE_BF16, moves, out);
  for (guint i = 0; i < 64; i++)
    in[i] = 1.2e-38f * (1 + (gfloat) i / 300);
  frc_round_filter (in, 64, FRC_DTYPE_BF16, moves, out);
  _mm_setcsr (control);
#endif
  for (guint i = 0; i < 64; i++)
    g_assert_cmpfloat (fabsf (widen (out[i], FRC_DTYPE_BF16)), <, 2e-38f);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/rounding/f16", test_f16);
  g_test_add_func ("/rounding/bf16", test_bf16);
  g_test_add_func ("/rounding/closed-form", test_closed_form);
  g_test_add_func ("/rounding/not-finite", test_not_finite);
  g_test_add_func ("/rounding/denormal", test_denormal);
  return g_test_run ();
}
