/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The narrow (bf16) kernels, each instruction set, against sums in double of the same bf16 numbers:
 * odd sizes and channels, strides, paddings, residuals; with one thread and with two, which must not
 * differ in a bit. Around every tensor lie NaNs: who computes with them, or overwrites them, is
 * found. FRC_TEST_SEED starts other random cases.
 */
#include "check.h"
#include "core/kernels/narrow_conv.h"

#include <math.h>
#include <stdlib.h>

#define CASES 120
#define GUARD 1024 /* elements on either side */
#define CANARY 0x7fca

static FrcPool *pools[2]; /* of one thread and of two */
static guint64 seed;
static const char *names[4]; /* that this CPU runs, NULL-terminated */

/* ---- tensors ------------------------------------------------------------------------------- */

typedef struct {
  FrcNarrowView view;
  guint16 *memory;
  gsize elements;
} Narrow;

static Narrow
narrow_new (guint n, guint h, guint w, guint c)
{
  Narrow t = {{NULL, n, h, w, c, frc_narrow_ld (c)}};
  gpointer memory = NULL;

  t.elements = (gsize) n * h * w * t.view.ld;
  if (posix_memalign (&memory, 64, (t.elements + 2 * GUARD) * sizeof (guint16)) != 0)
    g_error ("no memory for a tensor");
  t.memory = memory;
  t.view.data = t.memory + GUARD;
  for (gsize i = 0; i < t.elements + 2 * GUARD; i++)
    t.memory[i] = CANARY;
  return t;
}

static Narrow
narrow_new_input (guint64 *state, guint n, guint h, guint w, guint c)
{
  Narrow t = narrow_new (n, h, w, c);

  for (gsize i = 0; i < t.elements; i++)
    t.view.data[i] = i % t.view.ld < c ? frc_bf16_narrow (check_random_float (state)) : 0;
  return t;
}

static gdouble
at (const Narrow *t, guint n, gint y, gint x, guint c)
{
  const FrcNarrowView *v = &t->view;

  if (y < 0 || x < 0 || y >= (gint) v->h || x >= (gint) v->w)
    return 0;
  return frc_bf16_widen (v->data[(((gsize) n * v->h + y) * v->w + x) * v->ld + c]);
}

static void
narrow_clear (Narrow *t)
{
  g_clear_pointer (&t->memory, free);
}

/* ---- comparison ---------------------------------------------------------------------------- */

/* What an output should be, a channel after the other, and how large its terms are in sum. */
typedef struct {
  gdouble *value, *size;
} Want;

static Want
want_new (const Narrow *out)
{
  gsize n = (gsize) out->view.n * out->view.h * out->view.w * out->view.c;

  return (Want){g_new0 (gdouble, n), g_new0 (gdouble, n)};
}

static void
want_clear (Want *want)
{
  g_free (want->value);
  g_free (want->size);
}

static gdouble
activate (gdouble x, FrcActivation activation)
{
  gdouble hard = CLAMP (x + 3, 0, 6) / 6;

  return activation == FRC_ACT_RELU ? MAX (x, 0) : activation == FRC_ACT_RELU6 ? CLAMP (x, 0, 6)
      : activation == FRC_ACT_HARDSWISH ? x * hard : activation == FRC_ACT_HARDSIGMOID ? hard : x;
}

/* f32 sums of f32 products, then one rounding to bf16. NULL or what is wrong. */
static char *
compare (const Narrow *got, const Want *want)
{
  const FrcNarrowView *v = &got->view;
  gsize pixels = (gsize) v->n * v->h * v->w, k = 0;

  for (gsize i = 0; i < pixels; i++)
    for (guint c = 0; c < v->ld; c++) {
      gdouble value = frc_bf16_widen (v->data[i * v->ld + c]);
      if (c >= v->c && v->data[i * v->ld + c] != 0)
        return g_strdup_printf ("pixel %" G_GSIZE_FORMAT ": channel %u of %u is %g, expected 0", i, c,
            v->c, value);
      if (c >= v->c)
        continue;
      gdouble tolerance = fabs (want->value[k]) * 0x1.01p-8 + want->size[k] * 1e-6 + 1e-30;
      if (!(fabs (value - want->value[k]) <= tolerance))
        return g_strdup_printf ("pixel %" G_GSIZE_FORMAT " channel %u: %.9g, expected %.9g ± %.3g", i,
            c, value, want->value[k], tolerance);
      k++;
    }
  for (gsize i = 0; i < GUARD; i++)
    if (got->memory[i] != CANARY || v->data[got->elements + i] != CANARY)
      return g_strdup ("written outside of the tensor");
  return NULL;
}

typedef void (*RunFunc) (gconstpointer data, const FrcNarrowKernels *kernels, FrcPool *pool,
    const FrcNarrowView *out);

/* Runs with all kernels and both pools. */
static void
check (RunFunc run, gconstpointer data, Narrow *out, const Want *want, const char *what)
{
  gsize bytes = out->elements * sizeof (guint16);
  g_autofree guint16 *first = g_malloc (bytes + 1);

  for (guint k = 0; names[k]; k++)
    for (guint p = 0; p < 2; p++) {
      GError *error = NULL;
      const FrcNarrowKernels *kernels =
          frc_narrow_kernels (frc_kernels_get (names[k], NULL), &error);
      g_assert_no_error (error);
      for (gsize i = 0; i < out->elements; i++)
        out->view.data[i] = CANARY;
      run (data, kernels, pools[p], &out->view);
      char *problem = compare (out, want);
      if (p == 0)
        memcpy (first, out->view.data, bytes);
      else if (problem == NULL && memcmp (first, out->view.data, bytes) != 0)
        problem = g_strdup ("two threads give other bits than one");
      if (problem == NULL)
        continue;
      g_test_message ("%s, %u threads: %s; out %ux%ux%ux%u, %s", names[k], p + 1, problem,
          out->view.n, out->view.h, out->view.w, out->view.c, what);
      g_test_fail ();
      g_free (problem);
    }
}

/* ---- convolutions -------------------------------------------------------------------------- */

typedef struct {
  FrcConvSpec spec;
  guint pixels; /* of a fully connected layer */
  gboolean wide_in;
  gfloat *weight, *bias;
  Narrow in, residual;
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
  narrow_clear (&c->in);
  narrow_clear (&c->residual);
  check_view_clear (&c->wide);
}

static gdouble
conv_input (const Conv *c, guint n, gint y, gint x, guint i)
{
  const FrcView *v = &c->wide.view;

  if (c->is_int8)
    return quantized_input (at (&c->in, n, y, x, i));
  if (!c->wide_in)
    return at (&c->in, n, y, x, i);
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
conv_want (const Conv *c, const Narrow *out, Want *want)
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
            sum += at (&c->residual, n, y * c->residual.view.h / v->h,
                x * c->residual.view.w / v->w, o);
          want->value[k] = activate (sum, c->spec.activation);
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
check_wide (const Conv *c, const Narrow *out, const Want *want)
{
  const FrcNarrowView *v = &out->view;

  for (guint k = 0; names[k]; k++)
    for (guint p = 0; p < 2; p++) {
      CheckView got = check_view_new_output (v->n, v->h, v->w, v->c, v->c);
      FrcNarrowConv *conv =
          make_conv (c, frc_narrow_kernels (frc_kernels_get (names[k], NULL), NULL));
      FrcNarrowConvIo io = conv_io (c);
      io.wide_out = &got.view;
      conv_run (conv, pools[p], &io);
      char *problem = check_view_canaries (&got);
      g_assert_null (problem);
      for (gsize i = 0; i < (gsize) v->n * v->h * v->w * v->c; i++)
        if (!(fabs (got.view.data[i] - want->value[i]) <= 1e-6 * want->size[i])) {
          g_test_message ("%s into f32, element %" G_GSIZE_FORMAT ": %.9g, expected %.9g", names[k], i,
              got.view.data[i], want->value[i]);
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
  Narrow out = narrow_new (n, h, w, c->spec.out_channels);
  Want want = want_new (&out);
  g_autofree char *what = g_strdup_printf ("conv %ux%u/%u,%u pad %u,%u of %u channels, %u pixels, "
      "wide %d, residual %d, act %d", c->spec.kernel_h, c->spec.kernel_w, c->spec.stride_h,
      c->spec.stride_w, c->spec.pad_top, c->spec.pad_left, c->spec.in_channels, c->pixels,
      c->wide_in, c->has_residual, c->spec.activation);

  if (c->has_residual) {
    gboolean small = check_random_below (state, 2);
    c->residual = narrow_new_input (state, n, small ? (h + 1) / 2 : h, small ? (w + 1) / 2 : w,
        c->spec.out_channels);
  }
  conv_want (c, &out, &want);
  check (run_conv, c, &out, &want, what);
  check_wide (c, &out, &want);
  want_clear (&want);
  narrow_clear (&out);
  conv_clear (c);
}

static guint
out_side (guint in, guint kernel, guint stride, guint pad)
{
  return in + 2 * pad < kernel ? 1 : (in + 2 * pad - kernel) / stride + 1;
}

static void
test_conv (void)
{
  static const guint kernels[][2] = {{1, 1}, {1, 1}, {3, 3}, {3, 3}, {5, 5}, {1, 7}, {7, 1}, {2, 3}};
  static const guint channels[] = {3, 16, 24, 32, 33, 64, 80, 96, 130};
  guint64 state = seed;

  for (guint i = 0; i < CASES; i++) {
    const guint *k = kernels[i % G_N_ELEMENTS (kernels)];
    guint h = 1 + check_random_below (&state, 20), w = 1 + check_random_below (&state, 40);
    guint n = check_random_below (&state, 4) ? 1 : 1 + check_random_below (&state, 3);
    guint sy = 1 + check_random_below (&state, 2), sx = i % 5 ? sy : 1 + check_random_below (&state, 3);
    Conv c = {{k[0], k[1], sy, sx, check_random_below (&state, k[0]), check_random_below (&state, k[1]),
      check_pick (&state, channels), check_pick (&state, channels), check_random_below (&state, 5)}};
    c.in = narrow_new_input (&state, n, h, w, c.spec.in_channels);
    c.has_residual = check_random_below (&state, 3) == 0;
    conv_fill (&c, &state);
    check_conv (&c, n, out_side (h, k[0], sy, c.spec.pad_top), out_side (w, k[1], sx, c.spec.pad_left),
        &state);
  }
}

static void
test_conv_int8 (void)
{
  static const guint kernels[][2] = {{1, 1}, {3, 3}, {3, 3}, {1, 7}};
  static const guint channels[] = {16, 32, 40, 64, 96, 130};
  guint64 state = seed;

  for (guint i = 0; i < CASES / 2; i++) {
    const guint *k = kernels[i % G_N_ELEMENTS (kernels)];
    guint h = 1 + check_random_below (&state, 20), w = 1 + check_random_below (&state, 40);
    guint n = check_random_below (&state, 4) ? 1 : 2, stride = 1 + check_random_below (&state, 2);
    Conv c = {{k[0], k[1], stride, stride, k[0] / 2, k[1] / 2, check_pick (&state, channels),
      check_pick (&state, channels), check_random_below (&state, 4)}};
    c.in = narrow_new_input (&state, n, h, w, c.spec.in_channels);
    c.has_residual = check_random_below (&state, 3) == 0;
    conv_fill (&c, &state);
    quantize_conv (&c);
    check_conv (&c, n, out_side (h, k[0], stride, k[0] / 2), out_side (w, k[1], stride, k[1] / 2),
        &state);
  }
}

/* The network's first layer: f32 pixels of three channels. */
static void
test_first_layer (void)
{
  static const guint kernels[][3] = {{3, 2, 1}, {7, 2, 3}, {3, 1, 1}, {3, 2, 0}, {1, 1, 0}, {11, 4, 5}};
  guint64 state = seed;

  for (guint i = 0; i < CASES / 4; i++) {
    const guint *k = kernels[i % G_N_ELEMENTS (kernels)];
    guint h = k[0] + check_random_below (&state, 30), w = k[0] + check_random_below (&state, 70);
    Conv c = {{k[0], k[0], k[1], k[1], k[2], k[2], 3, 8 + check_random_below (&state, 60),
      check_random_below (&state, 4)}, .wide_in = TRUE};
    c.wide = check_view_new_input (&state, 1, h, w, 3, 3);
    conv_fill (&c, &state);
    check_conv (&c, 1, out_side (h, k[0], k[1], k[2]), out_side (w, k[0], k[1], k[2]), &state);
  }
}

/* Also K so long that it is walked in chunks. */
static void
test_linear (gconstpointer int8)
{
  static const guint shapes[][4] = { /* n, pixels, channels, outputs */
    {1, 49, 32, 10}, {17, 49, 100, 70}, {33, 1, 200, 33}, {150, 4, 64, 105}, {70, 49, 128, 65},
    {400, 9, 480, 40}, {16, 1, 24, 5}, {40, 49, 256, 34}};
  guint64 state = seed;

  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++) {
    const guint *s = shapes[i], side = s[1] == 49 ? 7 : s[1] == 9 ? 3 : s[1] == 4 ? 2 : 1;
    Conv c = {{1, 1, 1, 1, 0, 0, s[1] * s[2], s[3], FRC_ACT_RELU}, .pixels = s[1]};
    c.in = narrow_new_input (&state, s[0], side, side, s[2]);
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
  guint64 state = seed;

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

/* ---- windows ------------------------------------------------------------------------------- */

typedef struct {
  FrcConvSpec spec;
  gfloat *weight, *bias;
  Narrow in, other;
  gboolean average;
} Op;

static void
run_depthwise (gconstpointer data, const FrcNarrowKernels *kernels, FrcPool *pool,
    const FrcNarrowView *out)
{
  const Op *op = data;
  FrcNarrowDepthwise *depthwise =
      frc_narrow_depthwise_new (kernels, &op->spec, op->weight, op->bias, NULL);

  frc_narrow_depthwise_run (depthwise, pool, &op->in.view, out);
  frc_narrow_depthwise_free (depthwise);
}

static void
run_max (gconstpointer data, const FrcNarrowKernels *kernels, FrcPool *pool,
    const FrcNarrowView *out)
{
  const Op *op = data;

  frc_narrow_max_pool_run (kernels, pool, &op->spec, &op->in.view, out);
}

static void
run_average (gconstpointer data, const FrcNarrowKernels *kernels, FrcPool *pool,
    const FrcNarrowView *out)
{
  const Op *op = data;

  frc_narrow_average_pool_run (kernels, pool, &op->spec, &op->in.view, out);
}

static gdouble
naive_window (const Op *op, guint n, guint y, guint x, guint c, gdouble *size)
{
  const FrcConvSpec *s = &op->spec;
  const FrcNarrowView *v = &op->in.view;
  gdouble sum = op->weight ? op->bias[c] : op->average ? 0 : -INFINITY;
  guint n_inside = 0;

  *size = op->weight ? fabs (sum) : 0;
  for (guint ky = 0; ky < s->kernel_h; ky++)
    for (guint kx = 0; kx < s->kernel_w; kx++) {
      gint iy = (gint) (y * s->stride_h + ky) - (gint) s->pad_top;
      gint ix = (gint) (x * s->stride_w + kx) - (gint) s->pad_left;
      if (iy < 0 || ix < 0 || iy >= (gint) v->h || ix >= (gint) v->w)
        continue;
      gdouble value = at (&op->in, n, iy, ix, c);
      if (op->weight) {
        value *= op->weight[(c * s->kernel_h + ky) * s->kernel_w + kx];
        sum += value;
        *size += fabs (value);
      } else {
        sum = op->average ? sum + value : MAX (sum, value);
      }
      n_inside++;
    }
  return activate (op->average ? sum / n_inside : sum, s->activation);
}

static void
check_window (Op *op, RunFunc run, const char *name)
{
  const FrcConvSpec *s = &op->spec;
  const FrcNarrowView *in = &op->in.view;
  Narrow out = narrow_new (in->n, out_side (in->h, s->kernel_h, s->stride_h, s->pad_top),
      out_side (in->w, s->kernel_w, s->stride_w, s->pad_left), in->c);
  Want want = want_new (&out);
  g_autofree char *what = g_strdup_printf ("%s %u/%u pad %u of %ux%u, act %d", name, s->kernel_h,
      s->stride_h, s->pad_top, in->h, in->w, s->activation);
  gsize k = 0;

  for (guint n = 0; n < out.view.n; n++)
    for (guint y = 0; y < out.view.h; y++)
      for (guint x = 0; x < out.view.w; x++)
        for (guint c = 0; c < in->c; c++, k++) {
          want.value[k] = naive_window (op, n, y, x, c, &want.size[k]);
          want.size[k] += 6 * (op->weight != NULL || op->average);
        }
  check (run, op, &out, &want, what);
  want_clear (&want);
  narrow_clear (&out);
  narrow_clear (&op->in);
}

static void
test_depthwise (void)
{
  guint64 state = seed;

  for (guint i = 0; i < CASES; i++) {
    guint kernel = i % 7 == 6 ? 7 : i % 7 == 5 ? 2 : 3 + 2 * (i % 2);
    guint stride = 1 + check_random_below (&state, i % 9 ? 2 : 3);
    guint pad = check_random_below (&state, kernel / 2 + 1), c = 1 + check_random_below (&state, 80);
    Op op = {{kernel, kernel, stride, stride, pad, pad, c, c, check_random_below (&state, 4)}};
    op.in = narrow_new_input (&state, 1 + check_random_below (&state, 2),
        kernel + check_random_below (&state, 12), kernel + check_random_below (&state, 30), c);
    op.weight = g_new (gfloat, kernel * kernel * c);
    op.bias = g_new (gfloat, c);
    for (guint k = 0; k < kernel * kernel * c; k++)
      op.weight[k] = check_random_float (&state);
    for (guint k = 0; k < c; k++)
      op.bias[k] = check_random_float (&state);
    check_window (&op, run_depthwise, "depthwise");
    g_free (op.weight);
    g_free (op.bias);
  }
}

static void
test_max_pool (void)
{
  static const guint windows[][3] = {{3, 2, 1}, {1, 2, 0}, {2, 2, 0}, {3, 1, 1}};
  guint64 state = seed;

  for (guint i = 0; i < CASES / 2; i++) {
    const guint *w = windows[i % G_N_ELEMENTS (windows)];
    Op op = {{w[0], w[0], w[1], w[1], w[2], w[2], 0, 0, FRC_ACT_NONE}};
    op.in = narrow_new_input (&state, 1 + check_random_below (&state, 2),
        w[0] + check_random_below (&state, 20), w[0] + check_random_below (&state, 20),
        1 + check_random_below (&state, 80));
    for (gsize k = 0; k < op.in.elements; k++) /* padding must not win over these */
      if (k % op.in.view.ld < op.in.view.c)
        op.in.view.data[k] = frc_bf16_narrow (frc_bf16_widen (op.in.view.data[k]) - 10);
    check_window (&op, run_max, "max");
  }
}

static void
test_average_pool (void)
{
  guint64 state = seed;

  for (guint i = 0; i < CASES / 4; i++) {
    guint stride = 1 + i % 2;
    Op op = {{3, 3, stride, stride, 1, 1, 0, 0, check_random_below (&state, 3)}, .average = TRUE};
    op.in = narrow_new_input (&state, 1 + check_random_below (&state, 2),
        3 + check_random_below (&state, 20), 3 + check_random_below (&state, 20),
        1 + check_random_below (&state, 80));
    check_window (&op, run_average, "average");
  }
}

/* ---- elementwise --------------------------------------------------------------------------- */

static void
run_mean (gconstpointer data, const FrcNarrowKernels *kernels, FrcPool *pool,
    const FrcNarrowView *out)
{
  const Op *op = data;

  frc_narrow_global_mean_run (kernels, pool, &op->in.view, out);
}

static void
run_scale (gconstpointer data, const FrcNarrowKernels *kernels, FrcPool *pool,
    const FrcNarrowView *out)
{
  const Op *op = data;

  frc_narrow_scale_channels_run (kernels, pool, &op->in.view, &op->other.view, out);
}

static void
run_add (gconstpointer data, const FrcNarrowKernels *kernels, FrcPool *pool,
    const FrcNarrowView *out)
{
  const Op *op = data;

  frc_narrow_add_run (kernels, pool, &op->in.view, &op->other.view, op->spec.activation, out);
}

static void
test_mean (void)
{
  guint64 state = seed;

  for (guint i = 0; i < CASES / 2; i++) {
    Op op = {.in = narrow_new_input (&state, 1 + i % 2, 1 + check_random_below (&state, 40),
                 1 + check_random_below (&state, 40), 1 + check_random_below (&state, 90))};
    const FrcNarrowView *in = &op.in.view;
    Narrow out = narrow_new (in->n, 1, 1, in->c);
    Want want = want_new (&out);
    for (guint n = 0; n < in->n; n++)
      for (guint c = 0; c < in->c; c++) {
        gdouble sum = 0;
        for (guint y = 0; y < in->h; y++)
          for (guint x = 0; x < in->w; x++)
            sum += at (&op.in, n, y, x, c);
        want.value[n * in->c + c] = sum / ((gdouble) in->h * in->w);
        want.size[n * in->c + c] = 1;
      }
    check (run_mean, &op, &out, &want, "mean");
    want_clear (&want);
    narrow_clear (&out);
    narrow_clear (&op.in);
  }
}

static void
check_elementwise (guint64 *state, gboolean add)
{
  guint h = 1 + check_random_below (state, 20), w = 1 + check_random_below (state, 20);
  guint c = 1 + check_random_below (state, 90), n = 1 + check_random_below (state, 2), k = 0;
  guint oh = add ? 1 + check_random_below (state, h) : 1;
  guint ow = add ? 1 + check_random_below (state, w) : 1;
  Op op = {.in = narrow_new_input (state, n, h, w, c), .other = narrow_new_input (state, n, oh, ow, c)};
  Narrow out = narrow_new (n, h, w, c);
  Want want = want_new (&out);

  /* A hard sigmoid of the zeros behind the channels would be no zero; no network adds so. */
  op.spec.activation = add ? check_random_below (state, 4) : FRC_ACT_NONE;
  for (guint i = 0; i < n; i++)
    for (guint y = 0; y < h; y++)
      for (guint x = 0; x < w; x++)
        for (guint j = 0; j < c; j++, k++) {
          gdouble a = at (&op.in, i, y, x, j), b = at (&op.other, i, y * oh / h, x * ow / w, j);
          want.value[k] = add ? activate (a + b, op.spec.activation) : a * b;
          want.size[k] = 2;
        }
  check (add ? run_add : run_scale, &op, &out, &want, add ? "add" : "scale");
  want_clear (&want);
  narrow_clear (&out);
  narrow_clear (&op.in);
  narrow_clear (&op.other);
}

static void
test_elementwise (void)
{
  guint64 state = seed;

  for (guint i = 0; i < CASES; i++)
    check_elementwise (&state, i % 2);
}

/* ---- RoI align ----------------------------------------------------------------------------- */

typedef struct {
  Narrow maps[2];
  gfloat boxes[40 * 4];
  guint8 level[40];
  FrcView shapes[2];
  FrcRois rois;
  enum { ALIGN, ALIGN_V2, MAX_POOL, CROP, N_KINDS } kind;
} Rois;

static const gfloat scales[2] = {1 / 8.f, 1 / 16.f};

static void
run_rois (gconstpointer data, const FrcNarrowKernels *kernels, FrcPool *pool,
    const FrcNarrowView *out)
{
  const Rois *r = data;
  FrcNarrowView maps[2] = {r->maps[0].view, r->maps[1].view};

  if (r->kind == MAX_POOL)
    frc_narrow_roi_max_pool_run (kernels, pool, maps, &r->rois, out);
  else if (r->kind == CROP)
    frc_narrow_crop_and_resize_run (kernels, pool, maps, &r->rois, out);
  else
    frc_narrow_roi_align_run (kernels, pool, maps, &r->rois, r->kind == ALIGN_V2, out);
}

static void (*const pool_wide[N_KINDS]) (const FrcKernels *kernels, FrcPool *pool,
    const FrcRois *rois, const FrcView *out) = {
  [ALIGN] = frc_roi_align_run, [ALIGN_V2] = frc_roi_align_v2_run, [MAX_POOL] = frc_roi_max_pool_run,
  [CROP] = frc_crop_and_resize_run};

/* The f32 oracle on the same numbers. */
static void
rois_want (Rois *r, const Narrow *out, Want *want)
{
  const FrcNarrowView *v = &out->view;
  gfloat *wide[2], *pooled = g_new (gfloat, (gsize) v->n * v->h * v->w * v->c);
  FrcView to = {pooled, v->n, v->h, v->w, v->c, v->c};

  for (guint i = 0; i < 2; i++) {
    const FrcNarrowView *m = &r->maps[i].view;
    wide[i] = g_new (gfloat, (gsize) m->h * m->w * m->c);
    frc_narrow_widen (m, wide[i]);
    r->shapes[i] = (FrcView){wide[i], 1, m->h, m->w, m->c, m->c};
  }
  r->rois = (FrcRois){.maps = r->shapes, .scales = scales, .boxes = r->boxes, .level = r->level,
    .sampling = 2, .crop = 14, .image_w = 240, .image_h = 160};
  for (guint i = 0; i < 2; i++)
    g_assert_true (frc_pool_reserve (pools[i], frc_rois_scratch_bytes (30, 7, 2, 14, v->c), NULL));
  pool_wide[r->kind](frc_kernels_get ("scalar", NULL), pools[0], &r->rois, &to);
  for (gsize i = 0; i < (gsize) v->n * v->h * v->w * v->c; i++) {
    want->value[i] = pooled[i];
    want->size[i] = 1;
  }
  for (guint i = 0; i < 2; i++) {
    g_free (wide[i]);
    r->shapes[i].data = NULL;
  }
  g_free (pooled);
}

static void
test_rois (void)
{
  guint64 state = seed;

  for (guint i = 0; i < CASES / 4; i++) {
    guint c = 1 + check_random_below (&state, 200), n = 1 + check_random_below (&state, 40);
    Rois r = {{narrow_new_input (&state, 1, 20, 30, c), narrow_new_input (&state, 1, 10, 15, c)}};
    Narrow out = narrow_new (n, 7, 7, c);
    Want want = want_new (&out);
    r.kind = i % N_KINDS;
    for (guint k = 0; k < n; k++) {
      r.level[k] = check_random_below (&state, 2);
      for (guint j = 0; j < 2; j++) {
        gfloat from = check_random_below (&state, 200);
        r.boxes[4 * k + j] = from;
        r.boxes[4 * k + 2 + j] = from + check_random_below (&state, 100);
      }
    }
    rois_want (&r, &out, &want);
    check (run_rois, &r, &out, &want, "RoIs");
    want_clear (&want);
    narrow_clear (&out);
    narrow_clear (&r.maps[0]);
    narrow_clear (&r.maps[1]);
  }
}

/* ---- numbers ------------------------------------------------------------------------------- */

static void
test_rounding (void)
{
  g_assert_cmphex (frc_bf16_narrow (1), ==, 0x3f80);
  g_assert_cmphex (frc_bf16_narrow (1 + 0x1p-8f), ==, 0x3f80);             /* a tie, to even */
  g_assert_cmphex (frc_bf16_narrow (1 + 0x1p-8f + 0x1p-20f), ==, 0x3f81);
  g_assert_cmphex (frc_bf16_narrow (1 + 3 * 0x1p-8f), ==, 0x3f82);         /* a tie, to even */
  g_assert_cmphex (frc_bf16_narrow (-INFINITY), ==, 0xff80);
  g_assert_cmphex (frc_bf16_narrow (3.4e38f), ==, 0x7f80);
  g_assert_cmphex (frc_bf16_narrow (-1e-40f), ==, 0x8000);
  g_assert_true (isnan (frc_bf16_widen (frc_bf16_narrow (NAN))));
}

/* Whatever the instruction set, a number is rounded to the same bits. */
static void
test_convert (void)
{
  guint64 state = seed;
  gfloat in[100];
  guint16 got[100];

  for (guint k = 0; names[k]; k++) {
    const FrcNarrowKernels *kernels = frc_narrow_kernels (frc_kernels_get (names[k], NULL), NULL);
    for (guint i = 0; i < 200; i++) {
      guint n = 1 + check_random_below (&state, 99);
      for (guint j = 0; j < n; j++)
        in[j] = check_random_float (&state) * (j % 3 ? 1 : 1e-30f);
      got[n] = CANARY;
      kernels->convert (in, got, n);
      for (guint j = 0; j < n; j++)
        g_assert_cmphex (got[j], ==, frc_bf16_narrow (in[j]));
      g_assert_cmphex (got[n], ==, CANARY);
      n = n / 32 * 32;
      kernels->widen (got, in, n);
      for (guint j = 0; j < n; j++)
        g_assert_cmpfloat (in[j], ==, frc_bf16_widen (got[j]));
    }
  }
}

/* ---- TensorFlow's SAME padding -------------------------------------------------------------- */

/* The padding written out: what the windows need beyond the input, the smaller half of it before. */
static FrcConvSpec
written_out (FrcConvSpec spec, guint h, guint w)
{
  gint down = (gint) ((h + spec.stride_h - 1) / spec.stride_h - 1) * (gint) spec.stride_h;
  gint across = (gint) ((w + spec.stride_w - 1) / spec.stride_w - 1) * (gint) spec.stride_w;

  spec.same = FALSE;
  spec.pad_top = MAX (down + (gint) spec.kernel_h - (gint) h, 0) / 2;
  spec.pad_left = MAX (across + (gint) spec.kernel_w - (gint) w, 0) / 2;
  return spec;
}

/* The bits of the same operation with its padding written out. */
static void
check_same (RunFunc run, gpointer data, FrcConvSpec *spec, guint h, guint w, guint c)
{
  const char *name = names[(h + w) % 3] ? names[(h + w) % 3] : names[0];
  guint oh = (h + spec->stride_h - 1) / spec->stride_h;
  guint ow = (w + spec->stride_w - 1) / spec->stride_w;
  Narrow got = narrow_new (1, oh, ow, c), want = narrow_new (1, oh, ow, c);
  const FrcNarrowKernels *kernels = frc_narrow_kernels (frc_kernels_get (name, NULL), NULL);

  spec->same = TRUE;
  run (data, kernels, pools[0], &got.view);
  *spec = written_out (*spec, h, w);
  run (data, kernels, pools[1], &want.view);
  g_assert_cmpmem (got.view.data, 2 * got.elements, want.view.data, 2 * want.elements);
  narrow_clear (&got);
  narrow_clear (&want);
}

static void
test_same_padding (void)
{
  static const RunFunc windows[] = {run_depthwise, run_max, run_average};
  guint64 state = seed;

  for (guint i = 0; i < CASES; i++) {
    guint kernel = 1 + 2 * (i % 4), stride = 1 + i / 4 % 3, c = 1 + check_random_below (&state, 40);
    guint h = 4 + check_random_below (&state, 9), w = 4 + check_random_below (&state, 20);
    Conv conv = {.spec = {kernel, kernel, stride, stride, 0, 0, c, 33, FRC_ACT_RELU},
      .wide_in = i % 2, .in = narrow_new_input (&state, 1, h, w, c)};
    if (conv.wide_in) {
      conv.spec.in_channels = 3;
      conv.wide = check_view_new_input (&state, 1, h, w, 3, 3);
    }
    conv_fill (&conv, &state);
    check_same (run_conv, &conv, &conv.spec, h, w, 33);
    Op op = {.spec = {kernel, kernel, stride, stride, 0, 0, c, c, FRC_ACT_NONE},
      .weight = g_new (gfloat, kernel * kernel * c), .bias = g_new0 (gfloat, c),
      .in = narrow_new_input (&state, 1, h, w, c)};
    for (guint k = 0; k < kernel * kernel * c; k++)
      op.weight[k] = check_random_float (&state);
    check_same (windows[i % 3], &op, &op.spec, h, w, c);
    g_free (op.weight);
    g_free (op.bias);
    narrow_clear (&op.in);
    conv_clear (&conv);
  }
}

int
main (int argc, char **argv)
{
  static const char *const all[] = {"scalar", "avx512", "amx"};
  const char *text = g_getenv ("FRC_TEST_SEED");
  guint n = 0;

  g_test_init (&argc, &argv, NULL);
  seed = text ? g_ascii_strtoull (text, NULL, 10) : 20251;
  for (guint i = 0; i < G_N_ELEMENTS (all); i++) {
    const FrcKernels *kernels = frc_kernels_get (all[i], NULL);
    if (kernels && frc_narrow_kernels (kernels, NULL))
      names[n++] = all[i];
  }
  for (guint i = 0; i < 2; i++)
    pools[i] = frc_pool_new (i + 1, NULL);
  g_test_add_func ("/narrow/rounding", test_rounding);
  g_test_add_func ("/narrow/convert", test_convert);
  g_test_add_func ("/narrow/conv", test_conv);
  g_test_add_func ("/narrow/first-layer", test_first_layer);
  g_test_add_data_func ("/narrow/linear", NULL, test_linear);
  g_test_add_func ("/narrow/conv-int8", test_conv_int8);
  g_test_add_data_func ("/narrow/linear-int8", "int8", test_linear);
  g_test_add_func ("/narrow/scratch", test_scratch);
  g_test_add_func ("/narrow/depthwise", test_depthwise);
  g_test_add_func ("/narrow/max-pool", test_max_pool);
  g_test_add_func ("/narrow/average-pool", test_average_pool);
  g_test_add_func ("/narrow/same-padding", test_same_padding);
  g_test_add_func ("/narrow/mean", test_mean);
  g_test_add_func ("/narrow/elementwise", test_elementwise);
  g_test_add_func ("/narrow/rois", test_rois);
  gint status = g_test_run ();
  for (guint i = 0; i < 2; i++)
    frc_pool_free (pools[i]);
  return status;
}
