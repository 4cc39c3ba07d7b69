/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which instruction sets this build holds, which of them this CPU runs, and the choice.
 */
#include "table.h"
#include "../frcnn.h"
#include "narrow_table.h"

static const FrcKernels scalar_kernels = {"scalar", &frc_gemm_scalar, NULL, NULL,
  &frc_depthwise_scalar, &frc_pooling_scalar, &frc_elementwise_scalar, &frc_roi_align_scalar, &frc_frame_scalar,
  &frc_overlap_scalar};

/* A CPU without any of the vector instruction sets below: the system's BLAS knows it better. */
static const FrcKernels baseline_kernels = {"baseline", &frc_gemm_openblas, NULL, NULL,
  &frc_depthwise_scalar, &frc_pooling_scalar, &frc_elementwise_scalar, &frc_roi_align_scalar,
  &frc_frame_scalar, &frc_overlap_scalar};

#ifdef FRC_X86
static const FrcKernels avx2_kernels = {"avx2", &frc_gemm_avx2, &frc_winograd_avx2,
  &frc_winograd_half_avx2, &frc_depthwise_avx2, &frc_pooling_avx2, &frc_elementwise_avx2, &frc_roi_align_avx2,
  &frc_frame_avx2, &frc_overlap_avx2};
static const FrcKernels avx512_kernels = {"avx512", &frc_gemm_avx512, &frc_winograd_avx512,
  &frc_winograd_half_avx512, &frc_depthwise_avx512, &frc_pooling_avx512, &frc_elementwise_avx512, &frc_roi_align_avx512,
  &frc_frame_avx512, &frc_overlap_avx512};
/* The same with leave to use tile registers (AMX) for narrow numbers. */
static const FrcKernels amx_kernels = {"avx512", &frc_gemm_avx512, &frc_winograd_avx512,
  &frc_winograd_half_avx512, &frc_depthwise_avx512, &frc_pooling_avx512, &frc_elementwise_avx512, &frc_roi_align_avx512,
  &frc_frame_avx512, &frc_overlap_avx512, .tiles = TRUE};
#endif

static gboolean
cpu_runs_avx2 (void)
{
#ifdef FRC_X86
  return __builtin_cpu_supports ("avx2") && __builtin_cpu_supports ("fma");
#else
  return FALSE;
#endif
}

static gboolean
cpu_runs_avx512 (void)
{
#ifdef FRC_X86
  return cpu_runs_avx2 () && __builtin_cpu_supports ("avx512f") &&
      __builtin_cpu_supports ("avx512bw") && __builtin_cpu_supports ("avx512vl") &&
      __builtin_cpu_supports ("avx512dq");
#else
  return FALSE;
#endif
}

static const FrcKernels *
kernels_best (void)
{
#ifdef FRC_X86
  if (cpu_runs_avx512 ())
    return &amx_kernels;
  if (cpu_runs_avx2 ())
    return &avx2_kernels;
#endif
  return &baseline_kernels;
}

/* The tables are constants: nothing to free. See kernels.h. */
const FrcKernels *
frc_kernels_get (const char *name, GError **error)
{
  gboolean runs = TRUE;
  const FrcKernels *kernels = NULL;

  if (name == NULL)
    name = g_getenv ("FRC_CPU");
  if (name == NULL || *name == '\0')
    return kernels_best ();
  if (g_str_equal (name, "scalar"))
    kernels = &scalar_kernels;
  else if (g_str_equal (name, "baseline"))
    kernels = &baseline_kernels;
#ifdef FRC_X86
  else if (g_str_equal (name, "avx2")) {
    kernels = &avx2_kernels;
    runs = cpu_runs_avx2 ();
  } else if (g_str_equal (name, "avx512")) {
    kernels = &avx512_kernels;
    runs = cpu_runs_avx512 ();
  } else if (g_str_equal (name, "amx")) {
    kernels = &amx_kernels;
    runs = cpu_runs_avx512 () && frc_cpu_has_tiles ();
  }
#else
  else if (g_str_equal (name, "avx2") || g_str_equal (name, "avx512") || g_str_equal (name, "amx"))
    runs = FALSE;
#endif
  if (kernels != NULL && runs)
    return kernels;
  if (!runs)
    g_set_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT, "kernels \"%s\": this CPU does not run them",
        name);
  else
    g_set_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT,
        "kernels \"%s\": unknown, expected scalar, baseline, avx2, avx512 or amx", name);
  return NULL;
}

const char *
frc_kernels_name (const FrcKernels *kernels)
{
  return kernels->name;
}
