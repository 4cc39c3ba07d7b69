/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Narrow operations beside convolutions: windows, sums, means, regions, and rounding itself.
 */
#include "check-narrow.h"

#include <math.h>

/* ---- windows ------------------------------------------------------------------------------- */

typedef struct {
  FrcConvSpec spec;
  gfloat *weight, *bias;
  CheckNarrow in, other;
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
      gdouble value = check_narrow_at (&op->in, n, iy, ix, c);
      if (op->weight) {
        value *= op->weight[(c * s->kernel_h + ky) * s->kernel_w + kx];
        sum += value;
        *size += fabs (value);
      } else {
        sum = op->average ? sum + value : MAX (sum, value);
      }
      n_inside++;
    }
  return check_activate (op->average ? sum / n_inside : sum, s->activation);
}

static void
check_window (Op *op, CheckNarrowRun run, const char *name)
{
  const FrcConvSpec *s = &op->spec;
  const FrcNarrowView *in = &op->in.view;
  CheckNarrow out = check_narrow_new (in->n,
      check_out_side (in->h, s->kernel_h, s->stride_h, s->pad_top),
      check_out_side (in->w, s->kernel_w, s->stride_w, s->pad_left), in->c);
  CheckWant want = check_want_new (&out);
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
  check_narrow_run (run, op, &out, &want, what);
  check_want_clear (&want);
  check_narrow_clear (&out);
  check_narrow_clear (&op->in);
}

static void
test_depthwise (void)
{
  guint64 state = check_narrow_seed;

  for (guint i = 0; i < CHECK_NARROW_CASES; i++) {
    guint kernel = i % 7 == 6 ? 7 : i % 7 == 5 ? 2 : 3 + 2 * (i % 2);
    guint stride = 1 + check_random_below (&state, i % 9 ? 2 : 3);
    guint pad = check_random_below (&state, kernel / 2 + 1), c = 1 + check_random_below (&state, 80);
    Op op = {{kernel, kernel, stride, stride, pad, pad, c, c, check_random_below (&state, 4)}};
    op.in = check_narrow_new_input (&state, 1 + check_random_below (&state, 2),
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
  guint64 state = check_narrow_seed;

  for (guint i = 0; i < CHECK_NARROW_CASES / 2; i++) {
    const guint *w = windows[i % G_N_ELEMENTS (windows)];
    Op op = {{w[0], w[0], w[1], w[1], w[2], w[2], 0, 0, FRC_ACT_NONE}};
    op.in = check_narrow_new_input (&state, 1 + check_random_below (&state, 2),
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
  guint64 state = check_narrow_seed;

  for (guint i = 0; i < CHECK_NARROW_CASES / 4; i++) {
    guint stride = 1 + i % 2;
    Op op = {{3, 3, stride, stride, 1, 1, 0, 0, check_random_below (&state, 3)}, .average = TRUE};
    op.in = check_narrow_new_input (&state, 1 + check_random_below (&state, 2),
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
  guint64 state = check_narrow_seed;

  for (guint i = 0; i < CHECK_NARROW_CASES / 2; i++) {
    Op op = {.in = check_narrow_new_input (&state, 1 + i % 2, 1 + check_random_below (&state, 40),
                 1 + check_random_below (&state, 40), 1 + check_random_below (&state, 90))};
    const FrcNarrowView *in = &op.in.view;
    CheckNarrow out = check_narrow_new (in->n, 1, 1, in->c);
    CheckWant want = check_want_new (&out);
    for (guint n = 0; n < in->n; n++)
      for (guint c = 0; c < in->c; c++) {
        gdouble sum = 0;
        for (guint y = 0; y < in->h; y++)
          for (guint x = 0; x < in->w; x++)
            sum += check_narrow_at (&op.in, n, y, x, c);
        want.value[n * in->c + c] = sum / ((gdouble) in->h * in->w);
        want.size[n * in->c + c] = 1;
      }
    check_narrow_run (run_mean, &op, &out, &want, "mean");
    check_want_clear (&want);
    check_narrow_clear (&out);
    check_narrow_clear (&op.in);
  }
}

static void
check_elementwise (guint64 *state, gboolean add)
{
  guint h = 1 + check_random_below (state, 20), w = 1 + check_random_below (state, 20);
  guint c = 1 + check_random_below (state, 90), n = 1 + check_random_below (state, 2), k = 0;
  guint oh = add ? 1 + check_random_below (state, h) : 1;
  guint ow = add ? 1 + check_random_below (state, w) : 1;
  Op op = {.in = check_narrow_new_input (state, n, h, w, c),
    .other = check_narrow_new_input (state, n, oh, ow, c)};
  CheckNarrow out = check_narrow_new (n, h, w, c);
  CheckWant want = check_want_new (&out);

  /* A hard sigmoid of the zeros behind the channels would be no zero; no network adds so. */
  op.spec.activation = add ? check_random_below (state, 4) : FRC_ACT_NONE;
  for (guint i = 0; i < n; i++)
    for (guint y = 0; y < h; y++)
      for (guint x = 0; x < w; x++)
        for (guint j = 0; j < c; j++, k++) {
          gdouble a = check_narrow_at (&op.in, i, y, x, j);
          gdouble b = check_narrow_at (&op.other, i, y * oh / h, x * ow / w, j);
          want.value[k] = add ? check_activate (a + b, op.spec.activation) : a * b;
          want.size[k] = 2;
        }
  check_narrow_run (add ? run_add : run_scale, &op, &out, &want, add ? "add" : "scale");
  check_want_clear (&want);
  check_narrow_clear (&out);
  check_narrow_clear (&op.in);
  check_narrow_clear (&op.other);
}

static void
test_elementwise (void)
{
  guint64 state = check_narrow_seed;

  for (guint i = 0; i < CHECK_NARROW_CASES; i++)
    check_elementwise (&state, i % 2);
}

/* ---- RoI align ----------------------------------------------------------------------------- */

typedef struct {
  CheckNarrow maps[2];
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
rois_want (Rois *r, const CheckNarrow *out, CheckWant *want)
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
    g_assert_true (frc_pool_reserve (check_narrow_pools[i],
        frc_rois_scratch_bytes (30, 7, 2, 14, v->c), NULL));
  pool_wide[r->kind](frc_kernels_get ("scalar", NULL), check_narrow_pools[0], &r->rois, &to);
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
  guint64 state = check_narrow_seed;

  for (guint i = 0; i < CHECK_NARROW_CASES / 4; i++) {
    guint c = 1 + check_random_below (&state, 200), n = 1 + check_random_below (&state, 40);
    Rois r = {{check_narrow_new_input (&state, 1, 20, 30, c),
      check_narrow_new_input (&state, 1, 10, 15, c)}};
    CheckNarrow out = check_narrow_new (n, 7, 7, c);
    CheckWant want = check_want_new (&out);
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
    check_narrow_run (run_rois, &r, &out, &want, "RoIs");
    check_want_clear (&want);
    check_narrow_clear (&out);
    check_narrow_clear (&r.maps[0]);
    check_narrow_clear (&r.maps[1]);
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
  guint64 state = check_narrow_seed;
  gfloat in[100];
  guint16 got[100];

  for (guint k = 0; check_narrow_names[k]; k++) {
    const FrcNarrowKernels *kernels =
        frc_narrow_kernels (frc_kernels_get (check_narrow_names[k], NULL), NULL);
    for (guint i = 0; i < 200; i++) {
      guint n = 1 + check_random_below (&state, 99);
      for (guint j = 0; j < n; j++)
        in[j] = check_random_float (&state) * (j % 3 ? 1 : 1e-30f);
      got[n] = CHECK_NARROW_CANARY;
      kernels->convert (in, got, n);
      for (guint j = 0; j < n; j++)
        g_assert_cmphex (got[j], ==, frc_bf16_narrow (in[j]));
      g_assert_cmphex (got[n], ==, CHECK_NARROW_CANARY);
      n = n / 32 * 32;
      kernels->widen (got, in, n);
      for (guint j = 0; j < n; j++)
        g_assert_cmpfloat (in[j], ==, frc_bf16_widen (got[j]));
    }
  }
}

/* ---- TensorFlow's SAME padding -------------------------------------------------------------- */

static void
test_same_padding (void)
{
  static const CheckNarrowRun windows[] = {run_depthwise, run_max, run_average};
  guint64 state = check_narrow_seed;

  for (guint i = 0; i < CHECK_NARROW_CASES; i++) {
    guint kernel = 1 + 2 * (i % 4), stride = 1 + i / 4 % 3, c = 1 + check_random_below (&state, 40);
    guint h = 4 + check_random_below (&state, 9), w = 4 + check_random_below (&state, 20);
    Op op = {.spec = {kernel, kernel, stride, stride, 0, 0, c, c, FRC_ACT_NONE},
      .weight = g_new (gfloat, kernel * kernel * c), .bias = g_new0 (gfloat, c),
      .in = check_narrow_new_input (&state, 1, h, w, c)};
    for (guint k = 0; k < kernel * kernel * c; k++)
      op.weight[k] = check_random_float (&state);
    check_narrow_same (windows[i % 3], &op, &op.spec, h, w, c);
    g_free (op.weight);
    g_free (op.bias);
    check_narrow_clear (&op.in);
  }
}

int
main (int argc, char **argv)
{
  check_narrow_start (&argc, &argv);
  g_test_add_func ("/narrow-ops/rounding", test_rounding);
  g_test_add_func ("/narrow-ops/convert", test_convert);
  g_test_add_func ("/narrow-ops/depthwise", test_depthwise);
  g_test_add_func ("/narrow-ops/max-pool", test_max_pool);
  g_test_add_func ("/narrow-ops/average-pool", test_average_pool);
  g_test_add_func ("/narrow-ops/same-padding", test_same_padding);
  g_test_add_func ("/narrow-ops/mean", test_mean);
  g_test_add_func ("/narrow-ops/elementwise", test_elementwise);
  g_test_add_func ("/narrow-ops/rois", test_rois);
  return check_narrow_end ();
}
