/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "golden.h"

#include <math.h>

FrcWeights *
golden_open (const char *file)
{
  g_autofree char *path = g_strdup_printf ("%s/%s.safetensors", GOLDEN_DIR, file);
  g_autoptr (GError) error = NULL;
  FrcWeights *golden = frc_weights_open (path, &error);

  g_assert_no_error (error);
  return golden;
}

const FrcTensor *
golden_tensor (const FrcWeights *golden, const char *scope, const char *name)
{
  g_autofree char *full = *scope ? g_strdup_printf ("%s.%s", scope, name) : g_strdup (name);
  const FrcTensor *tensor = frc_weights_find (golden, full);

  if (!tensor)
    g_error ("%s: no tensor %s", frc_weights_path (golden), full);
  return tensor;
}

gfloat *
golden_read (const FrcWeights *golden, const char *scope, const char *name, guint *n)
{
  const FrcTensor *tensor = golden_tensor (golden, scope, name);
  guint count = frc_tensor_elements (tensor);
  gfloat *values = g_new (gfloat, count + 1);

  frc_tensor_read_f32 (tensor, values);
  if (n)
    *n = count;
  return values;
}

FrcView
golden_view (const FrcWeights *golden, const char *scope, const char *name)
{
  const FrcTensor *tensor = golden_tensor (golden, scope, name);

  g_assert_cmpuint (tensor->n_dims, ==, 4);
  return (FrcView){ golden_read (golden, scope, name, NULL), tensor->shape[0], tensor->shape[1],
    tensor->shape[2], tensor->shape[3], tensor->shape[3] };
}

void
golden_assert_near (const char *what, const gfloat *ours, const gfloat *want, guint n,
    gdouble tolerance)
{
  for (guint i = 0; i < n; i++)
    if (!(fabs ((gdouble) ours[i] - want[i]) <= tolerance)) {
      g_test_message ("%s: element %u is %.9g, %.9g ± %.3g expected", what, i, ours[i], want[i],
          tolerance);
      g_test_fail ();
      return;
    }
}

void
golden_assert_close (const char *what, const gfloat *ours, const gfloat *want, guint n,
    gdouble tolerance)
{
  gdouble largest = 0;

  for (guint i = 0; i < n; i++)
    largest = MAX (largest, fabs (want[i]));
  golden_assert_near (what, ours, want, n, tolerance * largest);
}
