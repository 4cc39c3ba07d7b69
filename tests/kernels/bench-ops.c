/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Not a test: how long the operations around the convolutions take on the shapes of the real
 * networks, on one thread, the shortest of many runs. bench-ops [scalar|avx2|avx512]
 */
#include "frames.h"

#include <string.h>

#define RUNS 40

typedef void (*BenchFunc) (gpointer data);

static FrcPool *pool;
static const FrcKernels *kernels;

static gdouble
shortest (BenchFunc func, gpointer data)
{
  gint64 best = G_MAXINT64;

  for (guint i = 0; i < RUNS; i++) {
    gint64 start = g_get_monotonic_time ();
    func (data);
    best = MIN (best, g_get_monotonic_time () - start);
  }
  return MAX (best, 1) / 1e3;
}

/* ---- depthwise ---------------------------------------------------------------------------- */

typedef struct {
  FrcDepthwise *depthwise;
  CheckView in, out;
} DepthwiseBench;

static void
run_depthwise (gpointer data)
{
  DepthwiseBench *b = data;

  frc_depthwise_run (b->depthwise, pool, &b->in.view, &b->out.view);
}

static void
bench_depthwise (guint64 *state)
{
  static const guint shapes[][6] = { /* h, w, channels, kernel, stride, multiplier: 0 is 1 */
    {160, 224, 32, 3, 1}, {160, 224, 96, 3, 2}, {80, 112, 144, 3, 1}, {80, 112, 144, 5, 2},
    {40, 56, 240, 5, 1}, {40, 56, 240, 3, 2}, {20, 28, 480, 3, 1}, {20, 28, 480, 5, 1},
    {20, 28, 672, 5, 1}, {20, 28, 672, 5, 2}, {10, 14, 1152, 5, 1}, {10, 14, 1152, 3, 1},
    {400, 544, 16, 3, 1}, {200, 272, 72, 3, 1}, {50, 68, 200, 3, 1}, {25, 34, 960, 5, 1},
    {600, 800, 3, 7, 2, 8}, {24, 800, 3, 7, 2, 8}};

  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++) {
    const guint *s = shapes[i], pad = s[3] / 2, taps = s[3] * s[3];
    guint outputs = s[2] * MAX (s[5], 1);
    guint out_h = (s[0] - 1) / s[4] + 1, out_w = (s[1] - 1) / s[4] + 1;
    FrcConvSpec spec = {s[3], s[3], s[4], s[4], pad, pad, s[2], outputs, FRC_ACT_RELU6};
    gfloat *weight = g_new0 (gfloat, taps * outputs);
    DepthwiseBench b = {frc_depthwise_new (kernels, &spec, weight, NULL, NULL),
      check_view_new_input (state, 1, s[0], s[1], s[2], s[2]),
      check_view_new_output (1, out_h, out_w, outputs, outputs)};
    gdouble ms = shortest (run_depthwise, &b), outs = (gdouble) out_h * out_w * outputs;
    g_print ("depthwise %ux%u/%u of %ux%ux%u to %u: %.3f ms, %.1f GFLOP/s, %.1f GB/s\n", s[3],
        s[3], s[4], s[0], s[1], s[2], outputs, ms, 2 * outs * taps / ms / 1e6,
        4 * (outs + (gdouble) s[0] * s[1] * s[2]) / ms / 1e6);
    frc_depthwise_free (b.depthwise);
    check_view_clear (&b.in);
    check_view_clear (&b.out);
    g_free (weight);
  }
}

/* ---- pooling, elementwise ----------------------------------------------------------------- */

typedef struct {
  CheckView in, other, out;
  FrcConvSpec window;
} OpsBench;

static void
run_max (gpointer data)
{
  OpsBench *b = data;

  frc_max_pool_run (kernels, pool, &b->window, &b->in.view, &b->out.view);
}

static void
run_average (gpointer data)
{
  OpsBench *b = data;

  frc_average_pool_run (kernels, pool, &b->window, &b->in.view, &b->out.view);
}

/* As a chain of bands does it: the same few input rows again and again, the output ever farther. */
static void
run_max_bands (gpointer data)
{
  OpsBench *b = data;
  FrcView band = b->out.view;

  band.h = (b->in.view.h - b->window.kernel_h) / b->window.stride_h + 1;
  for (guint y = 0; y + band.h <= b->out.view.h; y += band.h) {
    band.data = b->out.view.data + (gsize) y * band.w * band.ld;
    frc_max_pool_run_rows (kernels, &b->window, &b->in.view, &band, 0, band.h);
  }
}

static void
bench_pools (guint64 *state)
{
  static const struct {
    const char *of;
    guint n, h, w, c, kernel, stride;
    BenchFunc run;
    guint band; /* input rows of it */
  } cases[] = {{"ResNet", 1, 400, 544, 64, 3, 2, run_max, 0},
    {"ResNet", 1, 400, 544, 64, 3, 2, run_max_bands, 5}, {"VGG", 1, 600, 800, 64, 2, 2, run_max, 0},
    {"VGG", 1, 600, 800, 64, 2, 2, run_max_bands, 4},
    {"Inception", 1, 300, 400, 64, 3, 2, run_max_bands, 5},
    {"Inception", 1, 150, 200, 192, 3, 2, run_max_bands, 3},
    {"Inception", 1, 75, 100, 320, 3, 2, run_max, 0},
    {"Inception", 100, 7, 7, 576, 3, 2, run_max, 0},
    {"Inception", 100, 4, 4, 1024, 3, 1, run_max, 0},
    {"Inception", 1, 75, 100, 32, 3, 1, run_average, 0},
    {"Inception", 1, 75, 100, 64, 3, 1, run_average, 0},
    {"Inception", 1, 38, 50, 128, 3, 1, run_average, 0},
    {"Inception", 100, 4, 4, 128, 3, 1, run_average, 0}};

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    guint stride = cases[i].stride, h = cases[i].band ? cases[i].band : cases[i].h;
    guint out_h = (cases[i].h - 1) / stride + 1, out_w = (cases[i].w - 1) / stride + 1;
    guint n = cases[i].n, w = cases[i].w, c = cases[i].c;
    OpsBench b = {check_view_new_input (state, n, h, w, c, c), {{0}, NULL, 0},
      check_view_new_output (n, out_h, out_w, c, c), {.kernel_h = cases[i].kernel,
        .kernel_w = cases[i].kernel, .stride_h = stride, .stride_w = stride, .same = TRUE}};
    gdouble ms = shortest (cases[i].run, &b), outs = (gdouble) n * out_h * out_w * c;
    g_print ("%s: %s pool %ux%u/%u of %ux%ux%ux%u%s: %.3f ms, %.1f G/s\n", cases[i].of,
        cases[i].run == run_average ? "average" : "max", cases[i].kernel, cases[i].kernel, stride,
        n, cases[i].h, w, c, cases[i].band ? " by bands" : "", ms, outs / ms / 1e6);
    check_view_clear (&b.in);
    check_view_clear (&b.out);
  }
}

static void
run_mean (gpointer data)
{
  OpsBench *b = data;

  frc_global_mean_run (kernels, pool, &b->in.view, &b->other.view);
}

static void
run_scale (gpointer data)
{
  OpsBench *b = data;

  frc_scale_channels_run (kernels, pool, &b->in.view, &b->other.view, &b->in.view);
}

static void
bench_ops (guint64 *state)
{
  OpsBench b = {check_view_new_input (state, 1, 100, 136, 120, 120),
    check_view_new_output (1, 1, 1, 120, 120), {{0}, NULL, 0}, {0}};

  g_print ("global mean of 100x136x120: %.3f ms\n", shortest (run_mean, &b));
  g_print ("scaling of 100x136x120: %.3f ms\n", shortest (run_scale, &b));
  check_view_clear (&b.in);
  b.in = check_view_new_input (state, 100, 4, 4, 1024, 1024);
  check_view_clear (&b.other);
  b.other = check_view_new_output (100, 1, 1, 1024, 1024);
  g_print ("Inception: global mean of 100x4x4x1024: %.3f ms\n", shortest (run_mean, &b));
  check_view_clear (&b.in);
  check_view_clear (&b.other);
}

/* ---- RoI align ---------------------------------------------------------------------------- */

typedef struct {
  FrcView maps[3], out;
  gfloat boxes[300 * 4];
  guint8 level[300];
} RoiBench;

static void
run_roi_align (gpointer data)
{
  static const gfloat scales[3] = {1 / 8.f, 1 / 16.f, 1 / 32.f};
  RoiBench *b = data;

  const FrcRois rois = {.maps = b->maps, .scales = scales, .boxes = b->boxes, .level = b->level,
    .sampling = 2};

  frc_roi_align_run (kernels, pool, &rois, &b->out);
}

/* Boxes of 7 to 14 pixels of their map, as the FPN's assignment makes them. */
static void
bench_roi_align (guint64 *state)
{
  RoiBench *b = g_new0 (RoiBench, 1);
  CheckView maps[3], out = check_view_new_output (300, 7, 7, 128, 128);

  for (guint i = 0; i < 3; i++) {
    maps[i] = check_view_new_input (state, 1, 40 >> i, 56 >> i, 128, 128);
    b->maps[i] = maps[i].view;
  }
  b->out = out.view;
  for (guint i = 0; i < 300; i++) {
    gfloat *box = b->boxes + 4 * i, unit = 8 << (b->level[i] = i % 3);
    gfloat size = unit * (10.5f + 3.5f * check_random_float (state));
    box[0] = (448 - size) * (.5f + .5f * check_random_float (state));
    box[1] = (320 - size) * (.5f + .5f * check_random_float (state));
    box[2] = box[0] + size;
    box[3] = box[1] + size;
  }
  g_print ("RoI align 300 x 7x7x128: %.3f ms\n", shortest (run_roi_align, b));
  for (guint i = 0; i < 3; i++)
    check_view_clear (&maps[i]);
  check_view_clear (&out);
  g_free (b);
}

/* ---- frames ------------------------------------------------------------------------------- */

typedef struct {
  TestFrame frame;
  FrcFrameReader *reader;
  guint w, h;
  CheckView out;
} FrameBench;

static void
run_frame (gpointer data)
{
  static const gfloat mean[3] = {.5f, .5f, .5f}, std[3] = {.5f, .5f, .5f};
  FrameBench *b = data;
  const FrcImageInfo *info = &b->frame.image.info;
  const FrcRect rect = {0, 0, info->width, info->height};

  const FrcResize resize = {b->w, b->h, (gfloat) info->width / b->w, (gfloat) info->height / b->h,
    FRC_SAMPLING_HALF_PIXEL};

  frc_frame_read (b->reader, pool, &b->frame.image, &rect, mean, std, &resize, &b->out.view);
}

static void
bench_frames (guint64 *state)
{
  static const struct {
    FrcFormat format;
    guint w, h, out_w, out_h;
  } cases[] = {{FRC_FORMAT_I420, 1920, 1080, 568, 320}, {FRC_FORMAT_NV12, 1920, 1080, 568, 320},
    {FRC_FORMAT_YUY2, 1920, 1080, 568, 320}, {FRC_FORMAT_RGB, 1920, 1080, 568, 320},
    {FRC_FORMAT_BGRX, 1920, 1080, 568, 320}, {FRC_FORMAT_I420, 640, 480, 426, 320},
    {FRC_FORMAT_RGB, 640, 480, 426, 320}, {FRC_FORMAT_RGB, 640, 480, 1066, 800}};

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    FrameBench b = {test_frame_new (cases[i].format, cases[i].w, cases[i].h, 0, FALSE),
      frc_frame_reader_new (kernels, cases[i].w, cases[i].h, 1088, NULL), cases[i].out_w,
      cases[i].out_h, check_view_new_output (1, 800, 1088, 3, 3)};
    b.out.view.w = (b.w + 31) / 32 * 32;
    b.out.view.h = b.h;
    test_frame_fill_random (&b.frame, state);
    g_print ("%s %ux%u -> %ux%u: %.3f ms\n", frame_format_names[cases[i].format], cases[i].w,
        cases[i].h, b.w, b.h, shortest (run_frame, &b));
    frc_frame_reader_free (b.reader);
    test_frame_clear (&b.frame);
    check_view_clear (&b.out);
  }
}

int
main (int argc, char **argv)
{
  guint64 state = 1;
  GError *error = NULL;

  kernels = frc_kernels_get (argc > 1 ? argv[1] : NULL, &error);
  if (kernels == NULL) {
    g_printerr ("%s\n", error->message);
    return 1;
  }
  pool = frc_pool_new (1, NULL);
  frc_pool_reserve (pool, frc_frame_scratch_bytes (1920), NULL);
  frc_pool_reserve (pool, frc_rois_scratch_bytes (0, 7, 2, 0, 128), NULL);
  g_print ("%s, one thread\n", frc_kernels_name (kernels));
  bench_depthwise (&state);
  bench_pools (&state);
  bench_ops (&state);
  bench_roi_align (&state);
  bench_frames (&state);
  frc_pool_free (pool);
  return 0;
}
