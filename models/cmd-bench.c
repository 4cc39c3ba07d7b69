/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `frcnn bench`: how long a frame takes on this machine, stage by stage, and how near that is to
 * the fastest matrix product measured on it.
 */
#include "core/kernels/narrow.h"
#include "tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_STAGES 32
#define MAX_FRAMES 100000
#define PEAK_SIZE 1024
#define PEAK_ROUNDS 20

typedef struct {
  ToolSettings settings;
  char *size, *image;
  gint frames, warmup;
  gboolean json;
} Options;

typedef struct {
  const char *name;
  gdouble *ms;   /* one a frame */
  gdouble flops; /* sum over the frames */
  gdouble sum_ms;
} Stage;

typedef struct {
  ToolSession session;
  ToolStill still;
  gint64 start;
  gdouble load_ms;  /* model and plan */
  gdouble first_ms; /* those, and the first frame */
  gdouble *ms;     /* whole frames */
  Stage stages[MAX_STAGES];
  guint n_frames, n_stages, threads, n_proposals;
  FrcPrecision precision;
  guint64 peak_bytes;
  gdouble gemm_gflops; /* 0 where it was not measured */
} Bench;

static int
compare_doubles (const void *a, const void *b)
{
  const gdouble one = *(const gdouble *) a, other = *(const gdouble *) b;
  return one < other ? -1 : one > other;
}

/* The value below which `share` of them lie, between neighbours by straight line; sorts `values`. */
static gdouble
quantile (gdouble *values, guint n, gdouble share)
{
  qsort (values, n, sizeof *values, compare_doubles);
  const gdouble at = share * (n - 1);
  const guint below = (guint) at;
  const guint above = MIN (below + 1, n - 1);
  return values[below] + (at - below) * (values[above] - values[below]);
}

/* A picture that is the same everywhere: a slope of colours with darker and lighter blocks in it. */
static GdkPixbuf *
synthetic_picture (guint width, guint height)
{
  GdkPixbuf *pixbuf = gdk_pixbuf_new (GDK_COLORSPACE_RGB, FALSE, 8, (int) width, (int) height);
  if (!pixbuf)
    return NULL;
  guint8 *pixels = gdk_pixbuf_get_pixels (pixbuf);
  const gsize stride = (gsize) gdk_pixbuf_get_rowstride (pixbuf);
  for (guint y = 0; y < height; y++)
    for (guint x = 0; x < width; x++) {
      guint8 *p = pixels + y * stride + 3 * (gsize) x;
      const guint block = ((x / 48) * 7 + (y / 40) * 13) % 11;
      p[0] = (guint8) (x * 200 / width + block * 5);
      p[1] = (guint8) (y * 200 / height + (block % 3) * 18);
      p[2] = (guint8) ((x + y) * 127 / (width + height) + (block % 5) * 12);
    }
  return pixbuf;
}

static gboolean
open_picture (ToolStill *still, const Options *options, GError **error)
{
  guint width = 640, height = 480;
  if (options->size && !tool_parse_size (options->size, &width, &height, error))
    return FALSE;
  if (options->image && !options->size)
    return tool_still_open (still, options->image, error);
  g_autoptr (GdkPixbuf) picture = NULL;
  if (options->image) {
    ToolStill photograph;
    if (!tool_still_open (&photograph, options->image, error))
      return FALSE;
    picture = gdk_pixbuf_scale_simple (photograph.pixbuf, (int) width, (int) height,
        GDK_INTERP_BILINEAR);
    tool_still_clear (&photograph);
  } else {
    picture = synthetic_picture (width, height);
  }
  if (!picture) {
    g_set_error (error, FRC_ERROR, FRC_ERROR_NO_MEMORY, "no memory for a picture of %ux%u", width,
        height);
    return FALSE;
  }
  tool_still_set_pixbuf (still, picture);
  return TRUE;
}

/* The most memory this process has held, from the kernel; 0 where it does not tell. */
static guint64
read_peak_bytes (void)
{
  g_autofree char *status = NULL;
  const char *line;
  if (!g_file_get_contents ("/proc/self/status", &status, NULL, NULL)
      || !(line = strstr (status, "VmHWM:")))
    return 0;
  return g_ascii_strtoull (line + strlen ("VmHWM:"), NULL, 10) * 1024;
}

/* The product of two square matrices, as a 1x1 convolution of 1024 pixels and channels. */
typedef struct {
  FrcPool *pool;
  FrcConv *wide; /* one of the two */
  FrcNarrowConv *narrow;
  FrcView in, out;
  FrcNarrowView narrow_in, narrow_out;
  FrcNarrowConvIo io;
} Gemm;

/* FALSE: no memory, or no such kernels. */
static gboolean
gemm_init (Gemm *gemm, FrcPrecision precision, gfloat *values)
{
  const gsize n = (gsize) PEAK_SIZE * PEAK_SIZE;
  const FrcConvSpec spec = { 1, 1, 1, 1, 0, 0, PEAK_SIZE, PEAK_SIZE, FRC_ACT_NONE };
  const FrcKernels *kernels = frc_kernels_get (NULL, NULL);
  const FrcBounds bounds = { 0, 1 };
  gfloat *in = values + n, *out = values + 2 * n;
  gemm->in = (FrcView) { in, 1, 1, PEAK_SIZE, PEAK_SIZE, PEAK_SIZE };
  gemm->out = (FrcView) { out, 1, 1, PEAK_SIZE, PEAK_SIZE, PEAK_SIZE };
  gemm->narrow_in = (FrcNarrowView) { (guint16 *) in, 1, 1, PEAK_SIZE, PEAK_SIZE, PEAK_SIZE };
  gemm->narrow_out = (FrcNarrowView) { (guint16 *) out, 1, 1, PEAK_SIZE, PEAK_SIZE, PEAK_SIZE };
  gemm->io = (FrcNarrowConvIo) { .in = &gemm->narrow_in, .out = &gemm->narrow_out };
  if (precision == FRC_PRECISION_F32) {
    gemm->wide = frc_conv_new (kernels, &spec, values, NULL, NULL);
    return gemm->wide && frc_pool_reserve (gemm->pool,
        frc_conv_scratch_bytes (gemm->wide, &gemm->in, &gemm->out), NULL);
  }
  const FrcNarrowKernels *narrow = frc_narrow_kernels (kernels, NULL);
  if (!narrow)
    return FALSE;
  gemm->narrow = precision == FRC_PRECISION_INT8
      ? frc_narrow_conv_new_int8 (narrow, &spec, 0, bounds, values, NULL, NULL)
      : frc_narrow_conv_new (narrow, &spec, 0, FALSE, values, NULL, NULL);
  return gemm->narrow && frc_pool_reserve (gemm->pool,
      frc_narrow_conv_scratch_bytes (gemm->narrow, &gemm->io), NULL);
}

static void
gemm_run (const Gemm *gemm)
{
  if (gemm->wide)
    frc_conv_run (gemm->wide, gemm->pool, &gemm->in, NULL, &gemm->out);
  else
    frc_narrow_conv_run (gemm->narrow, gemm->pool, &gemm->io);
}

/* GFLOP/s of the library's own product in this precision on `threads` threads, best of a few; 0
 * without memory. */
static gdouble
measure_gemm (FrcPrecision precision, guint threads)
{
  gfloat *values = g_try_new0 (gfloat, 3 * (gsize) PEAK_SIZE * PEAK_SIZE);
  Gemm gemm = { frc_pool_new (threads, NULL) };
  gdouble best = 0;
  if (values && gemm.pool && gemm_init (&gemm, precision, values)) {
    frc_pool_begin (gemm.pool, NULL);
    for (int round = 0; round < PEAK_ROUNDS; round++) {
      const gint64 start = g_get_monotonic_time ();
      gemm_run (&gemm);
      const gdouble us = (gdouble) MAX (1, g_get_monotonic_time () - start);
      best = MAX (best, 2.0 * PEAK_SIZE * PEAK_SIZE * PEAK_SIZE / us / 1e3);
    }
    frc_pool_end (gemm.pool);
  }
  frc_conv_free (gemm.wide);
  frc_narrow_conv_free (gemm.narrow);
  frc_pool_free (gemm.pool);
  g_free (values);
  return best;
}

static gdouble
ms_since (gint64 start)
{
  return (gdouble) (g_get_monotonic_time () - start) / 1e3;
}

static gboolean
run_frame (Bench *bench, GError **error)
{
  FrcDetector *detector = bench->session.detector;
  if (frc_detector_load (detector, &bench->still.image, NULL)
      && frc_detector_run (detector, &bench->session.query, bench->session.found,
          bench->session.capacity, &bench->session.n_found)) {
    if (bench->first_ms == 0)
      bench->first_ms = ms_since (bench->start);
    return TRUE;
  }
  g_set_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT, "the detector did not run");
  return FALSE;
}

static void
keep_stages (Bench *bench, guint frame, guint n_frames)
{
  FrcStageTime times[MAX_STAGES];
  const guint n = frc_detector_get_stages (bench->session.detector, times, MAX_STAGES);
  bench->n_stages = MIN (n, MAX_STAGES);
  for (guint i = 0; i < bench->n_stages; i++) {
    Stage *stage = &bench->stages[i];
    if (!stage->ms)
      stage->ms = g_new0 (gdouble, n_frames);
    stage->name = times[i].name;
    stage->ms[frame] = (gdouble) times[i].ns / 1e6;
    stage->sum_ms += stage->ms[frame];
    stage->flops += times[i].flops;
  }
}

static gboolean
run_frames (Bench *bench, const Options *options, GError **error)
{
  const guint n = (guint) options->frames;
  bench->ms = g_new0 (gdouble, n);
  for (gint i = 0; i < options->warmup; i++)
    if (!run_frame (bench, error))
      return FALSE;
  for (guint i = 0; i < n; i++) {
    const gint64 start = g_get_monotonic_time ();
    if (!run_frame (bench, error))
      return FALSE;
    bench->ms[i] = ms_since (start);
    keep_stages (bench, i, n);
    bench->n_frames = i + 1;
  }
  return TRUE;
}

static gdouble
stage_gflops (const Stage *stage)
{
  return stage->sum_ms > 0 ? stage->flops / stage->sum_ms / 1e6 : 0;
}

static void
print_row (const char *name, gdouble median, gdouble p95, gdouble gflops, gdouble peak)
{
  printf ("%-12s %10.3f %10.3f", name, median, p95);
  if (gflops > 0)
    printf (" %10.1f", gflops);
  if (gflops > 0 && peak > 0)
    printf (" %7.0f %%", 100 * gflops / peak);
  putchar ('\n');
}

static void
print_table (Bench *bench, const Options *options)
{
  const FrcImageInfo *image = &bench->still.image.info;
  gdouble flops = 0, sum_ms = 0;
  printf ("%s, %ux%u %s, %s, %u thread%s, %u frames after %d, %u proposals\n\n",
      frc_model_get_info (bench->session.model)->name, image->width, image->height,
      options->image ? "photograph" : "synthetic picture",
      frc_precision_name (bench->precision), bench->threads,
      bench->threads == 1 ? "" : "s", bench->n_frames, options->warmup, bench->n_proposals);
  printf ("%-12s %10s %10s %10s %9s\n", "stage", "median ms", "p95 ms", "GFLOP/s", "of peak");
  for (guint i = 0; i < bench->n_stages; i++) {
    Stage *stage = &bench->stages[i];
    flops += stage->flops;
    print_row (stage->name, quantile (stage->ms, bench->n_frames, 0.5),
        quantile (stage->ms, bench->n_frames, 0.95), stage_gflops (stage), bench->gemm_gflops);
  }
  for (guint i = 0; i < bench->n_frames; i++)
    sum_ms += bench->ms[i];
  print_row ("frame", quantile (bench->ms, bench->n_frames, 0.5),
      quantile (bench->ms, bench->n_frames, 0.95), sum_ms > 0 ? flops / sum_ms / 1e6 : 0,
      bench->gemm_gflops);
  printf ("\nmodel ready in %.0f ms, first detection after %.0f ms; peak memory %.1f MiB\n",
      bench->load_ms, bench->first_ms, (gdouble) bench->peak_bytes / 1048576);
  if (bench->gemm_gflops > 0)
    printf ("peak: %.1f GFLOP/s, %d x %d matrices in %s, %u thread%s, measured just now\n",
        bench->gemm_gflops, PEAK_SIZE, PEAK_SIZE, frc_precision_name (bench->precision),
        bench->threads, bench->threads == 1 ? "" : "s");
}

static void
print_json (Bench *bench)
{
  g_autoptr (GString) out = g_string_new ("{");
  tool_json_add_text (out, "model", frc_model_get_info (bench->session.model)->name);
  tool_json_add_text (out, "precision", frc_precision_name (bench->precision));
  tool_json_add_count (out, "threads", bench->threads);
  tool_json_add_count (out, "width", bench->still.image.info.width);
  tool_json_add_count (out, "height", bench->still.image.info.height);
  tool_json_add_count (out, "frames", bench->n_frames);
  tool_json_add_number (out, "median_ms", quantile (bench->ms, bench->n_frames, 0.5));
  tool_json_add_number (out, "p95_ms", quantile (bench->ms, bench->n_frames, 0.95));
  tool_json_add_number (out, "load_ms", bench->load_ms);
  tool_json_add_number (out, "first_ms", bench->first_ms);
  tool_json_add_count (out, "peak_bytes", bench->peak_bytes);
  tool_json_key (out, "stages");
  g_string_append_c (out, '[');
  for (guint i = 0; i < bench->n_stages; i++) {
    g_string_append (out, i ? ", {" : "{");
    tool_json_add_text (out, "name", bench->stages[i].name);
    tool_json_add_number (out, "median_ms", quantile (bench->stages[i].ms, bench->n_frames, 0.5));
    tool_json_add_number (out, "gflops", stage_gflops (&bench->stages[i]));
    g_string_append_c (out, '}');
  }
  g_string_append (out, "]}\n");
  fwrite (out->str, 1, out->len, stdout);
}

static gboolean
check (const Options *options, GError **error)
{
  if (options->frames < 1 || options->frames > MAX_FRAMES)
    g_set_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT, "--frames %d: expected 1 to %d",
        options->frames, MAX_FRAMES);
  else if (options->warmup < 0 || options->warmup > MAX_FRAMES)
    g_set_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT, "--warm-up %d: expected 0 to %d",
        options->warmup, MAX_FRAMES);
  else
    return TRUE;
  return FALSE;
}

static gboolean
prepare (Bench *bench, const Options *options, const char *model, GError **error)
{
  FrcDetectorInfo info;
  if (!check (options, error) || !open_picture (&bench->still, options, error))
    return FALSE;
  bench->start = g_get_monotonic_time ();
  if (!tool_session_open (&bench->session, model, &options->settings, error)
      || !frc_detector_prepare (bench->session.detector, &bench->still.image.info, error))
    return FALSE;
  bench->load_ms = ms_since (bench->start);
  frc_detector_get_info (bench->session.detector, &info);
  bench->threads = info.threads;
  bench->precision = info.precision;
  return TRUE;
}

static gboolean
run (const Options *options, const char *model, GError **error)
{
  Bench bench = { 0 };
  gboolean good = prepare (&bench, options, model, error) && run_frames (&bench, options, error);
  if (good) {
    FrcDetectorInfo info;
    frc_detector_get_info (bench.session.detector, &info);
    bench.n_proposals = info.n_proposals;
    bench.peak_bytes = read_peak_bytes (); /* before the matrices below */
    if (!options->json)
      bench.gemm_gflops = measure_gemm (bench.precision, bench.threads);
    if (options->json)
      print_json (&bench);
    else
      print_table (&bench, options);
  }
  for (guint i = 0; i < MAX_STAGES; i++)
    g_free (bench.stages[i].ms);
  g_free (bench.ms);
  tool_session_close (&bench.session);
  tool_still_clear (&bench.still);
  return good;
}

static const char description[] =
    "A frame is load and run together; the model is ready when it is read, packed and planned.\n"
    "GFLOP/s counts two for each multiply-accumulate that the layers need, over the mean time.\n"
    "--json prints one object on one line: {\"model\", \"precision\", \"threads\", \"width\", \"height\",\n"
    "\"frames\", \"median_ms\", \"p95_ms\", \"load_ms\", \"first_ms\", \"peak_bytes\", \"stages\": [{\"name\",\n"
    "\"median_ms\", \"gflops\"}]}; load_ms is the time until the model was ready, first_ms that until\n"
    "the first frame's detections were there; reading the file is part of both.";

int
tool_bench (int argc, char **argv)
{
  Options o = { .settings = { .threshold = 0.5 }, .frames = 30, .warmup = 3 };
  const GOptionEntry entries[] = {
    { "size", 0, 0, G_OPTION_ARG_STRING, &o.size, "Size of the picture (default 640x480)", "WxH" },
    { "image", 'i', 0, G_OPTION_ARG_FILENAME, &o.image,
        "A photograph in place of the synthetic picture; --size scales it", "FILE" },
    { "threads", 0, 0, G_OPTION_ARG_INT, &o.settings.threads, "Threads (default 0: one a core)",
        "N" },
    { "frames", 'n', 0, G_OPTION_ARG_INT, &o.frames, "Frames to measure (default 30)", "N" },
    { "warm-up", 0, 0, G_OPTION_ARG_INT, &o.warmup, "Frames before them (default 3)", "N" },
    { "input-size", 's', 0, G_OPTION_ARG_INT, &o.settings.input_size,
        "Shorter side of the network input (default: the model's)", "N" },
    { "max-proposals", 0, 0, G_OPTION_ARG_INT, &o.settings.max_proposals,
        "Boxes that are classified (default: the model's)", "N" },
    { "precision", 0, 0, G_OPTION_ARG_STRING, &o.settings.precision,
        "auto (default), f32, bf16 or int8", "P" },
    { "json", 'j', 0, G_OPTION_ARG_NONE, &o.json, "One JSON object on one line", NULL },
    { "family", 'f', 0, G_OPTION_ARG_STRING, &o.settings.family,
        "The model's family, where its file cannot tell", "NAME" },
    { NULL },
  };
  GError *error = NULL;
  gboolean good = tool_parse (&argc, &argv, entries, "MODEL",
      "Measure how fast a model runs here. MODEL is a file or `default`.", description);
  if (good && argc != 2)
    good = tool_fail ("bench", g_error_new (FRC_ERROR, FRC_ERROR_ARGUMENT,
        "expected one MODEL, got %d arguments (frcnn bench --help)", argc - 1));
  if (good && !run (&o, argv[1], &error))
    good = tool_fail (NULL, error);
  good = tool_finish_stdout () && good;
  tool_settings_clear (&o.settings);
  g_free (o.size);
  g_free (o.image);
  return good ? TOOL_EXIT_OK : TOOL_EXIT_BAD;
}
