/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Narrow convolutions and fully connected layers, in bf16 and int8: odd sizes and channels, strides,
 * paddings, residuals.
 */
#include "check-narrow.h"
#include "core/kernels/narrow_conv.h"

#include <math.h>
#include <stdlib.h>

/* ---- convolutions -------------------------------------------------------------------------- */

typedef struct {
  FrcConvSpec spec;
  guint pixels; /* of a fully connected layer */
  gboolean wide_in;
  gfloat *weight, *bias;
  CheckNarrow in, residual;
  CheckView wide;
  gboolean has_residual, is_int8;
} Conv;

static gdouble quantized_input (gdouble x);

static gfloat
rounded (gfloat v)
{
  return frc_bf16_widen (frc_bf16_narrow (v));
}

static void
conv_fill (Conv *c, guint64 *state)
{
  const FrcConvSpec *s = &c->spec;
  gsize per_output = (gsize) s->in_channels * s->kernel_h * s->kernel_w;

  c->weight = g_new (gfloat, per_output * s->out_channels);
  c->bias = g_new (gfloat, s->out_channels);
  for (gsize i = 0; i < per_output * s->out_channels; i++)
    c->weight[i] = rounded (check_random_float (state));
  for (guint i = 0; i < s->out_channels; i++)
    c->bias[i] = check_random_float (state);
}

static void
conv_clear (Conv *c)
{
  g_free (c->weight);
  g_free (c->bias);
  check_narrow_clear (&c->in);
  check_narrow_clear (&c->residual);
  check_view_clear (&c->wide);
}

static gdouble
conv_input (const Conv *c, guint n, gint y, gint x, guint i)
{
  const FrcView *v = &c->wide.view;

  if (c->is_int8)
    return quantized_input (check_narrow_at (&c->in, n, y, x, i));
  if (!c->wide_in)
    return check_narrow_at (&c->in, n, y, x, i);
  if (y < 0 || x < 0 || y >= (gint) v->h || x >= (gint) v->w)
    return 0;
  return rounded (v->data[((gsize) y * v->w + x) * v->ld + i]);
}

/* One output; its terms' sizes are added up in *size. */
static gdouble
naive_conv (const Conv *c, guint n, guint y, guint x, guint o, gdouble *size)
{
  const FrcConvSpec *s = &c->spec;
  gdouble sum = c->bias[o];

  *size = fabs (sum);
  for (guint i = 0; i < s->in_channels; i++)
    for (guint ky = 0; ky < s->kernel_h; ky++)
      for (guint kx = 0; kx < s->kernel_w; kx++) {
        gdouble term = conv_input (c, n, (gint) (y * s->stride_h + ky) - (gint) s->pad_top,
            (gint) (x * s->stride_w + kx) - (gint) s->pad_left, i) *
            c->weight[(((gsize) o * s->in_channels + i) * s->kernel_h + ky) * s->kernel_w + kx];
        sum += term;
        *size += fabs (term);
      }
  return sum;
}

/* A fully connected layer's weights have the channels innermost. */
static gdouble
naive_linear (const Conv *c, guint n, guint o, gdouble *size)
{
  const FrcNarrowView *v = &c->in.view;
  gdouble sum = c->bias[o];

  *size = fabs (sum);
  for (guint p = 0; p < c->pixels; p++)
    for (guint i = 0; i < v->c; i++) {
      gdouble term = conv_input (c, n, p / v->w, p % v->w, i) *
          c->weight[(gsize) o * c->spec.in_channels + p * v->c + i];
      sum += term;
      *size += fabs (term);
    }
  return sum;
}

static void
conv_want (const Conv *c, const CheckNarrow *out, CheckWant *want)
{
  const FrcNarrowView *v = &out->view;
  gsize k = 0;

  for (guint n = 0; n < v->n; n++)
    for (guint y = 0; y < v->h; y++)
      for (guint x = 0; x < v->w; x++)
        for (guint o = 0; o < v->c; o++, k++) {
          gdouble sum = c->pixels ? naive_linear (c, n, o, &want->size[k])
                                  : naive_conv (c, n, y, x, o, &want->size[k]);
          if (c->has_residual)
            sum += check_narrow_at (&c->residual, n, y * c->residual.view.h / v->h,
                x * c->residual.view.w / v->w, o);
          want->value[k] = check_activate (sum, c->spec.activation);
          want->size[k] += 6;
        }
}

/* ---- int8 ---------------------------------------------------------------------------------- */

#define LEAST -1.0f
#define MOST 0.75f /* some inputs are beyond: they are clipped */

/* What int8 makes of an input and of a filter's weight: values that stand for their steps. */
static gdouble
quantized_input (gdouble x)
{
  gfloat inverse = 255 / (MOST - LEAST), zero = rintf (-LEAST * inverse);

  return (CLAMP (rintf ((gfloat) x * inverse + zero), 0, 255) - zero) / inverse;
}

static void
quantize_filter (gfloat *filter, gsize n)
{
  gfloat most = 0;

  for (gsize i = 0; i < n; i++)
    most = MAX (most, fabsf (filter[i]));
  for (gsize i = 0; i < n; i++)
    filter[i] = rintf (filter[i] / (most / 127)) * (most / 127);
}

/* Rounds what a bf16 convolution would take as int8 does: then both should give the same. Values in
 * the middle between two steps are avoided. */
static void
quantize_conv (Conv *c)
{
  gsize n = (gsize) c->spec.in_channels * c->spec.kernel_h * c->spec.kernel_w;

  for (guint o = 0; o < c->spec.out_channels; o++)
    quantize_filter (c->weight + o * n, n);
  for (gsize i = 0; i < c->in.elements; i++)
    if (i % c->in.view.ld < c->in.view.c) {
      gfloat inverse = 255 / (MOST - LEAST), at = frc_bf16_widen (c->in.view.data[i]) * inverse;
      if (fabsf (at - floorf (at) - .5f) < .01f)
        c->in.view.data[i] = 0;
    }
  c->is_int8 = TRUE;
}

/* With as much memory as it asks for. */
static void
conv_run (const FrcNarrowConv *conv, FrcPool *pool, FrcNarrowConvIo *io)
{
  gsize shared = frc_narrow_conv_shared_bytes (conv, io);

  g_assert_true (frc_pool_reserve (pool, frc_narrow_conv_scratch_bytes (conv, io), NULL));
  if (shared > 0)
    g_assert_cmpint (posix_memalign (&io->shared, 64, shared), ==, 0);
  frc_narrow_conv_run (conv, pool, io);
  g_clear_pointer (&io->shared, free);
}

static FrcNarrowConvIo
conv_io (const Conv *c)
{
  return (FrcNarrowConvIo){.in = c->wide_in ? NULL : &c->in.view,
    .wide_in = c->wide_in ? &c->wide.view : NULL,
    .residual = c->has_residual ? &c->residual.view : NULL};
}

static FrcNarrowConv *
make_conv (const Conv *c, const FrcNarrowKernels *kernels)
{
  FrcBounds bounds = {LEAST, MOST};

  if (c->is_int8)
    return frc_narrow_conv_new_int8 (kernels, &c->spec, c->pixels, bounds, c->weight, c->bias, NULL);
  return frc_narrow_conv_new (kernels, &c->spec, c->pixels, c->wide_in, c->weight, c->bias, NULL);
}

static void
run_conv (gconstpointer data, const FrcNarrowKernels *kernels, FrcPool *pool,
    const FrcNarrowView *out)
{
  const Conv *c = data;
  FrcNarrowConv *conv = make_conv (c, kernels);
  FrcNarrowConvIo io = conv_io (c);

  io.out = out;
  conv_run (conv, pool, &io);
  frc_narrow_conv_free (conv);
}

/* The same into f32: not rounded to bf16 at all. */
static void
check_wide (const Conv *c, const CheckNarrow *out, const CheckWant *want)
{
  const FrcNarrowView *v = &out->view;

  for (guint k = 0; check_narrow_names[k]; k++)
    for (guint p = 0; p < 2; p++) {
      CheckView got = check_view_new_output (v->n, v->h, v->w, v->c, v->c);
      FrcNarrowConv *conv =
          make_conv (c, frc_narrow_kernels (frc_kernels_get (check_narrow_names[k], NULL), NULL));
      FrcNarrowConvIo io = conv_io (c);
      io.wide_out = &got.view;
      conv_run (conv, check_narrow_pools[p], &io);
      char *problem = check_view_canaries (&got);
      g_assert_null (problem);
      for (gsize i = 0; i < (gsize) v->n * v->h * v->w * v->c; i++)
        if (!(fabs (got.view.data[i] - want->value[i]) <= 1e-6 * want->size[i])) {
          g_test_message ("%s into f32, element %" G_GSIZE_FORMAT ": %.9g, expected %.9g",
              check_narrow_names[k], i, got.view.data[i], want->value[i]);
          g_test_fail ();
          break;
        }
      frc_narrow_conv_free (conv);
      check_view_clear (&got);
    }
}

static void
check_conv (Conv *c, guint n, guint h, guint w, guint64 *state)
{
  CheckNarrow out = check_narrow_new (n, h, w, c->spec.out_channels);
  CheckWant want = check_want_new (&out);
  g_autofree char *what = g_strdup_printf ("conv %ux%u/%u,%u pad %u,%u of %u channels, %u pixels, "
      "wide %d, residual %d, act %d", c->spec.kernel_h, c->spec.kernel_w, c->spec.stride_h,
      c->spec.stride_w, c->spec.pad_top, c->spec.pad_left, c->spec.in_channels, c->pixels,
      c->wide_in, c->has_residual, c->spec.activation);

  if (c->has_residual) {
    gboolean small = check_random_below (state, 2);
    c->residual = check_narrow_new_input (state, n, small ? (h + 1) / 2 : h,
        small ? (w + 1) / 2 : w, c->spec.out_channels);
  }
  conv_want (c, &out, &want);
  check_narrow_run (run_conv, c, &out, &want, what);
  check_wide (c, &out, &want);
  check_want_clear (&want);
  check_narrow_clear (&out);
  conv_clear (c);
}

static void
test_conv (void)
{
  static const guint kernels[][2] = {{1, 1}, {1, 1}, {3, 3}, {3, 3}, {5, 5}, {1, 7}, {7, 1}, {2, 3}};
  static const guint channels[] = {3, 16, 24, 32, 33, 64, 80, 96, 130};
  guint64 state = check_narrow_seed;

  for (guint i = 0; i < CHECK_NARROW_CASES; i++) {
    const guint *k = kernels[i % G_N_ELEMENTS (kernels)];
    guint h = 1 + check_random_below (&state, 20), w = 1 + check_random_below (&state, 40);
    guint n = check_random_below (&state, 4) ? 1 : 1 + check_random_below (&state, 3);
    guint sy = 1 + check_random_below (&state, 2), sx = i % 5 ? sy : 1 + check_random_below (&state, 3);
    Conv c = {{k[0], k[1], sy, sx, check_random_below (&state, k[0]), check_random_below (&state, k[1]),
      check_pick (&state, channels), check_pick (&state, channels), check_random_below (&state, 5)}};
    c.in = check_narrow_new_input (&state, n, h, w, c.spec.in_channels);
    c.has_residual = check_random_below (&state, 3) == 0;
    conv_fill (&c, &state);
    check_conv (&c, n, check_out_side (h, k[0], sy, c.spec.pad_top),
        check_out_side (w, k[1], sx, c.spec.pad_left), &state);
  }
}

static void
test_conv_int8 (void)
{
  static const guint kernels[][2] = {{1, 1}, {3, 3}, {3, 3}, {1, 7}};
  static const guint channels[] = {16, 32, 40, 64, 96, 130};
  guint64 state = check_narrow_seed;

  for (guint i = 0; i < CHECK_NARROW_CASES / 2; i++) {
    const guint *k = kernels[i % G_N_ELEMENTS (kernels)];
    guint h = 1 + check_random_below (&state, 20), w = 1 + check_random_below (&state, 40);
    guint n = check_random_below (&state, 4) ? 1 : 2, stride = 1 + check_random_below (&state, 2);
    Conv c = {{k[0], k[1], stride, stride, k[0] / 2, k[1] / 2, check_pick (&state, channels),
      check_pick (&state, channels), check_random_below (&state, 4)}};
    c.in = check_narrow_new_input (&state, n, h, w, c.spec.in_channels);
    c.has_residual = check_random_below (&state, 3) == 0;
    conv_fill (&c, &state);
    quantize_conv (&c);
    check_conv (&c, n, check_out_side (h, k[0], stride, k[0] / 2),
        check_out_side (w, k[1], stride, k[1] / 2), &state);
  }
}

/* The network's first layer: f32 pixels of three channels. */
static void
test_first_layer (void)
{
  static const guint kernels[][3] = {{3, 2, 1}, {7, 2, 3}, {3, 1, 1}, {3, 2, 0}, {1, 1, 0}, {11, 4, 5}};
  guint64 state = check_narrow_seed;

  for (guint i = 0; i < CHECK_NARROW_CASES / 4; i++) {
    const guint *k = kernels[i % G_N_ELEMENTS (kernels)];
    guint h = k[0] + check_random_below (&state, 30), w = k[0] + check_random_below (&state, 70);
    Conv c = {{k[0], k[0], k[1], k[1], k[2], k[2], 3, 8 + check_random_below (&state, 60),
      check_random_below (&state, 4)}, .wide_in = TRUE};
    c.wide = check_view_new_input (&state, 1, h, w, 3, 3);
    conv_fill (&c, &state);
    check_conv (&c, 1, check_out_side (h, k[0], k[1], k[2]), check_out_side (w, k[0], k[1], k[2]), &state);
  }
}

/* Also K so long that it is walked in chunks. */
static void
test_linear (gconstpointer int8)
{
  static const guint shapes[][4] = { /* n, pixels, channels, outputs */
    {1, 49, 32, 10}, {17, 49, 100, 70}, {33, 1, 200, 33}, {150, 4, 64, 105}, {70, 49, 128, 65},
    {400, 9, 480, 40}, {16, 1, 24, 5}, {40, 49, 256, 34}};
  guint64 state = check_narrow_seed;

  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++) {
    const guint *s = shapes[i], side = s[1] == 49 ? 7 : s[1] == 9 ? 3 : s[1] == 4 ? 2 : 1;
    Conv c = {{1, 1, 1, 1, 0, 0, s[1] * s[2], s[3], FRC_ACT_RELU}, .pixels = s[1]};
    c.in = check_narrow_new_input (&state, s[0], side, side, s[2]);
    conv_fill (&c, &state);
    if (int8)
      quantize_conv (&c);
    check_conv (&c, s[0], 1, 1, &state);
  }
}

/* What was reserved for the largest shape holds for every smaller one. */
static void
test_scratch (void)
{
  guint64 state = check_narrow_seed;

  for (guint i = 0; i < 400; i++) {
    guint kernel = 1 + 2 * check_random_below (&state, 3), stride = 1 + check_random_below (&state, 2);
    guint in = 1 + check_random_below (&state, 600);
    gboolean linear = i % 4 == 0;
    FrcConvSpec spec = {kernel, kernel, stride, stride, 1, 1, in, 40, FRC_ACT_NONE};
    if (linear)
      spec = (FrcConvSpec){1, 1, 1, 1, 0, 0, 49 * in, 40, FRC_ACT_NONE};
    g_autofree gfloat *weight = g_new0 (gfloat, (gsize) spec.in_channels * 40 * kernel * kernel);
    FrcNarrowConv *conv = frc_narrow_conv_new (frc_narrow_kernels (frc_kernels_get ("scalar", NULL),
        NULL), &spec, linear ? 49 : 0, FALSE, weight, NULL, NULL);
    FrcNarrowView large = {NULL, linear ? 1000 : 1, linear ? 1 : 300, linear ? 1 : 300, 40, 64}, out;
    FrcNarrowConvIo io = {.out = &large};
    gsize room = frc_narrow_conv_scratch_bytes (conv, &io);
    for (guint k = 0; k < 50; k++) {
      out = (FrcNarrowView){NULL, 1 + check_random_below (&state, large.n),
        1 + check_random_below (&state, large.h), 1 + check_random_below (&state, large.w), 40, 64};
      io.out = &out;
      g_assert_cmpuint (frc_narrow_conv_scratch_bytes (conv, &io), <=, room);
    }
    frc_narrow_conv_free (conv);
  }
}

/* ---- TensorFlow's SAME padding -------------------------------------------------------------- */

static void
test_same_padding (void)
{
  guint64 state = check_narrow_seed;

  for (guint i = 0; i < CHECK_NARROW_CASES; i++) {
    guint kernel = 1 + 2 * (i % 4), stride = 1 + i / 4 % 3, c = 1 + check_random_below (&state, 40);
    guint h = 4 + check_random_below (&state, 9), w = 4 + check_random_below (&state, 20);
    Conv conv = {.spec = {kernel, kernel, stride, stride, 0, 0, c, 33, FRC_ACT_RELU},
      .wide_in = i % 2, .in = check_narrow_new_input (&state, 1, h, w, c)};
    if (conv.wide_in) {
      conv.spec.in_channels = 3;
      conv.wide = check_view_new_input (&state, 1, h, w, 3, 3);
    }
    conv_fill (&conv, &state);
    check_narrow_same (run_conv, &conv, &conv.spec, h, w, 33);
    conv_clear (&conv);
  }
}

int
main (int argc, char **argv)
{
  check_narrow_start (&argc, &argv);
  g_test_add_func ("/narrow/conv", test_conv);
  g_test_add_func ("/narrow/first-layer", test_first_layer);
  g_test_add_data_func ("/narrow/linear", NULL, test_linear);
  g_test_add_func ("/narrow/conv-int8", test_conv_int8);
  g_test_add_data_func ("/narrow/linear-int8", "int8", test_linear);
  g_test_add_func ("/narrow/scratch", test_scratch);
  g_test_add_func ("/narrow/same-padding", test_same_padding);
  return check_narrow_end ();
}
