/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Convolution as GEMM: scalar against a naive loop in double, every other kernel against scalar, all
 * of them with one thread and with two, which must not differ in a bit.
 *
 * Tolerances are in units of Σ |weight · input| + |bias| + |residual|: a forgotten element of K is
 * 1 / K of that. FRC_TEST_SEED starts other random cases.
 */
#include "check.h"
#include "core/kernels/conv.h"

#include <math.h>
#include <string.h>

#define TOLERANCE_SCALAR 1e-6   /* a chain of f32 additions against double */
#define TOLERANCE_KERNEL 1e-6   /* another rounding of products (FMA), the same chain */
#define TOLERANCE_OPENBLAS 1e-6 /* another chain */
#define TOLERANCE_WINOGRAD 2e-6 /* products of sums with weights to 2.25, rounded before they cancel */
#define TOLERANCE_WINOGRAD_HALF 3e-6 /* its points leave 1.4 times the error, see winograd.h */
#define RANDOM_CASES 250
#define MAX_MACS 3000000

typedef enum { RESIDUAL_NONE, RESIDUAL_SAME, RESIDUAL_UPSAMPLED } ResidualForm;

typedef struct {
  FrcConvSpec spec;
  guint n, h, w, out_h, out_w;
  guint in_extra, out_extra; /* ld − c */
  gboolean bias;
  ResidualForm residual;
} GemmCase;

typedef struct {
  GemmCase c;
  guint64 seed;
  gfloat *weight, *bias;
  CheckView in, residual;
  CheckView exact, scale, scalar; /* outputs: in double rounded once, units, the scalar kernel's */
} GemmData;

#define POOLS 3
static FrcPool *pools[POOLS]; /* of one thread, of two and of four */

static void
report (const GemmData *d, const char *kernel, const char *problem)
{
  const GemmCase *c = &d->c;
  const FrcConvSpec *s = &c->spec;

  g_test_message ("%s: %s; seed %" G_GUINT64_FORMAT ": %ux%u/%ux%u pad %u,%u %u->%u act %d, in "
      "%ux%ux%u +%u, out %ux%u +%u, bias %d, residual %d (%ux%u)", kernel, problem, d->seed,
      s->kernel_h, s->kernel_w, s->stride_h, s->stride_w, s->pad_top, s->pad_left,
      s->in_channels, s->out_channels, s->activation, c->n, c->h, c->w, c->in_extra, c->out_h,
      c->out_w, c->out_extra, c->bias, c->residual, d->residual.view.h, d->residual.view.w);
  g_test_fail ();
}

static gdouble
activate (gdouble x, FrcActivation activation)
{
  gdouble hard = CLAMP (x + 3, 0, 6) / 6;

  return activation == FRC_ACT_RELU ? MAX (x, 0) : activation == FRC_ACT_RELU6 ? CLAMP (x, 0, 6)
      : activation == FRC_ACT_HARDSWISH ? x * hard : activation == FRC_ACT_HARDSIGMOID ? hard : x;
}

/* One output element by its definition. */
static void
naive_element (GemmData *d, guint n, guint y, guint x, guint o)
{
  const FrcConvSpec *s = &d->c.spec;
  const FrcView *in = &d->in.view, *r = &d->residual.view;
  gsize at = (((gsize) n * d->c.out_h + y) * d->c.out_w + x) * d->exact.view.ld + o;
  gdouble sum = d->bias ? d->bias[o] : 0, size = fabs (sum);

  for (guint ky = 0; ky < s->kernel_h; ky++)
    for (guint kx = 0; kx < s->kernel_w; kx++) {
      gint iy = (gint) (y * s->stride_h + ky) - (gint) s->pad_top;
      gint ix = (gint) (x * s->stride_w + kx) - (gint) s->pad_left;
      if (iy < 0 || ix < 0 || iy >= (gint) in->h || ix >= (gint) in->w)
        continue;
      for (guint i = 0; i < s->in_channels; i++) {
        gdouble product = (gdouble) in->data[((n * in->h + iy) * in->w + ix) * in->ld + i] *
            d->weight[((o * s->in_channels + i) * s->kernel_h + ky) * s->kernel_w + kx];
        sum += product;
        size += fabs (product);
      }
    }
  if (d->c.residual != RESIDUAL_NONE) {
    guint ry = y * r->h / d->c.out_h, rx = x * r->w / d->c.out_w;
    gdouble add = r->data[((n * r->h + ry) * r->w + rx) * r->ld + o];
    sum += add;
    size += fabs (add);
  }
  d->exact.view.data[at] = activate (sum, s->activation);
  if (s->activation == FRC_ACT_HARDSWISH || s->activation == FRC_ACT_HARDSIGMOID)
    size = 2 * size + 3; /* x + 3 is rounded, and x · hard (x) is as steep as 1.5 */
  d->scale.view.data[at] = size;
}

static void
data_new (GemmData *d, const GemmCase *c, guint64 seed)
{
  const FrcConvSpec *s = &c->spec;
  guint64 state = seed;
  gsize n_weights = (gsize) s->out_channels * s->in_channels * s->kernel_h * s->kernel_w;
  guint rh = c->out_h, rw = c->out_w, o = s->out_channels;

  memset (d, 0, sizeof *d);
  d->c = *c;
  d->seed = seed;
  d->weight = g_new (gfloat, n_weights);
  for (gsize i = 0; i < n_weights; i++)
    d->weight[i] = check_random_float (&state);
  d->bias = c->bias ? g_new (gfloat, o) : NULL;
  for (guint i = 0; i < o && c->bias; i++)
    d->bias[i] = check_random_float (&state) * 4;
  d->in = check_view_new_input (&state, c->n, c->h, c->w, s->in_channels,
      s->in_channels + c->in_extra);
  if (c->residual == RESIDUAL_UPSAMPLED) {
    rh = 1 + check_random_below (&state, c->out_h);
    rw = (c->out_w + 1) / 2;
  }
  if (c->residual != RESIDUAL_NONE)
    d->residual = check_view_new_input (&state, c->n, rh, rw, o, o + c->in_extra);
  d->exact = check_view_new_output (c->n, c->out_h, c->out_w, o, o);
  d->scale = check_view_new_output (c->n, c->out_h, c->out_w, o, o);
  d->scalar = check_view_new_output (c->n, c->out_h, c->out_w, o, o);
  for (guint n = 0; n < c->n; n++)
    for (guint y = 0; y < c->out_h; y++)
      for (guint x = 0; x < c->out_w; x++)
        for (guint j = 0; j < o; j++)
          naive_element (d, n, y, x, j);
}

static void
data_clear (GemmData *d)
{
  g_free (d->weight);
  g_free (d->bias);
  check_view_clear (&d->in);
  check_view_clear (&d->residual);
  check_view_clear (&d->exact);
  check_view_clear (&d->scale);
  check_view_clear (&d->scalar);
}

static void
run_conv (const GemmData *d, const FrcConv *conv, FrcPool *pool, CheckView *out)
{
  FrcConvPlan plan;

  if (conv->gemm->block != NULL && conv->winograd == NULL) {
    frc_conv_plan (conv, &d->in.view, &out->view, &plan);
    g_assert_cmpuint (plan.row_bytes + plan.table_bytes, <=,
        frc_conv_scratch_bytes (conv, &d->in.view, &out->view));
  }
  g_assert_true (frc_pool_reserve (pool,
      frc_conv_scratch_bytes (conv, &d->in.view, &out->view), NULL));
  frc_conv_run (conv, pool, &d->in.view, d->residual.memory ? &d->residual.view : NULL,
      &out->view);
}

/* @want: what to compare with; the result goes to @keep if not NULL. */
static void
check_kernel (GemmData *d, const char *name, const char *label, const CheckView *want,
    gdouble tolerance, CheckView *keep)
{
  const GemmCase *c = &d->c;
  guint o = c->spec.out_channels;
  GError *error = NULL;
  FrcConv *conv =
      frc_conv_new (frc_kernels_get (name, NULL), &c->spec, d->weight, d->bias, &error);
  CheckView out[POOLS];

  g_assert_no_error (error);
  if (conv->winograd != NULL)
    tolerance = c->spec.stride_h == 1 ? TOLERANCE_WINOGRAD : TOLERANCE_WINOGRAD_HALF;
  for (guint i = 0; i < POOLS; i++) {
    out[i] = check_view_new_output (c->n, c->out_h, c->out_w, o, o + c->out_extra);
    run_conv (d, conv, pools[i], &out[i]);
    char *problem = check_view_canaries (&out[i]);
    if (problem == NULL)
      problem = check_view_compare (&out[i], want, &d->scale, tolerance);
    if (problem != NULL)
      report (d, label, problem);
    g_free (problem);
  }
  for (guint i = 1; i < POOLS; i++)
    if (memcmp (out[0].memory, out[i].memory, out[0].floats * sizeof (gfloat)) != 0)
      report (d, label, i == 1 ? "one thread and two differ" : "one thread and four differ");
  for (gsize i = 0; keep && i < (gsize) c->n * c->out_h * c->out_w; i++)
    memcpy (keep->view.data + i * o, out[0].view.data + i * out[0].view.ld, o * sizeof (gfloat));
  for (guint i = 0; i < POOLS; i++)
    check_view_clear (&out[i]);
  frc_conv_free (conv);
}

static void
check_case (const GemmCase *c, guint64 seed)
{
  GemmData d;

  data_new (&d, c, seed);
  check_kernel (&d, "scalar", "scalar", &d.exact, TOLERANCE_SCALAR, &d.scalar);
  for (const char *const *name = check_kernel_names (); *name != NULL; name++)
    if (!g_str_equal (*name, "scalar"))
      check_kernel (&d, *name, *name, &d.scalar, TOLERANCE_KERNEL, NULL);
  check_kernel (&d, "baseline", "openblas", &d.scalar, TOLERANCE_OPENBLAS, NULL);
  data_clear (&d);
}

static gboolean
random_case (guint64 *state, GemmCase *c)
{
  static const guint kernels[][2] = {{1, 1}, {1, 1}, {3, 3}, {3, 3}, {5, 5}, {7, 7}, {2, 3}, {1, 3}};
  static const guint ins[] = {1, 3, 8, 17, 24, 40, 64, 512, 1100};
  static const guint outs[] = {1, 4, 7, 8, 15, 16, 17, 24, 31, 32, 33, 40, 64, 91, 200};
  static const guint extras[] = {0, 0, 1, 5, 16};
  const guint *kernel = kernels[check_random_below (state, G_N_ELEMENTS (kernels))];
  FrcConvSpec *s = &c->spec;

  s->kernel_h = kernel[0];
  s->kernel_w = kernel[1];
  s->stride_h = 1 + check_random_below (state, 2);
  s->stride_w = 1 + check_random_below (state, 3) / 2 * 2;
  s->pad_top = check_random_below (state, s->kernel_h / 2 + 1);
  s->pad_left = check_random_below (state, s->kernel_w / 2 + 1);
  s->in_channels = check_pick (state, ins);
  s->out_channels = check_pick (state, outs);
  s->activation = check_random_below (state, FRC_ACT_HARDSIGMOID + 1);
  c->n = 1 + check_random_below (state, 3);
  c->h = s->kernel_h + check_random_below (state, 20);
  c->w = s->kernel_w + check_random_below (state, 40);
  /* Padding below and to the right: anything up to the one above and to the left, plus one. */
  c->out_h = (c->h + s->pad_top + check_random_below (state, s->pad_top + 2) - s->kernel_h) /
      s->stride_h + 1;
  c->out_w = (c->w + s->pad_left + check_random_below (state, s->pad_left + 2) - s->kernel_w) /
      s->stride_w + 1;
  c->in_extra = check_pick (state, extras);
  c->out_extra = check_pick (state, extras);
  c->bias = check_random_below (state, 4) > 0;
  c->residual = check_random_below (state, 3);
  return (guint64) c->n * c->out_h * c->out_w * s->in_channels * s->out_channels * s->kernel_h *
      s->kernel_w < MAX_MACS;
}

static void
test_random (void)
{
  const char *given = g_getenv ("FRC_TEST_SEED");
  guint64 state = given ? g_ascii_strtoull (given, NULL, 0) : 20240229;

  for (guint i = 0; i < RANDOM_CASES && !g_test_failed ();) {
    GemmCase c = {0};
    if (random_case (&state, &c)) {
      check_case (&c, check_random (&state));
      i++;
    }
  }
}

/* Every number of pixels around a block's and of channels around a panel's: all tails. */
static void
test_tails (void)
{
  for (guint rows = 1; rows <= 30; rows++)
    for (guint outs = 1; outs <= 66; outs += outs < 34 ? 1 : 5) {
      GemmCase c = {{1, 1, 1, 1, 0, 0, 5, outs, rows % 5}, 1, 1, rows, 1, rows, 0, outs % 3, TRUE,
        outs % 2};
      check_case (&c, 1 + rows * 100 + outs);
    }
}

/* Fully connected: one row, a few, many; K longer than one run of the block. */
static void
test_connected (void)
{
  static const guint rows[] = {1, 2, 13, 29, 300}, ins[] = {1, 960, 1024, 1025, 2600, 4096};

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    for (guint j = 0; j < G_N_ELEMENTS (ins); j++) {
      GemmCase c = {{1, 1, 1, 1, 0, 0, ins[j], 75, FRC_ACT_HARDSWISH}, rows[i], 1, 1, 1, 1, 3, 2,
        TRUE, RESIDUAL_SAME};
      if (ins[j] == 4096)
        c.in_extra = 0; /* rows that lie 16 KiB apart are copied */
      check_case (&c, 77 + i * 10 + j);
    }
}

/* Shapes that are cut into many tiles in every direction. */
static void
test_tiles (void)
{
  const GemmCase cases[] = {
    {{3, 3, 1, 1, 1, 1, 16, 40, FRC_ACT_RELU}, 1, 90, 210, 90, 210, 0, 0, TRUE, RESIDUAL_SAME},
    {{3, 3, 1, 1, 1, 1, 24, 33, FRC_ACT_NONE}, 40, 7, 7, 7, 7, 0, 0, TRUE, RESIDUAL_NONE},
    {{7, 7, 2, 2, 3, 3, 3, 33, FRC_ACT_RELU}, 1, 97, 301, 49, 151, 0, 0, TRUE, RESIDUAL_NONE},
    {{3, 3, 2, 2, 0, 0, 3, 32, FRC_ACT_RELU6}, 1, 160, 224, 80, 112, 0, 0, TRUE, RESIDUAL_NONE},
    {{1, 1, 2, 2, 0, 0, 512, 70, FRC_ACT_NONE}, 1, 25, 34, 13, 17, 0, 0, TRUE, RESIDUAL_UPSAMPLED},
    {{1, 1, 1, 1, 0, 0, 1024, 64, FRC_ACT_NONE}, 1, 25, 21, 25, 21, 0, 0, TRUE, RESIDUAL_SAME},
    {{3, 3, 1, 1, 1, 1, 40, 40, FRC_ACT_RELU}, 2, 30, 31, 30, 31, 0, 0, TRUE, RESIDUAL_SAME},
    {{3, 3, 2, 2, 1, 1, 40, 56, FRC_ACT_RELU}, 2, 60, 61, 30, 31, 0, 0, TRUE, RESIDUAL_SAME},
    {{3, 3, 1, 1, 1, 1, 160, 176, FRC_ACT_NONE}, 2, 26, 27, 26, 27, 0, 0, TRUE, RESIDUAL_NONE},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    check_case (&cases[i], 4242 + i);
}

/* Winograd's tiles: maps of every size around a tile's, all paddings, tails of vectors and panels. At
 * stride 2 the padding is that of networks: one of 2 leaves a corner a single tap, whose units are
 * too small to measure the error of its tile by. */
static void
test_winograd (gconstpointer data)
{
  static const guint ins[] = {32, 33, 47, 64}, outs[] = {32, 35, 48, 65, 100};
  guint stride = GPOINTER_TO_UINT (data);
  guint64 state = 31;

  for (guint h = 1; h <= 11; h++)
    for (guint w = 1; w <= 11; w++) {
      guint pads = 4 - stride, pad_top = check_random_below (&state, pads);
      guint pad_left = check_random_below (&state, pads);
      guint in_h = (h - 1) * stride + 3 - MIN (pad_top, 2), in_w = (w - 1) * stride + 3 -
          MIN (pad_left, 2);
      GemmCase c = {{3, 3, stride, stride, pad_top, pad_left, check_pick (&state, ins),
          check_pick (&state, outs), (h + w) % 5}, 1 + check_random_below (&state, 3), in_h, in_w,
        h, w, w % 3 * 5, h % 3 * 5, h % 2 > 0, w % 3};
      check_case (&c, 600 + h * 16 + w);
    }
}

/* How far Winograd's outputs are from those of the definition, at the widths that networks have: it
 * is chosen from 32 channels on where the table has it. */
static void
winograd_error (guint n, guint stride)
{
  GemmCase c = {{3, 3, stride, stride, 1, 1, n, n, FRC_ACT_RELU}, 1, 6 * stride, 7 * stride, 6, 7, 0,
    0, TRUE, RESIDUAL_NONE};
  GemmData d;
  CheckView out = check_view_new_output (1, 6, 7, n, n);

  data_new (&d, &c, 900 + n);
  for (const char *const *name = check_kernel_names (); *name != NULL; name++) {
    FrcConv *conv = frc_conv_new (frc_kernels_get (*name, NULL), &c.spec, d.weight, d.bias, NULL);
    gdouble error = 0, most = 0;

    g_assert_true ((conv->winograd != NULL) == !g_str_equal (*name, "scalar"));
    run_conv (&d, conv, pools[0], &out);
    for (guint j = 0; j < 42 * n; j++) {
      error = MAX (error, fabsf (out.view.data[j] - d.exact.view.data[j]));
      most = MAX (most, fabsf (d.exact.view.data[j]));
    }
    g_test_message ("3x3/%u of %u channels, %s: largest error %.1e of the largest output", stride, n,
        frc_conv_kernel_name (conv), error / most);
    g_assert_cmpfloat (error / most, <, stride == 1 ? 5e-6 : 7e-6);
    frc_conv_free (conv);
  }
  check_view_clear (&out);
  data_clear (&d);
}

static void
test_winograd_error (void)
{
  for (guint n = 64; n <= 512; n *= 2)
    winograd_error (n, 1);
  for (guint n = 64; n <= 256; n *= 2)
    winograd_error (n, 2);
}

/* SAME padding is nothing but the padding that a stride of 2 needs for an odd and an even side. */
static void
test_same_padding (void)
{
  static const guint cases[][5] = { /* kernel, height, width, padding above, to the left */
    {3, 8, 9, 0, 1}, {3, 9, 8, 1, 0}, {7, 12, 13, 2, 3}, {1, 8, 9, 0, 0}, {2, 4, 5, 0, 0}};
  guint64 state = 5;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    const guint *k = cases[i], h = (k[1] + 1) / 2, w = (k[2] + 1) / 2;
    FrcConvSpec spec = {k[0], k[0], 2, 2, k[3], k[4], 5, 9, FRC_ACT_RELU}, same = spec;
    CheckView in = check_view_new_input (&state, 2, k[1], k[2], 5, 5);
    CheckView weight = check_view_new_input (&state, 1, 1, k[0] * k[0], 45, 45);
    CheckView padded = check_view_new_output (2, h, w, 9, 12), out = check_view_new_output (2, h, w, 9, 12);
    same.pad_top = same.pad_left = 0;
    same.same = TRUE;
    for (const char *const *name = check_kernel_names (); *name != NULL; name++) {
      const FrcKernels *kernels = frc_kernels_get (*name, NULL);
      FrcConv *a = frc_conv_new (kernels, &spec, weight.view.data, NULL, NULL);
      FrcConv *b = frc_conv_new (kernels, &same, weight.view.data, NULL, NULL);
      gsize bytes = frc_conv_scratch_bytes (b, &in.view, &out.view);
      g_assert_true (frc_pool_reserve (pools[1], bytes, NULL));
      check_view_reset (&padded);
      check_view_reset (&out);
      frc_conv_run (a, pools[1], &in.view, NULL, &padded.view);
      frc_conv_run (b, pools[1], &in.view, NULL, &out.view);
      g_assert_true (memcmp (out.memory, padded.memory, out.floats * sizeof (gfloat)) == 0);
      frc_conv_free (a);
      frc_conv_free (b);
    }
    check_view_clear (&in);
    check_view_clear (&weight);
    check_view_clear (&padded);
    check_view_clear (&out);
  }
}

/* Scratch that was reserved for a large input is enough for every smaller one. */
static void
test_scratch_bound (void)
{
  static const guint kernels[] = {1, 3, 7}, ins[] = {1, 3, 64, 500, 2048, 12544};
  static const guint sides[] = {1, 2, 7, 13, 60, 71, 100, 257, 1333};
  gfloat *weight = g_new0 (gfloat, 49 * 2048 * 8 * 8);

  for (guint k = 0; k < G_N_ELEMENTS (kernels); k++)
    for (guint i = 0; i < G_N_ELEMENTS (ins); i++)
      for (guint stride = 1; stride <= 2; stride++) {
        guint kernel = kernels[k], pad = kernel / 2;
        FrcConvSpec spec = {kernel, kernel, stride, stride, pad, pad, ins[i], 8};
        FrcConv *conv = frc_conv_new (frc_kernels_get (NULL, NULL), &spec, weight, NULL, NULL);
        FrcView largest = {NULL, 64, 1333, 1333, ins[i], ins[i]};
        gsize bytes = frc_conv_scratch_bytes (conv, &largest, &largest);

        for (guint h = 0; h < G_N_ELEMENTS (sides); h++)
          for (guint w = 0; w < G_N_ELEMENTS (sides); w++)
            for (guint n = 1; n <= 64; n *= 8) {
              FrcView in = {NULL, n, sides[h], sides[w], ins[i], ins[i]};
              FrcView out = {NULL, n, (in.h - 1) / stride + 1, (in.w - 1) / stride + 1, 8, 8};
              FrcConvPlan plan;
              if (conv->winograd != NULL)
                continue; /* its scratch depends on the channels alone */
              frc_conv_plan (conv, &in, &out, &plan);
              g_assert_cmpuint (plan.row_bytes + plan.table_bytes, <=, bytes);
            }
        frc_conv_free (conv);
      }
  g_free (weight);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < POOLS; i++)
    pools[i] = frc_pool_new (1 << i, NULL);
  g_test_add_func ("/gemm/tails", test_tails);
  g_test_add_func ("/gemm/connected", test_connected);
  g_test_add_func ("/gemm/tiles", test_tiles);
  g_test_add_data_func ("/gemm/winograd", GUINT_TO_POINTER (1), test_winograd);
  g_test_add_data_func ("/gemm/winograd-half", GUINT_TO_POINTER (2), test_winograd);
  g_test_add_func ("/gemm/winograd-error", test_winograd_error);
  g_test_add_func ("/gemm/same-padding", test_same_padding);
  g_test_add_func ("/gemm/scratch-bound", test_scratch_bound);
  g_test_add_func ("/gemm/random", test_random);
  int result = g_test_run ();
  for (guint i = 0; i < POOLS; i++)
    frc_pool_free (pools[i]);
  return result;
}
