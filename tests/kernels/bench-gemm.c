/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Times convolutions of real networks: GFLOP/s and the share of the peak that a loop of multiply-
 * adds on registers alone reaches, beside the bound by bytes: what moving the same memory without
 * arithmetic takes, and the share that the same 1×1 convolution reaches where so few pixels are
 * computed that all of its memory stays in L2. bench-gemm [--threads N] [--cpu NAME] [--only SUBSTRING]
 */
#include "check.h"
#include "core/kernels/gemm.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MIN_RUNS 5
#define MAX_RUNS 1000
#define MIN_SECONDS 0.4
#define PEAK_STEPS 150000 /* a millisecond: a core takes a while to the clock that it keeps */
#define STREAM_TILES 64
#define BLOCK_DEPTH 256
#define BLOCK_RUNS 51
#define L2_FLOATS (384 * 1024) /* of input, weights, residual and output that stay in 2 MiB */
#define L2_LEAST_PIXELS 56

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
  {"inception 3x3", 1, 150, 200, 64, 192, 3, 1, 1, 150, 200},
  {"inception 3x3", 1, 75, 100, 96, 96, 3, 1, 1, 75, 100},
  {"inception 3x3", 1, 38, 50, 128, 160, 3, 1, 1, 38, 50},
  {"inception 3x3", 1, 38, 50, 576, 512, 3, 1, 1, 38, 50},
  {"inception 3x3/2", 1, 75, 100, 128, 160, 3, 2, 1, 38, 50},
  {"inception 3x3", 100, 7, 7, 192, 256, 3, 1, 1, 7, 7},
  {"inception 3x3", 100, 4, 4, 192, 320, 3, 1, 1, 4, 4},
  {"inception 3x3/2", 100, 7, 7, 256, 256, 3, 2, 1, 4, 4},
  {"inception 1x1", 1, 38, 50, 576, 96, 1, 1, 0, 38, 50},
  {"inception 1x1", 100, 4, 4, 1024, 352, 1, 1, 0, 4, 4},
  {"vgg 3x3", 1, 600, 800, 64, 64, 3, 1, 1, 600, 800},
  {"vgg 3x3", 1, 300, 400, 128, 128, 3, 1, 1, 300, 400},
  {"vgg 3x3", 1, 150, 200, 256, 256, 3, 1, 1, 150, 200},
  {"vgg 3x3", 1, 75, 100, 512, 512, 3, 1, 1, 75, 100},
  {"vgg 3x3", 1, 37, 50, 512, 512, 3, 1, 1, 37, 50},
  {"vgg fc", 300, 1, 1, 25088, 4096, 1, 1, 0, 1, 1},
  {"vgg fc", 300, 1, 1, 4096, 4096, 1, 1, 0, 1, 1},
  {"se", 1, 1, 1, 960, 240, 1, 1, 0, 1, 1},
};

/* Microseconds: of the processor if one thread works, so that other programs disturb less. */
static gdouble
now (FrcPool *pool)
{
  struct timespec t;

  clock_gettime (frc_pool_get_threads (pool) == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC,
      &t);
  return t.tv_sec * 1e6 + t.tv_nsec * 1e-3;
}

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
  Peak peak = {kernels, PEAK_STEPS};
  guint tiles = frc_pool_get_threads (pool) * 4;
  gdouble before = now (pool);

  frc_pool_run (pool, peak_tile, &peak, tiles);
  return tiles * peak.steps * check_peak_flops (frc_kernels_name (kernels)) /
      ((now (pool) - before) * 1e3);
}

static gint
compare_doubles (gconstpointer a, gconstpointer b)
{
  gdouble x = *(const gdouble *) a, y = *(const gdouble *) b;

  return x < y ? -1 : x > y;
}

static gdouble
median (gdouble *values, guint n)
{
  qsort (values, n, sizeof *values, compare_doubles);
  return values[n / 2];
}

/* The share of the peak that one block reaches over and over, all of its operands in L1: what is lost
 * there no cut of the work brings back. A core that loads as well keeps a lower clock. */
static gdouble
measure_block (const FrcKernels *kernels, FrcPool *pool)
{
  static gdouble shares[BLOCK_RUNS];
  const FrcGemmKernels *gemm = kernels->gemm;
  const gsize tap = 0;
  guint64 state = 1;
  CheckView a = check_view_new_input (&state, 1, 1, gemm->rows, BLOCK_DEPTH, BLOCK_DEPTH);
  CheckView b = check_view_new_input (&state, 1, 1, BLOCK_DEPTH, gemm->cols, gemm->cols);
  CheckView c = check_view_new_output (1, 1, gemm->rows, gemm->cols, gemm->cols);
  FrcGemmBlock block = {.a = a.view.data, .lda = BLOCK_DEPTH, .taps = &tap, .n_taps = 1,
    .depth = BLOCK_DEPTH, .b = b.view.data, .c = c.view.data, .ldc = gemm->cols, .rows = gemm->rows,
    .cols = gemm->cols, .first = TRUE, .ahead_in = a.view.data, .ahead_out = a.view.data};
  gdouble flops = 2.0 * gemm->rows * gemm->cols * BLOCK_DEPTH;
  guint repeats = MAX (2e8 / flops, 1);

  for (guint i = 0; i < BLOCK_RUNS; i++) {
    gdouble peak = measure_peak (kernels, pool), before = now (pool);
    for (guint j = 0; j < repeats; j++)
      gemm->block (&block);
    shares[i] = repeats * flops / ((now (pool) - before) * 1e3);
    shares[i] /= (peak + measure_peak (kernels, pool)) / 2;
  }
  check_view_clear (&a);
  check_view_clear (&b);
  check_view_clear (&c);
  return median (shares, BLOCK_RUNS);
}

/* What a convolution moves at least: its input, weights and residual read once, its output written
 * once; the same bytes of the same memory without arithmetic. */
typedef struct {
  const CheckView *read[3];
  const CheckView *written;
} Stream;

static gsize
stream_bytes (const Stream *stream)
{
  gsize floats = stream->written->floats;

  for (guint i = 0; i < G_N_ELEMENTS (stream->read); i++)
    floats += stream->read[i] != NULL ? stream->read[i]->floats : 0;
  return floats * sizeof (gfloat);
}

static void
stream_tile (gpointer data, guint tile, gpointer scratch)
{
  const Stream *stream = data;

  for (guint i = 0; i < G_N_ELEMENTS (stream->read); i++)
    if (stream->read[i] != NULL) {
      gsize part = stream->read[i]->floats / STREAM_TILES;
      check_stream_read (stream->read[i]->memory + tile * part, part);
    }
  gsize part = stream->written->floats / STREAM_TILES;
  memset (stream->written->memory + tile * part, 0, part * sizeof (gfloat));
}

typedef struct {
  gdouble ms, peak, share, stream_ms; /* the least; medians */
} Timing;

/* The clock of a core changes with what the others do: each run's share is of the peak that is
 * measured right before and after it. */
static Timing
time_conv (const FrcConv *conv, FrcPool *pool, const FrcKernels *kernels, const CheckView *in,
    const CheckView *residual, const CheckView *out, Stream *stream, gdouble macs)
{
  static gdouble shares[MAX_RUNS], streams[MAX_RUNS], peaks[MAX_RUNS];
  guint repeats = macs < 1e7 ? 50 : 1, n = 0;
  gint64 start = g_get_monotonic_time ();
  Timing timing = {.ms = G_MAXDOUBLE};

  for (; n < MAX_RUNS && (n < MIN_RUNS || g_get_monotonic_time () - start < MIN_SECONDS * 1e6);
       n++) {
    gdouble before = now (pool);
    for (guint j = 0; j < repeats; j++)
      frc_pool_run (pool, stream_tile, stream, STREAM_TILES);
    streams[n] = (now (pool) - before) * 1e-3 / repeats;

    gdouble peak = measure_peak (kernels, pool);
    before = now (pool);
    for (guint j = 0; j < repeats; j++)
      frc_conv_run (conv, pool, &in->view, residual != NULL ? &residual->view : NULL, &out->view);
    gdouble ms = (now (pool) - before) * 1e-3 / repeats;
    gdouble after = measure_peak (kernels, pool);
    peaks[n] = (peak + after) / 2;
    shares[n] = 2e-6 * macs / ms / peaks[n];
    timing.ms = MIN (timing.ms, ms);
  }
  timing.share = median (shares, n);
  timing.peak = median (peaks, n);
  timing.stream_ms = median (streams, n);
  return timing;
}

/* The share of the peak with all memory in L2; 0: it does not fit, or not a 1×1 convolution. */
static gdouble
measure_in_l2 (const Shape *s, const FrcConv *conv, FrcPool *pool, const FrcKernels *kernels)
{
  guint64 state = 1;
  gint weights = s->in * s->out, a_pixel = s->in * s->stride * s->stride + s->out * (1 + s->residual);
  gint pixels = (L2_FLOATS - weights) / a_pixel / L2_LEAST_PIXELS * L2_LEAST_PIXELS;

  if (s->kernel > 1 || pixels < L2_LEAST_PIXELS)
    return 0;
  CheckView in = check_view_new_input (&state, 1, s->stride, pixels * s->stride, s->in, s->in);
  CheckView residual = check_view_new_input (&state, 1, 1, pixels, s->out, s->out);
  CheckView out = check_view_new_output (1, 1, pixels, s->out, s->out);
  Stream none = {.written = &out};
  Timing t = time_conv (conv, pool, kernels, &in, s->residual ? &residual : NULL, &out, &none,
      (gdouble) pixels * s->in * s->out);

  check_view_clear (&in);
  check_view_clear (&residual);
  check_view_clear (&out);
  return t.share;
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
  gdouble macs = (gdouble) s->n * s->out_h * s->out_w * s->in * s->out * s->kernel * s->kernel;
  Stream stream = {{&in, &weight, s->residual ? &residual : NULL}, &out};

  frc_pool_reserve (pool, frc_conv_scratch_bytes (conv, &in.view, &out.view), NULL);
  frc_pool_begin (pool, NULL);
  Timing t = time_conv (conv, pool, kernels, &in, s->residual ? &residual : NULL, &out, &stream,
      macs);
  gdouble in_l2 = measure_in_l2 (s, conv, pool, kernels);
  frc_pool_end (pool);
  gdouble flops_ms = 2e-6 * macs / t.peak;
  g_print ("%-17s %4ux%3ux%3u %5u->%4u %9.3f ms %7.1f GFLOP/s %5.1f %% | %6.1f MB %5.1f GB/s, bound "
      "%s %9.3f ms, %5.1f %%", s->name, s->n, s->out_h, s->out_w, s->in, s->out, t.ms,
      2e-6 * macs / t.ms, t.share * 100, stream_bytes (&stream) * 1e-6,
      stream_bytes (&stream) * 1e-6 / t.stream_ms, t.stream_ms > flops_ms ? "bytes" : "FLOPs",
      MAX (t.stream_ms, flops_ms), flops_ms / MAX (t.stream_ms, flops_ms) * 100);
  if (in_l2 > 0)
    g_print (" | in L2 %5.1f %%", in_l2 * 100);
  g_print ("\n");
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
  g_print ("%s, %d thread(s); share of the peak on registers (median, peak beside each run) | bytes "
      "moved at least, their rate alone, the longer of both times, its share of the peak | all of it in "
      "L2\n",
      frc_kernels_name (kernels), threads);
  if (threads == 1 && kernels->gemm->block != NULL)
    g_print ("one block, its operands in L1: %.1f %% of the peak\n",
        measure_block (kernels, pool) * 100);
  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++)
    if (only == NULL || strstr (shapes[i].name, only) != NULL)
      bench_shape (&shapes[i], kernels, pool);
  frc_pool_free (pool);
  return 0;
}
