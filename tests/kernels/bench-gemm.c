/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Times convolutions of real networks: GFLOP/s and the share of the peak that a loop of multiply-
 * adds on registers alone reaches. bench-gemm [--threads N] [--cpu NAME] [--only SUBSTRING]
 */
#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MIN_RUNS 5
#define MIN_SECONDS 0.25

typedef struct {
  const char *name;
  guint n, h, w, in, out, kernel, stride, pad, out_h, out_w;
  gboolean residual;
} Shape;

static const Shape shapes[] = {
  {"r50 stem 7x7/2", 1, 800, 1088, 3, 64, 7, 2, 3, 400, 544},
  {"r50 1x1", 1, 200, 272, 64, 64, 1, 1, 0, 200, 272},
  {"r50 1x1 +res", 1, 200, 272, 64, 256, 1, 1, 0, 200, 272, TRUE},
  {"r50 1x1", 1, 200, 272, 256, 64, 1, 1, 0, 200, 272},
  {"r50 3x3", 1, 200, 272, 64, 64, 3, 1, 1, 200, 272},
  {"r50 1x1/2", 1, 200, 272, 256, 512, 1, 2, 0, 100, 136},
  {"r50 3x3", 1, 100, 136, 128, 128, 3, 1, 1, 100, 136},
  {"r50 3x3/2", 1, 200, 272, 128, 128, 3, 2, 1, 100, 136},
  {"r50 1x1", 1, 100, 136, 512, 128, 1, 1, 0, 100, 136},
  {"r50 1x1 +res", 1, 100, 136, 128, 512, 1, 1, 0, 100, 136, TRUE},
  {"r50 3x3", 1, 50, 68, 256, 256, 3, 1, 1, 50, 68},
  {"r50 1x1", 1, 50, 68, 1024, 256, 1, 1, 0, 50, 68},
  {"r50 1x1 +res", 1, 50, 68, 256, 1024, 1, 1, 0, 50, 68, TRUE},
  {"r50 3x3", 1, 25, 34, 512, 512, 3, 1, 1, 25, 34},
  {"r50 1x1", 1, 25, 34, 2048, 512, 1, 1, 0, 25, 34},
  {"r50 1x1 +res", 1, 25, 34, 512, 2048, 1, 1, 0, 25, 34, TRUE},
  {"fpn 1x1", 1, 25, 34, 2048, 256, 1, 1, 0, 25, 34},
  {"fpn 1x1", 1, 100, 136, 512, 256, 1, 1, 0, 100, 136},
  {"fpn 3x3", 1, 200, 272, 256, 256, 3, 1, 1, 200, 272},
  {"fpn 3x3", 1, 13, 17, 256, 256, 3, 1, 1, 13, 17},
  {"rpn 1x1", 1, 200, 272, 256, 15, 1, 1, 0, 200, 272},
  {"fc", 1000, 1, 1, 12544, 1024, 1, 1, 0, 1, 1},
  {"fc", 1000, 1, 1, 1024, 1024, 1, 1, 0, 1, 1},
  {"fc", 1000, 1, 1, 1024, 455, 1, 1, 0, 1, 1},
  {"lite0 stem 3x3/2", 1, 320, 448, 3, 32, 3, 2, 0, 160, 224},
  {"lite0 1x1", 1, 160, 224, 32, 16, 1, 1, 0, 160, 224},
  {"lite0 1x1", 1, 160, 224, 16, 96, 1, 1, 0, 160, 224},
  {"lite0 1x1", 1, 80, 112, 96, 24, 1, 1, 0, 80, 112},
  {"lite0 1x1", 1, 80, 112, 24, 144, 1, 1, 0, 80, 112},
  {"lite0 1x1 +res", 1, 80, 112, 144, 24, 1, 1, 0, 80, 112, TRUE},
  {"lite0 1x1", 1, 40, 56, 144, 40, 1, 1, 0, 40, 56},
  {"lite0 1x1", 1, 40, 56, 40, 240, 1, 1, 0, 40, 56},
  {"lite0 1x1", 1, 20, 28, 240, 80, 1, 1, 0, 20, 28},
  {"lite0 1x1", 1, 20, 28, 80, 480, 1, 1, 0, 20, 28},
  {"lite0 1x1", 1, 20, 28, 480, 112, 1, 1, 0, 20, 28},
  {"lite0 1x1", 1, 10, 14, 672, 192, 1, 1, 0, 10, 14},
  {"lite0 1x1", 1, 10, 14, 192, 1152, 1, 1, 0, 10, 14},
  {"lite0 1x1", 1, 10, 14, 1152, 320, 1, 1, 0, 10, 14},
  {"lite0 fpn 3x3", 1, 40, 56, 128, 128, 3, 1, 1, 40, 56},
  {"lite0 fpn 3x3", 1, 10, 14, 128, 128, 3, 1, 1, 10, 14},
  {"lite0 fc", 150, 1, 1, 6272, 512, 1, 1, 0, 1, 1},
  {"lite0 fc", 150, 1, 1, 512, 512, 1, 1, 0, 1, 1},
  {"se", 1, 1, 1, 960, 240, 1, 1, 0, 1, 1},
};

typedef struct {
  const FrcKernels *kernels;
  gsize steps;
} Peak;

static void
peak_tile (gpointer data, guint tile, gpointer scratch)
{
  const Peak *peak = data;

  check_peak_run (frc_kernels_name (peak->kernels), peak->steps);
}

/* GFLOP/s of all threads together, on registers alone. */
static gdouble
measure_peak (const FrcKernels *kernels, FrcPool *pool)
{
  Peak peak = {kernels, 100000};
  gdouble best = 0;

  for (guint i = 0; i < 10; i++) {
    guint tiles = frc_pool_get_threads (pool) * 4;
    gint64 before = g_get_monotonic_time ();
    frc_pool_run (pool, peak_tile, &peak, tiles);
    best = MAX (best, tiles * peak.steps * check_peak_flops (frc_kernels_name (kernels)) /
        ((g_get_monotonic_time () - before) * 1e3));
  }
  return best;
}

/* Microseconds: of the processor if one thread works, so that other programs disturb less. */
static gdouble
now (FrcPool *pool)
{
  struct timespec t;

  clock_gettime (frc_pool_get_threads (pool) == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC,
      &t);
  return t.tv_sec * 1e6 + t.tv_nsec * 1e-3;
}

static void
bench_shape (const Shape *s, const FrcKernels *kernels, FrcPool *pool)
{
  guint64 state = 1;
  FrcConvSpec spec = {s->kernel, s->kernel, s->stride, s->stride, s->pad, s->pad, s->in, s->out,
    FRC_ACT_RELU};
  CheckView in = check_view_new_input (&state, s->n, s->h, s->w, s->in, s->in);
  CheckView weight = check_view_new_input (&state, s->out, s->kernel, s->kernel, s->in, s->in);
  CheckView residual = check_view_new_input (&state, s->n, s->out_h, s->out_w, s->out, s->out);
  CheckView out = check_view_new_output (s->n, s->out_h, s->out_w, s->out, s->out);
  FrcConv *conv = frc_conv_new (kernels, &spec, weight.view.data, NULL, NULL);
  gdouble best = G_MAXDOUBLE, macs = (gdouble) s->n * s->out_h * s->out_w * s->in * s->out *
      s->kernel * s->kernel;
  gdouble peak = measure_peak (kernels, pool);
  gint64 start = g_get_monotonic_time ();

  frc_pool_reserve (pool, frc_conv_scratch_bytes (conv, &in.view, &out.view), NULL);
  frc_pool_begin (pool, NULL);
  for (guint i = 0; i < MIN_RUNS || g_get_monotonic_time () - start < MIN_SECONDS * 1e6; i++) {
    gdouble before = now (pool);
    guint repeats = macs < 1e7 ? 50 : 1;
    for (guint j = 0; j < repeats; j++)
      frc_conv_run (conv, pool, &in.view, s->residual ? &residual.view : NULL, &out.view);
    best = MIN (best, (now (pool) - before) * 1e-6 / repeats);
  }
  frc_pool_end (pool);
  peak = MAX (peak, measure_peak (kernels, pool));
  gdouble rate = 2e-9 * macs / best;
  g_print ("%-17s %4ux%3ux%3u %5u->%4u %9.3f ms %7.1f GFLOP/s %5.1f %% of %.0f\n", s->name, s->n,
      s->out_h, s->out_w, s->in, s->out, best * 1e3, rate, rate / peak * 100, peak);
  frc_conv_free (conv);
  check_view_clear (&in);
  check_view_clear (&weight);
  check_view_clear (&residual);
  check_view_clear (&out);
}

int
main (int argc, char **argv)
{
  gint threads = 1;
  const char *cpu = NULL, *only = NULL;

  for (int i = 1; i + 1 < argc; i += 2)
    if (g_str_equal (argv[i], "--threads"))
      threads = atoi (argv[i + 1]);
    else if (g_str_equal (argv[i], "--cpu"))
      cpu = argv[i + 1];
    else if (g_str_equal (argv[i], "--only"))
      only = argv[i + 1];
  const FrcKernels *kernels = frc_kernels_get (cpu, NULL);
  FrcPool *pool = kernels != NULL && threads > 0 ? frc_pool_new (threads, NULL) : NULL;
  if (pool == NULL) {
    g_printerr ("usage: bench-gemm [--threads N] [--cpu scalar|avx2|avx512] [--only SUBSTRING]\n");
    return 2;
  }
  g_print ("%s, %d thread(s); last column: share of the peak on registers, measured before and "
      "after\n", frc_kernels_name (kernels), threads);
  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++)
    if (only == NULL || strstr (shapes[i].name, only) != NULL)
      bench_shape (&shapes[i], kernels, pool);
  frc_pool_free (pool);
  return 0;
}
