/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the units can do at most: independent multiply-adds that never leave the registers.
 */
#include "check.h"

#define CHAINS 12 /* more than latency × units */

#ifdef __x86_64__
/* Registers 4 … 15 accumulate products of 0, which stays fast and finite. */
#define CHAIN(r, n) "vfmadd231ps %%" r "0, %%" r "1, %%" r n "\n\t"
#define CHAINS_12(r)                                                                    \
  CHAIN (r, "4") CHAIN (r, "5") CHAIN (r, "6") CHAIN (r, "7") CHAIN (r, "8")            \
  CHAIN (r, "9") CHAIN (r, "10") CHAIN (r, "11") CHAIN (r, "12") CHAIN (r, "13")        \
  CHAIN (r, "14") CHAIN (r, "15")
#define PEAK(r)                                                                         \
  __asm__ volatile ("vzeroall\n1:\n\t" CHAINS_12 (r) "dec %0\n\tjnz 1b\n\tvzeroupper" \
      : "+r"(steps)::"xmm0", "xmm1", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",    \
      "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "cc")

static void
peak_avx512 (gsize steps)
{
  PEAK ("zmm");
}

static void
peak_avx2 (gsize steps)
{
  PEAK ("ymm");
}
#endif

static void
peak_scalar (gsize steps)
{
  volatile gfloat out;
  gfloat sum[CHAINS] = {0};

  for (gsize n = 0; n < steps; n++)
    for (guint i = 0; i < CHAINS; i++)
      sum[i] = sum[i] * 0.5f + 0.5f;
  for (guint i = 0; i < CHAINS; i++)
    out = sum[i];
  (void) out;
}

void
check_peak_run (const char *kernels, gsize steps)
{
#ifdef __x86_64__
  if (g_str_equal (kernels, "avx512")) {
    peak_avx512 (steps);
    return;
  }
  if (g_str_equal (kernels, "avx2")) {
    peak_avx2 (steps);
    return;
  }
#endif
  peak_scalar (steps);
}

gdouble
check_peak_flops (const char *kernels)
{
  guint lanes = g_str_equal (kernels, "avx512") ? 16 : g_str_equal (kernels, "avx2") ? 8 : 1;

  return 2.0 * CHAINS * lanes;
}

void
check_stream_read (const gfloat *p, gsize floats)
{
  volatile guint32 out;
  const guint32 *word = (const guint32 *) p;
  guint32 any[4] = {0};
  gsize i = 0;

  for (; i + 64 <= floats; i += 64)
    for (guint j = 0; j < 4; j++)
      any[j] |= word[i + 16 * j];
  for (; i < floats; i += 16)
    any[0] |= word[i];
  out = any[0] | any[1] | any[2] | any[3];
  (void) out;
}
