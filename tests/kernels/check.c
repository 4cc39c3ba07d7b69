/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define GUARD 128 /* floats on either side */
#define HUGE_PAGE (2 * 1024 * 1024)
#define CANARY 0x7fc0cafeu /* a NaN: whoever computes with it is found too */

guint64
check_random (guint64 *state)
{
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

guint
check_random_below (guint64 *state, guint n)
{
  return (check_random (state) >> 20) % n;
}

gfloat
check_random_float (guint64 *state)
{
  return (gfloat) ((gint32) (check_random (state) >> 16)) / 2147483648.0f;
}

static CheckView
view_new (guint n, guint h, guint w, guint c, gsize ld)
{
  CheckView check = {{NULL, n, h, w, c, ld}, NULL, (gsize) n * h * w * ld + 2 * GUARD};
  gpointer memory = NULL;
  gsize bytes = check.floats * sizeof (gfloat);

  if (posix_memalign (&memory, bytes < HUGE_PAGE ? 64 : HUGE_PAGE, bytes) != 0)
    g_error ("no memory for a view");
#ifdef MADV_HUGEPAGE
  if (bytes >= HUGE_PAGE)
    madvise (memory, bytes, MADV_HUGEPAGE);
#endif
  check.memory = memory;
  check.view.data = check.memory + GUARD;
  return check;
}

CheckView
check_view_new_input (guint64 *state, guint n, guint h, guint w, guint c, gsize ld)
{
  CheckView check = view_new (n, h, w, c, ld);

  for (gsize i = 0; i < check.floats; i++)
    check.memory[i] = check_random_float (state);
  return check;
}

CheckView
check_view_new_output (guint n, guint h, guint w, guint c, gsize ld)
{
  CheckView check = view_new (n, h, w, c, ld);

  check_view_reset (&check);
  return check;
}

void
check_view_reset (CheckView *output)
{
  const guint32 canary = CANARY;

  for (gsize i = 0; i < output->floats; i++)
    memcpy (output->memory + i, &canary, sizeof canary);
}

void
check_view_clear (CheckView *check)
{
  g_clear_pointer (&check->memory, free);
}

static gboolean
is_inside (const FrcView *view, gsize index)
{
  gsize pixels = (gsize) view->n * view->h * view->w;

  return index >= GUARD && (index - GUARD) / view->ld < pixels &&
      (index - GUARD) % view->ld < view->c;
}

char *
check_view_canaries (const CheckView *output)
{
  const guint32 canary = CANARY;

  for (gsize i = 0; i < output->floats; i++)
    if (!is_inside (&output->view, i) && memcmp (output->memory + i, &canary, sizeof canary) != 0)
      return g_strdup_printf ("canary overwritten at float %" G_GSSIZE_FORMAT " of the view",
          (gssize) i - GUARD);
  return NULL;
}

char *
check_view_compare (const CheckView *got, const CheckView *want, const CheckView *scale,
    gdouble tolerance)
{
  const FrcView *g = &got->view, *w = &want->view;
  gsize pixels = (gsize) g->n * g->h * g->w;

  for (gsize i = 0; i < pixels; i++)
    for (guint c = 0; c < g->c; c++) {
      gfloat a = g->data[i * g->ld + c], b = w->data[i * w->ld + c];
      gdouble unit = scale ? scale->view.data[i * scale->view.ld + c] : 1;
      if (!(fabs ((gdouble) a - b) <= tolerance * unit))
        return g_strdup_printf ("pixel %" G_GSIZE_FORMAT " channel %u: got %.9g, expected %.9g "
            "± %.3g", i, c, a, b, tolerance * unit);
    }
  return NULL;
}

const char *const *
check_kernel_names (void)
{
  static const char *const all[] = {"scalar", "avx2", "avx512"};
  static const char *runnable[G_N_ELEMENTS (all) + 1];
  guint n = 0;

  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    if (frc_kernels_get (all[i], NULL) != NULL)
      runnable[n++] = all[i];
  runnable[n] = NULL;
  return runnable;
}
