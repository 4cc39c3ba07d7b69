/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Max and average pooling, local normalisation, global mean, channel scaling and addition: every
 * kernel against a naive loop, with one thread and with two, which must not differ in a bit.
 * FRC_TEST_SEED starts other random cases.
 */
#include "core/kernels/overlap.h"
#include "check.h"

#include <math.h>
#include <string.h>

#define CASES 150

static FrcPool *pools[2]; /* of one thread and of two */
static guint64 seed;

typedef struct {
  CheckView in, other, out, want;
  FrcConvSpec spec;
  FrcActivation activation;
} OpsCase;

typedef void (*RunFunc) (const OpsCase *c, const FrcKernels *kernels, FrcPool *pool);

/* Runs the operation with every kernel and both pools and compares with c->want. */
static void
check_case (OpsCase *c, RunFunc run, gdouble tolerance)
{
  const FrcView *in = &c->in.view, *out = &c->out.view;

  for (const char *const *name = check_kernel_names (); *name != NULL; name++)
    for (guint i = 0; i < 2; i++) {
      check_view_reset (&c->out);
      run (c, frc_kernels_get (*name, NULL), pools[i]);
      char *problem = check_view_canaries (&c->out);
      if (problem == NULL)
        problem = check_view_compare (&c->out, &c->want, NULL, tolerance);
      if (problem == NULL)
        continue;
      g_test_message ("%s, %u threads: %s; in %ux%ux%ux%u ld %" G_GSIZE_FORMAT ", other %ux%u, out "
          "%ux%u ld %" G_GSIZE_FORMAT ", window %u/%u pad %u, act %d", *name, i + 1, problem, in->n,
          in->h, in->w, in->c, in->ld, c->other.view.h, c->other.view.w, out->h, out->w, out->ld,
          c->spec.kernel_h, c->spec.stride_h, c->spec.pad_top, c->activation);
      g_test_fail ();
      g_free (problem);
    }
  check_view_clear (&c->in);
  check_view_clear (&c->other);
  check_view_clear (&c->out);
  check_view_clear (&c->want);
}

static gfloat *
at (const CheckView *v, guint n, guint y, guint x)
{
  return v->view.data + ((n * v->view.h + y) * v->view.w + x) * v->view.ld;
}

static OpsCase
case_new (guint64 *state, guint h, guint w, guint c)
{
  OpsCase ops = {0};

  ops.in = check_view_new_input (state, 1 + check_random_below (state, 2), h, w, c,
      c + check_random_below (state, 3) * 5);
  return ops;
}

static void
case_outputs (OpsCase *ops, guint64 *state, guint h, guint w)
{
  const FrcView *in = &ops->in.view;
  gsize ld = in->c + check_random_below (state, 3) * 3;

  ops->out = check_view_new_output (in->n, h, w, in->c, ld);
  ops->want = check_view_new_output (in->n, h, w, in->c, ld);
}

static gfloat
activate (gfloat x, FrcActivation activation)
{
  gfloat hard = CLAMP (x + 3, 0, 6) / 6;

  return activation == FRC_ACT_RELU ? MAX (x, 0) : activation == FRC_ACT_RELU6 ? CLAMP (x, 0, 6)
      : activation == FRC_ACT_HARDSWISH ? x * hard : activation == FRC_ACT_HARDSIGMOID ? hard : x;
}

/* ---- max pooling -------------------------------------------------------------------------- */

static void
run_max (const OpsCase *c, const FrcKernels *kernels, FrcPool *pool)
{
  frc_max_pool_run (kernels, pool, &c->spec, &c->in.view, &c->out.view);
}

static gfloat
naive_max (const OpsCase *c, guint n, guint y, guint x, guint i)
{
  const FrcConvSpec *s = &c->spec;
  gfloat most = -INFINITY;

  for (gint ky = 0; ky < (gint) s->kernel_h; ky++)
    for (gint kx = 0; kx < (gint) s->kernel_w; kx++) {
      gint iy = (gint) (y * s->stride_h) + ky - (gint) s->pad_top;
      gint ix = (gint) (x * s->stride_w) + kx - (gint) s->pad_left;
      if (iy >= 0 && ix >= 0 && iy < (gint) c->in.view.h && ix < (gint) c->in.view.w)
        most = MAX (most, at (&c->in, n, iy, ix)[i]);
    }
  return most;
}

static void
test_max_pool (void)
{
  static const guint windows[][3] = {{3, 2, 1}, {1, 2, 0}, {2, 2, 0}, {3, 1, 1}, {5, 3, 2}};
  guint64 state = seed;

  for (guint i = 0; i < CASES; i++) {
    const guint *win = windows[i % G_N_ELEMENTS (windows)];
    guint h = win[0] + check_random_below (&state, 40);
    guint w = win[0] + check_random_below (&state, 20);
    OpsCase c = case_new (&state, h, w, 1 + check_random_below (&state, 70));
    c.spec = (FrcConvSpec){win[0], win[0], win[1], win[1], win[2], win[2], 0, 0, 0};
    case_outputs (&c, &state, (h + 2 * win[2] - win[0]) / win[1] + 1,
        (w + 2 * win[2] - win[0]) / win[1] + 1);
    for (gsize k = 0; k < c.in.floats; k++) /* padding must not win over these */
      c.in.memory[k] -= 10;
    for (guint n = 0; n < c.want.view.n; n++)
      for (guint y = 0; y < c.want.view.h; y++)
        for (guint x = 0; x < c.want.view.w; x++)
          for (guint k = 0; k < c.want.view.c; k++)
            at (&c.want, n, y, x)[k] = naive_max (&c, n, y, x, k);
    check_case (&c, run_max, 0);
  }
}

/* TensorFlow's SAME: ⌈size / stride⌉ outputs, an odd pixel of padding behind. Returns the padding
 * before the input. */
static guint
same_size (guint in, guint kernel, guint stride, guint *out)
{
  gint pad;

  *out = (in + stride - 1) / stride;
  pad = (gint) ((*out - 1) * stride + kernel) - (gint) in;
  return MAX (pad, 0) / 2;
}

static void
run_average (const OpsCase *c, const FrcKernels *kernels, FrcPool *pool)
{
  frc_average_pool_run (kernels, pool, &c->spec, &c->in.view, &c->out.view);
}

static gfloat
naive_average (const OpsCase *c, guint pad_top, guint pad_left, guint n, guint y, guint x, guint i)
{
  const FrcConvSpec *s = &c->spec;
  gdouble sum = 0;
  guint count = 0;

  for (gint ky = 0; ky < (gint) s->kernel_h; ky++)
    for (gint kx = 0; kx < (gint) s->kernel_w; kx++) {
      gint iy = (gint) (y * s->stride_h) + ky - (gint) pad_top;
      gint ix = (gint) (x * s->stride_w) + kx - (gint) pad_left;
      if (iy < 0 || ix < 0 || iy >= (gint) c->in.view.h || ix >= (gint) c->in.view.w)
        continue;
      sum += at (&c->in, n, iy, ix)[i];
      count++;
    }
  return activate ((gfloat) (sum / count), s->activation);
}

/* Both pools with SAME padding over every parity of size; an average divides by what lies inside. */
static void
test_same_padding (void)
{
  static const guint windows[][2] = {{3, 2}, {3, 1}, {2, 2}, {7, 2}, {1, 2}, {5, 3}};
  guint64 state = seed;

  for (guint i = 0; i < 2 * CASES; i++) {
    const guint *win = windows[i / 2 % G_N_ELEMENTS (windows)];
    guint h = 1 + check_random_below (&state, 21), w = 1 + check_random_below (&state, 21);
    OpsCase c = case_new (&state, h, w, 1 + check_random_below (&state, 140));
    guint out_h, out_w, top = same_size (h, win[0], win[1], &out_h);
    guint left = same_size (w, win[0], win[1], &out_w);
    case_outputs (&c, &state, out_h, out_w);
    c.spec = (FrcConvSpec){.kernel_h = win[0], .kernel_w = win[0], .stride_h = win[1],
      .stride_w = win[1], .same = TRUE, .activation = i % 2 ? check_random_below (&state, 5) : 0};
    OpsCase padded = c;
    padded.spec.pad_top = top;
    padded.spec.pad_left = left;
    for (guint n = 0; n < c.want.view.n; n++)
      for (guint y = 0; y < out_h; y++)
        for (guint x = 0; x < out_w; x++)
          for (guint k = 0; k < c.want.view.c; k++)
            at (&c.want, n, y, x)[k] = i % 2 ? naive_average (&c, top, left, n, y, x, k)
                                             : naive_max (&padded, n, y, x, k);
    check_case (&c, i % 2 ? run_average : run_max, i % 2 ? 2e-6 : 0);
  }
}

static void
run_local_norm (const OpsCase *c, const FrcKernels *kernels, FrcPool *pool)
{
  frc_local_norm_run (kernels, pool, &c->spec, &c->in.view, &c->out.view);
}

/* As Caffe writes it, in double. */
static void
test_local_norm (void)
{
  guint64 state = seed;

  for (guint k = 0; k < CASES / 3; k++) {
    guint h = 1 + check_random_below (&state, 20), w = 1 + check_random_below (&state, 20);
    guint size = 1 + 2 * check_random_below (&state, 3);
    OpsCase c = case_new (&state, h, w, 1 + check_random_below (&state, 150));
    c.spec = (FrcConvSpec){.kernel_h = size, .kernel_w = size, .stride_h = 1, .stride_w = 1,
      .pad_top = size / 2, .pad_left = size / 2, .alpha = 3};
    case_outputs (&c, &state, h, w);
    for (guint n = 0; n < c.in.view.n; n++)
      for (gint y = 0; y < (gint) h; y++)
        for (gint x = 0; x < (gint) w; x++)
          for (guint j = 0; j < c.in.view.c; j++) {
            gdouble sum = 0;
            for (gint v = MAX (y - (gint) size / 2, 0); v <= MIN (y + (gint) size / 2, (gint) h - 1); v++)
              for (gint u = MAX (x - (gint) size / 2, 0); u <= MIN (x + (gint) size / 2, (gint) w - 1); u++)
                sum += (gdouble) at (&c.in, n, v, u)[j] * at (&c.in, n, v, u)[j];
            at (&c.want, n, y, x)[j] = (gfloat) (at (&c.in, n, y, x)[j] *
                pow (1 + 3.0 / (size * size) * sum, -0.75));
          }
    check_case (&c, run_local_norm, 1e-6);
  }
}

/* The last NaN of a window is the result with its payload, else the first of its greatest elements,
 * which matters for zeros: the same bits from every kernel. Few maps have no NaN, many only one. */
static gfloat
ordered_max (const OpsCase *c, guint n, guint y, guint x, guint i)
{
  const FrcConvSpec *s = &c->spec;
  gfloat most = -INFINITY;

  for (gint iy = (gint) (y * s->stride_h) - (gint) s->pad_top, ky = 0; ky < (gint) s->kernel_h;
      ky++, iy++)
    for (gint ix = (gint) (x * s->stride_w) - (gint) s->pad_left, kx = 0; kx < (gint) s->kernel_w;
        kx++, ix++)
      if (iy >= 0 && ix >= 0 && iy < (gint) c->in.view.h && ix < (gint) c->in.view.w) {
        gfloat v = at (&c->in, n, iy, ix)[i];
        most = isnan (v) || v > most ? v : most;
      }
  return most;
}

static void
fill_with_special (CheckView *in, guint64 *state, guint nans)
{
  static const gfloat values[] = {0, -0.0f, -INFINITY, -1, -2};
  const FrcView *view = &in->view;

  for (gsize k = 0; k < in->floats; k++)
    in->memory[k] = check_pick (state, values);
  for (guint32 k = 0; k < nans; k++) {
    guint32 bits = 0x7fc00001 + k;
    memcpy (at (in, check_random_below (state, view->n), check_random_below (state, view->h),
        check_random_below (state, view->w)) + check_random_below (state, view->c), &bits, 4);
  }
}

static void
test_max_pool_bits (void)
{
  static const guint windows[][3] = {{3, 2, 1}, {3, 2, 0}, {2, 2, 0}, {3, 1, 1}, {5, 3, 2}};
  guint64 state = seed;

  for (guint i = 0; i < CASES; i++) {
    const guint *win = check_pick (&state, windows);
    guint h = win[0] + check_random_below (&state, 6), w = win[0] + check_random_below (&state, 9);
    OpsCase c = case_new (&state, h, w, 1 + check_random_below (&state, 150));
    c.spec = (FrcConvSpec){win[0], win[0], win[1], win[1], win[2], win[2], 0, 0, 0};
    case_outputs (&c, &state, (h + 2 * win[2] - win[0]) / win[1] + 1,
        (w + 2 * win[2] - win[0]) / win[1] + 1);
    fill_with_special (&c.in, &state, i % 4 == 0 ? 0 : i % 4 == 1 ? 40 : 1);
    for (const char *const *name = check_kernel_names (); *name != NULL; name++) {
      frc_max_pool_run (frc_kernels_get (*name, NULL), pools[0], &c.spec, &c.in.view, &c.out.view);
      for (guint n = 0; n < c.out.view.n; n++)
        for (guint y = 0; y < c.out.view.h; y++)
          for (guint x = 0; x < c.out.view.w; x++)
            for (guint k = 0; k < c.out.view.c; k++) {
              gfloat want = ordered_max (&c, n, y, x, k);
              g_assert_cmpmem (at (&c.out, n, y, x) + k, 4, &want, 4);
            }
    }
    check_view_clear (&c.in);
    check_view_clear (&c.out);
    check_view_clear (&c.want);
  }
}

/* ---- global mean -------------------------------------------------------------------------- */

static void
run_mean (const OpsCase *c, const FrcKernels *kernels, FrcPool *pool)
{
  frc_global_mean_run (kernels, pool, &c->in.view, &c->out.view);
}

static void
check_mean (OpsCase *c, guint64 *state, gfloat offset, gdouble tolerance)
{
  guint h = c->in.view.h, w = c->in.view.w;

  case_outputs (c, state, 1, 1);
  for (gsize k = 0; k < c->in.floats; k++)
    c->in.memory[k] += offset;
  for (guint n = 0; n < c->in.view.n; n++)
    for (guint k = 0; k < c->in.view.c; k++) {
      gdouble sum = 0;
      for (guint y = 0; y < h; y++)
        for (guint x = 0; x < w; x++)
          sum += at (&c->in, n, y, x)[k];
      at (&c->want, n, 0, 0)[k] = (gfloat) (sum / ((gdouble) h * w));
    }
  check_case (c, run_mean, tolerance);
}

/* The mean of values around 2 in a large map: its relative error stays far below 1e-6. */
static void
test_mean (void)
{
  guint64 state = seed;

  for (guint i = 0; i < CASES; i++) {
    OpsCase c = case_new (&state, 1 + check_random_below (&state, 20),
        1 + check_random_below (&state, 20), 1 + check_random_below (&state, 100));
    check_mean (&c, &state, 0, 2e-7);
  }
  OpsCase large = case_new (&state, 200, 272, 40);
  check_mean (&large, &state, 2, 3e-7);
}

/* ---- elementwise -------------------------------------------------------------------------- */

static void
run_scale (const OpsCase *c, const FrcKernels *kernels, FrcPool *pool)
{
  frc_scale_channels_run (kernels, pool, &c->in.view, &c->other.view, &c->out.view);
}

static void
run_add (const OpsCase *c, const FrcKernels *kernels, FrcPool *pool)
{
  frc_add_run (kernels, pool, &c->in.view, &c->other.view, c->activation, &c->out.view);
}

/* add: the other view is of the same size, or smaller and read by floor (i · small / large). */
static void
check_elementwise (guint64 *state, gboolean add)
{
  guint h = 1 + check_random_below (state, 40), w = 1 + check_random_below (state, 40);
  OpsCase c = case_new (state, h, w, 1 + check_random_below (state, 70));
  gboolean small = add && check_random_below (state, 2);
  guint other_h = !add ? 1 : small ? 1 + check_random_below (state, h) : h;
  guint other_w = !add ? 1 : small ? 1 + check_random_below (state, w) : w;

  c.other = check_view_new_input (state, c.in.view.n, other_h, other_w, c.in.view.c,
      c.in.view.c + check_random_below (state, 2) * 7);
  c.activation = add ? check_random_below (state, 5) : FRC_ACT_NONE;
  case_outputs (&c, state, h, w);
  for (guint n = 0; n < c.in.view.n; n++)
    for (guint y = 0; y < h; y++)
      for (guint x = 0; x < w; x++)
        for (guint k = 0; k < c.in.view.c; k++) {
          gfloat a = at (&c.in, n, y, x)[k];
          gfloat b = at (&c.other, n, y * other_h / h, x * other_w / w)[k];
          at (&c.want, n, y, x)[k] = add ? activate (a + b, c.activation) : a * b;
        }
  check_case (&c, add ? run_add : run_scale, add ? 5e-7 : 0);
}

static void
test_elementwise (void)
{
  guint64 state = seed;

  for (guint i = 0; i < 2 * CASES; i++)
    check_elementwise (&state, i % 2);
}

/* The same bits from every instruction set, and from the definition in f32, one step after the other:
 * thresholds that pairs meet exactly are among them. */
static void
test_overlap (void)
{
  guint64 state = seed;
  gfloat values[5 * 256];
  FrcBoxArrays b = {values, values + 256, values + 512, values + 768, values + 1024};

  for (guint round = 0; round < 20 * CASES; round++) {
    gfloat unit = check_random_below (&state, 2) ? 1 : 1 + check_random_float (&state) / 2;
    for (guint i = 0; i < 256; i++) {
      b.x1[i] = unit * check_random_below (&state, 60);
      b.y1[i] = unit * check_random_below (&state, 60);
      b.x2[i] = b.x1[i] + unit * check_random_below (&state, 40);
      b.y2[i] = b.y1[i] + unit * check_random_below (&state, 40);
      b.area[i] = (b.x2[i] - b.x1[i]) * (b.y2[i] - b.y1[i]);
    }
    guint n = 1 + check_random_below (&state, 64), block = check_random_below (&state, 256 - 64);
    guint first = check_random_below (&state, 256);
    guint end = first + check_random_below (&state, 256 - first);
    gfloat threshold = check_random_below (&state, 8) / 8.0f;
    guint64 want = 0, used = G_MAXUINT64 >> (64 - n);
    for (guint i = first; i < end; i++)
      for (guint j = 0; j < n; j++) {
        guint k = block + j;
        volatile gfloat w = MIN (b.x2[i], b.x2[k]) - MAX (b.x1[i], b.x1[k]);
        volatile gfloat h = MIN (b.y2[i], b.y2[k]) - MAX (b.y1[i], b.y1[k]);
        volatile gfloat inter = MAX (w, 0) * MAX (h, 0), both = b.area[i] + b.area[k];
        volatile gfloat of_one = both - inter, share = inter / of_one;
        want |= (guint64) (share > threshold) << j;
      }
    for (const char *const *name = check_kernel_names (); *name != NULL; name++) {
      const FrcKernels *kernels = frc_kernels_get (*name, NULL);
      guint64 got = kernels->overlap->mask (&b, block, n, first, end, threshold);
      g_assert_cmphex (got & used, ==, want);
    }
  }
}

int
main (int argc, char **argv)
{
  const char *given = g_getenv ("FRC_TEST_SEED");

  g_test_init (&argc, &argv, NULL);
  seed = given ? g_ascii_strtoull (given, NULL, 0) : 20240312;
  pools[0] = frc_pool_new (1, NULL);
  pools[1] = frc_pool_new (2, NULL);
  g_test_add_func ("/ops/max-pool", test_max_pool);
  g_test_add_func ("/ops/same-padding", test_same_padding);
  g_test_add_func ("/ops/max-pool-bits", test_max_pool_bits);
  g_test_add_func ("/ops/local-norm", test_local_norm);
  g_test_add_func ("/ops/mean", test_mean);
  g_test_add_func ("/ops/elementwise", test_elementwise);
  g_test_add_func ("/ops/overlap", test_overlap);
  int result = g_test_run ();
  frc_pool_free (pools[0]);
  frc_pool_free (pools[1]);
  return result;
}
