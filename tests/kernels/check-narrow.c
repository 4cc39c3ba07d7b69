/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check-narrow.h"

#include <math.h>
#include <stdlib.h>

#define GUARD 1024 /* elements on either side */

FrcPool *check_narrow_pools[2];
guint64 check_narrow_seed;
const char *check_narrow_names[4];

/* ---- tensors ------------------------------------------------------------------------------- */

CheckNarrow
check_narrow_new (guint n, guint h, guint w, guint c)
{
  CheckNarrow t = {{NULL, n, h, w, c, frc_narrow_ld (c)}};
  gpointer memory = NULL;

  t.elements = (gsize) n * h * w * t.view.ld;
  if (posix_memalign (&memory, 64, (t.elements + 2 * GUARD) * sizeof (guint16)) != 0)
    g_error ("no memory for a tensor");
  t.memory = memory;
  t.view.data = t.memory + GUARD;
  for (gsize i = 0; i < t.elements + 2 * GUARD; i++)
    t.memory[i] = CHECK_NARROW_CANARY;
  return t;
}

CheckNarrow
check_narrow_new_input (guint64 *state, guint n, guint h, guint w, guint c)
{
  CheckNarrow t = check_narrow_new (n, h, w, c);

  for (gsize i = 0; i < t.elements; i++)
    t.view.data[i] = i % t.view.ld < c ? frc_bf16_narrow (check_random_float (state)) : 0;
  return t;
}

gdouble
check_narrow_at (const CheckNarrow *t, guint n, gint y, gint x, guint c)
{
  const FrcNarrowView *v = &t->view;

  if (y < 0 || x < 0 || y >= (gint) v->h || x >= (gint) v->w)
    return 0;
  return frc_bf16_widen (v->data[(((gsize) n * v->h + y) * v->w + x) * v->ld + c]);
}

void
check_narrow_clear (CheckNarrow *t)
{
  g_clear_pointer (&t->memory, free);
}

/* ---- comparison ---------------------------------------------------------------------------- */

CheckWant
check_want_new (const CheckNarrow *out)
{
  gsize n = (gsize) out->view.n * out->view.h * out->view.w * out->view.c;

  return (CheckWant){g_new0 (gdouble, n), g_new0 (gdouble, n)};
}

void
check_want_clear (CheckWant *want)
{
  g_free (want->value);
  g_free (want->size);
}

gdouble
check_activate (gdouble x, FrcActivation activation)
{
  gdouble hard = CLAMP (x + 3, 0, 6) / 6;

  return activation == FRC_ACT_RELU ? MAX (x, 0) : activation == FRC_ACT_RELU6 ? CLAMP (x, 0, 6)
      : activation == FRC_ACT_HARDSWISH ? x * hard : activation == FRC_ACT_HARDSIGMOID ? hard : x;
}

/* f32 sums of f32 products, then one rounding to bf16. NULL or what is wrong. */
static char *
compare (const CheckNarrow *got, const CheckWant *want)
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
    if (got->memory[i] != CHECK_NARROW_CANARY || v->data[got->elements + i] != CHECK_NARROW_CANARY)
      return g_strdup ("written outside of the tensor");
  return NULL;
}

/* Runs with all kernels and both check_narrow_pools. */
void
check_narrow_run (CheckNarrowRun run, gconstpointer data, CheckNarrow *out, const CheckWant *want,
    const char *what)
{
  gsize bytes = out->elements * sizeof (guint16);
  g_autofree guint16 *first = g_malloc (bytes + 1);

  for (guint k = 0; check_narrow_names[k]; k++)
    for (guint p = 0; p < 2; p++) {
      GError *error = NULL;
      const FrcNarrowKernels *kernels =
          frc_narrow_kernels (frc_kernels_get (check_narrow_names[k], NULL), &error);
      g_assert_no_error (error);
      for (gsize i = 0; i < out->elements; i++)
        out->view.data[i] = CHECK_NARROW_CANARY;
      run (data, kernels, check_narrow_pools[p], &out->view);
      char *problem = compare (out, want);
      if (p == 0)
        memcpy (first, out->view.data, bytes);
      else if (problem == NULL && memcmp (first, out->view.data, bytes) != 0)
        problem = g_strdup ("two threads give other bits than one");
      if (problem == NULL)
        continue;
      g_test_message ("%s, %u threads: %s; out %ux%ux%ux%u, %s", check_narrow_names[k], p + 1,
          problem, out->view.n, out->view.h, out->view.w, out->view.c, what);
      g_test_fail ();
      g_free (problem);
    }
}

guint
check_out_side (guint in, guint kernel, guint stride, guint pad)
{
  return in + 2 * pad < kernel ? 1 : (in + 2 * pad - kernel) / stride + 1;
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

void
check_narrow_same (CheckNarrowRun run, gpointer data, FrcConvSpec *spec, guint h, guint w, guint c)
{
  const char *any = check_narrow_names[(h + w) % 3], *name = any ? any : check_narrow_names[0];
  guint oh = (h + spec->stride_h - 1) / spec->stride_h;
  guint ow = (w + spec->stride_w - 1) / spec->stride_w;
  CheckNarrow got = check_narrow_new (1, oh, ow, c), want = check_narrow_new (1, oh, ow, c);
  const FrcNarrowKernels *kernels = frc_narrow_kernels (frc_kernels_get (name, NULL), NULL);

  spec->same = TRUE;
  run (data, kernels, check_narrow_pools[0], &got.view);
  *spec = written_out (*spec, h, w);
  run (data, kernels, check_narrow_pools[1], &want.view);
  g_assert_cmpmem (got.view.data, 2 * got.elements, want.view.data, 2 * want.elements);
  check_narrow_clear (&got);
  check_narrow_clear (&want);
}

/* ---- the program --------------------------------------------------------------------------- */

void
check_narrow_start (int *argc, char ***argv)
{
  static const char *const all[] = {"scalar", "avx512", "amx"};
  const char *text = g_getenv ("FRC_TEST_SEED");
  guint n = 0;

  g_test_init (argc, argv, NULL);
  check_narrow_seed = text ? g_ascii_strtoull (text, NULL, 10) : 20251;
  for (guint i = 0; i < G_N_ELEMENTS (all); i++) {
    const FrcKernels *kernels = frc_kernels_get (all[i], NULL);
    if (kernels && frc_narrow_kernels (kernels, NULL))
      check_narrow_names[n++] = all[i];
  }
  for (guint i = 0; i < 2; i++)
    check_narrow_pools[i] = frc_pool_new (i + 1, NULL);
}

int
check_narrow_end (void)
{
  int status = g_test_run ();

  for (guint i = 0; i < 2; i++)
    frc_pool_free (check_narrow_pools[i]);
  return status;
}
