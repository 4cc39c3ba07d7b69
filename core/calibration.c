/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Bounds of a layer's input: the least and the greatest value of each image, their means over the
 * images. A rare outlier is clipped rather than that all others get coarser steps.
 */
#include "calibration.h"
#include "detector.h"
#include "model/metadata.h"

#define CAPACITY 100

typedef struct {
  gboolean seen; /* in this image */
  gfloat min, max;
  gdouble sum_min, sum_max;
  guint n;
} Seen;

struct _FrcCalibration {
  FrcModel *model;
  FrcDetector *detector;
  GHashTable *layers; /* name → Seen */
  char *cost[FRC_N_PRECISIONS];
};

FrcCalibration *
frc_calibration_new (FrcModel *model, const FrcOptions *options, GError **error)
{
  FrcOptions f32 = options ? *options : (FrcOptions){ 0 };

  f32.precision = FRC_PRECISION_F32;
  FrcDetector *detector = frc_detector_new (model, &f32, error);
  if (!detector)
    return NULL;
  FrcCalibration *calibration = g_new0 (FrcCalibration, 1);
  calibration->model = frc_model_ref (model);
  calibration->detector = detector;
  calibration->layers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  return calibration;
}

void
frc_calibration_free (FrcCalibration *calibration)
{
  if (!calibration)
    return;
  frc_detector_free (calibration->detector);
  frc_model_unref (calibration->model);
  g_hash_table_unref (calibration->layers);
  for (guint p = 0; p < FRC_N_PRECISIONS; p++)
    g_free (calibration->cost[p]);
  g_free (calibration);
}

/* A layer that runs on several maps sees all of them. */
static void
watch_layer (const FrcPlan *plan, guint node, gpointer user_data)
{
  FrcCalibration *calibration = user_data;
  const FrcNode *layer = &plan->graph->nodes[node];

  if (layer->op != FRC_OP_CONV && layer->op != FRC_OP_LINEAR)
    return;
  FrcView in = frc_plan_view (plan, layer->in[0]);
  Seen *seen = g_hash_table_lookup (calibration->layers, layer->name);
  if (!seen) {
    seen = g_new0 (Seen, 1);
    g_hash_table_insert (calibration->layers, g_strdup (layer->name), seen);
  }
  if (!seen->seen)
    seen->min = seen->max = 0;
  seen->seen = TRUE;
  for (gsize i = 0; i < (gsize) in.n * in.h * in.w; i++)
    for (guint c = 0; c < in.c; c++) {
      gfloat v = in.data[i * in.ld + c];
      seen->min = MIN (seen->min, v);
      seen->max = MAX (seen->max, v);
    }
}

static void
end_image (gpointer name, gpointer value, gpointer user_data)
{
  Seen *seen = value;

  if (!seen->seen)
    return;
  seen->sum_min += seen->min;
  seen->sum_max += seen->max;
  seen->n++;
  seen->seen = FALSE;
}

gboolean
frc_calibration_add (FrcCalibration *calibration, const FrcImage *image, GError **error)
{
  FrcDetector *d = calibration->detector;
  FrcQuery query = FRC_QUERY_INIT;
  FrcDetection found[CAPACITY];
  guint n;

  if (!frc_detector_prepare (d, &image->info, error))
    return FALSE;
  d->trunk->watch = d->head->watch = watch_layer;
  d->trunk->watch_data = d->head->watch_data = calibration;
  if (!frc_detect (d, image, &query, found, CAPACITY, &n, error))
    return FALSE;
  g_hash_table_foreach (calibration->layers, end_image, NULL);
  return TRUE;
}

void
frc_calibration_set_cost (FrcCalibration *calibration, FrcPrecision precision, gdouble points,
    const char *measured_on)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  g_free (calibration->cost[precision]);
  calibration->cost[precision] = g_strdup_printf ("%s points of %s",
      g_ascii_formatd (text, sizeof text, "%.3f", points), measured_on);
}

gboolean
frc_calibration_write (const FrcCalibration *calibration, const char *out, GError **error)
{
  g_autoptr (GHashTable) bounds = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
  g_autoptr (GPtrArray) keys = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) values = g_ptr_array_new_with_free_func (g_free);
  GHashTableIter iter;
  gpointer name, value;

  g_hash_table_iter_init (&iter, calibration->layers);
  while (g_hash_table_iter_next (&iter, &name, &value)) {
    const Seen *seen = value;
    FrcBounds mean = { (gfloat) (seen->sum_min / MAX (seen->n, 1)),
      (gfloat) (seen->sum_max / MAX (seen->n, 1)) };
    if (seen->n)
      g_hash_table_insert (bounds, name, g_memdup2 (&mean, sizeof mean));
  }
  if (g_hash_table_size (bounds)) {
    g_ptr_array_add (keys, g_strdup (FRC_METADATA_BOUNDS));
    g_ptr_array_add (values, frc_metadata_bounds_text (bounds));
  }
  for (guint p = 0; p < FRC_N_PRECISIONS; p++)
    if (calibration->cost[p]) {
      g_ptr_array_add (keys, g_strconcat (FRC_METADATA_COST, frc_precision_name (p), NULL));
      g_ptr_array_add (values, g_strdup (calibration->cost[p]));
    }
  g_ptr_array_add (keys, NULL);
  g_ptr_array_add (values, NULL);
  return frc_model_annotate (calibration->model, (const char *const *) keys->pdata,
      (const char *const *) values->pdata, out, error);
}
