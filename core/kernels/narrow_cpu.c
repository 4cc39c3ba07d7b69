/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which narrow kernels this build holds and this CPU runs, and the choice.
 */
#include "../frcnn.h"
#include "narrow_table.h"

#ifdef FRC_AMX
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ARCH_REQ_XCOMP_PERM 0x1023
#define XFEATURE_XTILEDATA 18

/* CPUID 7.0, EDX: AMX-BF16 22, AMX-TILE 24, AMX-INT8 25. */
gboolean
frc_cpu_has_tiles (void)
{
  const guint needed = 1u << 22 | 1u << 24 | 1u << 25;
  guint a, b, c, d;

  return __get_cpuid_count (7, 0, &a, &b, &c, &d) && (d & needed) == needed;
}

/* Linux gives tile registers to a process that asks, all of its threads at once. What changes for
 * the host: a signal that comes while tiles are in use needs 8 KiB more stack. Linux refuses where a
 * thread's alternate signal stack is too small for that. */
static gboolean
may_use_tiles (void)
{
  static gsize answer; /* 1: no, 2: yes */

  if (g_once_init_enter (&answer))
    g_once_init_leave (&answer, frc_cpu_has_tiles () &&
        syscall (SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0 ? 2 : 1);
  return answer == 2;
}
#else
gboolean
frc_cpu_has_tiles (void)
{
  return FALSE;
}
#endif

/* See narrow.h. */
const FrcNarrowKernels *
frc_narrow_kernels (const FrcKernels *kernels, GError **error)
{
  const char *name = frc_kernels_name (kernels);

  if (g_str_equal (name, "scalar"))
    return &frc_narrow_scalar;
#ifdef FRC_AMX
  if (kernels->tiles && may_use_tiles ())
    return &frc_narrow_amx;
#endif
#ifdef FRC_AVX512_BF16
  if (g_str_equal (name, "avx512") && __builtin_cpu_supports ("avx512bf16") &&
      __builtin_cpu_supports ("avx512vnni"))
    return &frc_narrow_avx512;
#endif
  g_set_error (error, FRC_ERROR, FRC_ERROR_UNSUPPORTED,
      "it needs a CPU with AVX512-BF16, found the %s kernels: choose auto or f32",
      name);
  return NULL;
}

const char *
frc_narrow_kernels_name (const FrcNarrowKernels *kernels)
{
  return kernels->name;
}

/* Without tile registers the dot products of bf16 gain less than Winograd's convolution does in f32. */
gboolean
frc_narrow_kernels_gain (const FrcNarrowKernels *kernels, gboolean int8)
{
#ifdef FRC_AMX
  if (kernels == &frc_narrow_amx)
    return TRUE;
#endif
  return int8 && kernels != &frc_narrow_scalar;
}

/* See narrow.h. */
gboolean
frc_narrow_kernels_have_tiles (const FrcNarrowKernels *kernels)
{
  return kernels->begin != NULL;
}
