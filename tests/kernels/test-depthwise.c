/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Depthwise convolution: scalar against a naive loop in double, every other kernel against scalar,
 * all of them with one thread and with two, which must not differ in a bit.
 *
 * Tolerances are in units of Σ |weight · input| + |bias|. FRC_TEST_SEED starts other random cases.
 */
#include "check.h"

#include <math.h>
#include <string.h>

#define TOLERANCE 5e-7 /* a chain of at most 50 f32 additions, with or without fused products */
#define RANDOM_CASES 400

typedef struct {
  FrcConvSpec spec;
  guint n, h, w, out_h, out_w;
  guint in_extra, out_extra; /* ld − c */
  gboolean bias;
} DepthwiseCase;

static FrcPool *pools[2]; /* of one thread and of two */

static gdouble
activate (gdouble x, FrcActivation activation)
{
  gdouble hard = CLAMP (x + 3, 0, 6) / 6;

  return activation == FRC_ACT_RELU ? MAX (x, 0) : activation == FRC_ACT_RELU6 ? CLAMP (x, 0, 6)
      : activation == FRC_ACT_HARDSWISH ? x * hard : activation == FRC_ACT_HARDSIGMOID ? hard : x;
}

/* @exact and @scale: the result in double, rounded once, and the units of the tolerance. */
static void
naive (const DepthwiseCase *c, const FrcView *in, const gfloat *weight, const gfloat *bias,
    const FrcView *exact, const FrcView *scale)
{
  const FrcConvSpec *s = &c->spec;

  for (guint n = 0; n < c->n; n++)
    for (guint y = 0; y < c->out_h; y++)
      for (guint x = 0; x < c->out_w; x++)
        for (guint i = 0; i < s->out_channels; i++) {
          gdouble sum = bias ? bias[i] : 0, size = fabs (sum);
          for (guint ky = 0; ky < s->kernel_h; ky++)
            for (guint kx = 0; kx < s->kernel_w; kx++) {
              gint iy = (gint) (y * s->stride_h + ky) - (gint) s->pad_top;
              gint ix = (gint) (x * s->stride_w + kx) - (gint) s->pad_left;
              if (iy < 0 || ix < 0 || iy >= (gint) c->h || ix >= (gint) c->w)
                continue;
              gdouble v = (gdouble) weight[(i * s->kernel_h + ky) * s->kernel_w + kx] *
                  in->data[((n * c->h + (guint) iy) * c->w + (guint) ix) * in->ld +
                      i * s->in_channels / s->out_channels];
              sum += v;
              size += fabs (v);
            }
          gsize at = ((n * c->out_h + y) * c->out_w + x) * exact->ld + i;
          exact->data[at] = (gfloat) activate (sum, s->activation);
          scale->data[at] = (gfloat) (s->activation == FRC_ACT_HARDSWISH ? 2 * size + 1 : size + 1);
        }
}

static void
report (const DepthwiseCase *c, guint64 seed, const char *kernel, char *problem)
{
  const FrcConvSpec *s = &c->spec;

  if (problem == NULL)
    return;
  g_test_message ("%s: %s; seed %" G_GUINT64_FORMAT ": %ux%u/%ux%u pad %u,%u, %u to %u channels, act %d, "
      "in %ux%ux%u +%u, out %ux%u +%u, bias %d", kernel, problem, seed, s->kernel_h, s->kernel_w,
      s->stride_h, s->stride_w, s->pad_top, s->pad_left, s->in_channels,
      s->out_channels, s->activation, c->n, c->h, c->w, c->in_extra, c->out_h, c->out_w, c->out_extra, c->bias);
  g_test_fail ();
  g_free (problem);
}

static void
check_case (const DepthwiseCase *c, guint64 seed)
{
  const FrcConvSpec *s = &c->spec;
  guint channels = s->out_channels, taps = s->kernel_h * s->kernel_w;
  guint64 state = seed | 1;
  CheckView in = check_view_new_input (&state, c->n, c->h, c->w, s->in_channels,
      s->in_channels + c->in_extra);
  CheckView outs[4]; /* exact, its scale, one thread, two threads */
  gfloat *weight = g_new (gfloat, channels * taps), *bias = g_new (gfloat, channels);
  /* The same input without a float around it: whoever reads there is found by ASan, or computes
   * something else. */
  FrcView ins[2] = {in.view, in.view};
  ins[1].data = g_memdup2 (in.view.data,
      (((gsize) c->n * c->h * c->w - 1) * in.view.ld + in.view.c) * sizeof (gfloat));

  for (guint i = 0; i < 4; i++)
    outs[i] = check_view_new_output (c->n, c->out_h, c->out_w, channels, channels + c->out_extra);
  for (guint i = 0; i < channels * taps; i++)
    weight[i] = check_random_float (&state);
  for (guint i = 0; i < channels; i++)
    bias[i] = check_random_float (&state);
  naive (c, &in.view, weight, c->bias ? bias : NULL, &outs[0].view, &outs[1].view);

  for (const char *const *name = check_kernel_names (); *name != NULL; name++) {
    FrcDepthwise *depthwise = frc_depthwise_new (frc_kernels_get (*name, NULL), s, weight,
        c->bias ? bias : NULL, NULL);
    g_assert_nonnull (depthwise);
    for (guint i = 0; i < 2; i++) {
      check_view_reset (&outs[2 + i]);
      frc_depthwise_run (depthwise, pools[i], &ins[i], &outs[2 + i].view);
    }
    report (c, seed, *name, check_view_compare (&outs[2], &outs[0], &outs[1], TOLERANCE));
    report (c, seed, *name, check_view_canaries (&outs[2]));
    if (memcmp (outs[2].memory, outs[3].memory, outs[2].floats * sizeof (gfloat)) != 0)
      report (c, seed, *name, g_strdup ("one thread and two differ"));
    frc_depthwise_free (depthwise);
  }
  g_free (ins[1].data);
  check_view_clear (&in);
  for (guint i = 0; i < 4; i++)
    check_view_clear (&outs[i]);
  g_free (weight);
  g_free (bias);
}

static guint
out_size (guint in, guint kernel, guint stride, guint pad)
{
  return in + 2 * pad < kernel ? 0 : (in + 2 * pad - kernel) / stride + 1;
}

static void
test_random (void)
{
  static const guint kernels[] = {1, 2, 3, 3, 3, 4, 5, 5, 5, 7}, extras[] = {0, 0, 1, 5, 16};
  const char *given = g_getenv ("FRC_TEST_SEED");
  guint64 state = given ? g_ascii_strtoull (given, NULL, 0) : 20240311;

  for (guint i = 0; i < RANDOM_CASES && !g_test_failed ();) {
    DepthwiseCase c = {0};
    FrcConvSpec *s = &c.spec;
    s->kernel_h = check_pick (&state, kernels);
    s->kernel_w = check_random_below (&state, 4) ? s->kernel_h : check_pick (&state, kernels);
    s->stride_h = 1 + check_random_below (&state, 2);
    s->stride_w = check_random_below (&state, 8) ? s->stride_h : 3;
    s->pad_top = check_random_below (&state, s->kernel_h / 2 + 1);
    s->pad_left = check_random_below (&state, s->kernel_w / 2 + 1);
    s->in_channels = s->out_channels = 1 + check_random_below (&state, 80);
    s->activation = check_random_below (&state, 5);
    c.n = 1 + check_random_below (&state, 2);
    c.h = 1 + check_random_below (&state, 14);
    c.w = 1 + check_random_below (&state, 40);
    c.out_h = out_size (c.h, s->kernel_h, s->stride_h, s->pad_top);
    c.out_w = out_size (c.w, s->kernel_w, s->stride_w, s->pad_left);
    c.in_extra = check_pick (&state, extras);
    c.out_extra = check_pick (&state, extras);
    c.bias = check_random_below (&state, 4) > 0;
    if (c.out_h > 0 && c.out_w > 0) {
      check_case (&c, check_random (&state));
      i++;
    }
  }
}

/* Every width around the tiles' and every number of channels around the vectors'. */
static void
test_tails (void)
{
  for (guint kernel = 3; kernel <= 5; kernel += 2)
    for (guint stride = 1; stride <= 2; stride++)
      for (guint w = 1; w <= 36; w++)
        for (guint channels = w % 3 + 1; channels <= 34; channels += 3) {
          DepthwiseCase c = {{kernel, kernel, stride, stride, kernel / 2, kernel / 2, channels,
            channels, FRC_ACT_RELU6}, 1, 3, w, out_size (3, kernel, stride, kernel / 2),
            out_size (w, kernel, stride, kernel / 2), channels % 2, channels % 3, TRUE};
          check_case (&c, w * 100 + channels);
        }
}

/* Shapes of the real networks: several bands of rows. */
static void
test_bands (void)
{
  static const guint shapes[][5] = { /* h, w, channels, kernel, stride */
    {80, 112, 72, 3, 1}, {61, 99, 40, 5, 2}, {20, 28, 480, 5, 1}, {10, 14, 1152, 5, 1},
    {25, 34, 200, 3, 1}};

  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++) {
    const guint *s = shapes[i], pad = s[3] / 2;
    DepthwiseCase c = {{s[3], s[3], s[4], s[4], pad, pad, s[2], s[2], FRC_ACT_HARDSWISH}, 1, s[0],
      s[1], out_size (s[0], s[3], s[4], pad), out_size (s[1], s[3], s[4], pad), 0, 0, TRUE};
    check_case (&c, 4711 + i);
  }
}

/* Several output channels an input channel, as Inception's first layer has them. */
static void
test_multiplier (void)
{
  static const guint multipliers[] = {2, 3, 8, 16, 33};
  guint64 state = 99;

  for (guint i = 0; i < 120; i++) {
    guint m = multipliers[i % G_N_ELEMENTS (multipliers)], kernel = i % 3 ? 7 : 3;
    guint stride = 1 + i % 2, channels = 1 + check_random_below (&state, 7), pad = i % 4;
    guint h = kernel + check_random_below (&state, 9), w = kernel + check_random_below (&state, 40);
    DepthwiseCase c = {{kernel, kernel, stride, stride, MIN (pad, kernel / 2),
      MIN (pad, kernel / 2), channels, m * channels, FRC_ACT_RELU}, 1 + i % 2, h, w,
      out_size (h, kernel, stride, MIN (pad, kernel / 2)),
      out_size (w, kernel, stride, MIN (pad, kernel / 2)), i % 3, i % 5, TRUE};
    check_case (&c, 77 + i);
  }
}

/* Inception's first layer and its neighbours: every width around the tiles', rows and columns
 * outside the map on either side, pixels with something between them. */
static void
test_stem (void)
{
  static const guint heights[] = {1, 3, 8, 13};

  for (guint w = 1; w <= 52; w++)
    for (guint i = 0; i < 8; i++) {
      guint pad = (i + w) % 4, h = heights[i % 4], channels = i == 7 ? 2 + 2 * (w % 2) : 3;
      DepthwiseCase c = {{7, 7, 2, 2, pad, pad, channels, 8 * channels,
        i % 2 ? FRC_ACT_HARDSWISH : FRC_ACT_RELU6}, 1 + i % 2, h, w, out_size (h, 7, 2, pad),
        out_size (w, 7, 2, pad), i % 3 * (w % 3), i / 3, w % 4 > 0};
      if (c.out_h > 0 && c.out_w > 0)
        check_case (&c, w * 10 + i);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pools[0] = frc_pool_new (1, NULL);
  pools[1] = frc_pool_new (2, NULL);
  g_test_add_func ("/depthwise/tails", test_tails);
  g_test_add_func ("/depthwise/multiplier", test_multiplier);
  g_test_add_func ("/depthwise/stem", test_stem);
  g_test_add_func ("/depthwise/bands", test_bands);
  g_test_add_func ("/depthwise/random", test_random);
  int result = g_test_run ();
  frc_pool_free (pools[0]);
  frc_pool_free (pools[1]);
  return result;
}
