/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Region-of-interest metas, and object detection mtds of the analytics library, as one list.
 */
#include "objects.h"

#include <math.h>

#include "analyticsmeta.h"
#include "frameinfo.h"

/* FALSE: there is no such field, or it is no finite number. */
static gboolean
read_number (const GstStructure *param, const char *field, gdouble *out)
{
  const GValue *value = gst_structure_get_value (param, field);
  GValue number = G_VALUE_INIT;

  if (!value)
    return FALSE;
  g_value_init (&number, G_TYPE_DOUBLE);
  gdouble found = g_value_transform (value, &number) ? g_value_get_double (&number) : NAN;
  g_value_unset (&number);
  if (!isfinite (found))
    return FALSE;
  *out = found;
  return TRUE;
}

static void
read_detection (const GstStructure *param, FrcObject *object)
{
  read_number (param, "confidence", &object->confidence);
  gst_structure_get_int (param, "label_id", &object->label_id);
  gst_structure_get_uint64 (param, "age", &object->age);
  object->has_corners = read_number (param, "x_min", &object->x_min) &&
      read_number (param, "y_min", &object->y_min) &&
      read_number (param, "x_max", &object->x_max) && read_number (param, "y_max", &object->y_max);
}

static FrcObject
read_roi (GstVideoRegionOfInterestMeta *roi)
{
  const GstStructure *detection = gst_video_region_of_interest_meta_get_param (roi, "detection");
  FrcObject object = {
    .x = roi->x, .y = roi->y, .width = roi->w, .height = roi->h,
    .label = g_quark_to_string (roi->roi_type),
    .id = roi->id, .parent_id = roi->parent_id,
    .label_id = -1, .confidence = -1.0, .age = GST_CLOCK_TIME_NONE,
  };

  if (detection)
    read_detection (detection, &object);
  for (GList *link = roi->params; link && object.confidence < 0.0; link = link->next)
    read_number (link->data, "confidence", &object.confidence);
  return object;
}

static gboolean
has_id (const GArray *objects, guint n, gint id)
{
  for (guint i = 0; i < n; i++) {
    if (g_array_index (objects, FrcObject, i).id == id)
      return TRUE;
  }
  return FALSE;
}

static FrcObject
read_mtd (const FrcAnalyticsObject *mtd, const FrcRect *visible)
{
  return (FrcObject){
    .x = mtd->x, .y = mtd->y, .width = mtd->w, .height = mtd->h,
    .label = g_quark_to_string (mtd->label),
    .id = mtd->id,
    .label_id = -1, .confidence = isfinite (mtd->confidence) ? mtd->confidence : -1.0,
    .has_corners = TRUE,
    .x_min = (gdouble) mtd->x / visible->width,
    .x_max = ((gdouble) mtd->x + mtd->w) / visible->width,
    .y_min = (gdouble) mtd->y / visible->height,
    .y_max = ((gdouble) mtd->y + mtd->h) / visible->height,
    .age = GST_CLOCK_TIME_NONE,
  };
}

/* Who writes both kinds gives them the same id. */
static void
add_mtds (GArray *objects, GstBuffer *buffer, const FrcRect *visible)
{
  guint n_rois = objects->len;
  gpointer state = NULL;
  FrcAnalyticsObject mtd;

  while (frc_analytics_iterate (buffer, &state, &mtd)) {
    if (has_id (objects, n_rois, mtd.id))
      continue;
    FrcObject object = read_mtd (&mtd, visible);
    g_array_append_val (objects, object);
  }
}

/**
 * frc_visible_rect:
 * @width: @height: of the caps
 *
 * Returns: what objects' coordinates are relative to: the part of the stored frame that a crop meta
 * names, else all of it.
 */
FrcRect
frc_visible_rect (GstBuffer *buffer, guint width, guint height)
{
  const GstVideoMeta *meta = gst_buffer_get_video_meta (buffer);
  FrcImageInfo stored = { .width = meta ? meta->width : width,
    .height = meta ? meta->height : height };

  return frc_rect_from_buffer (buffer, &stored);
}

/**
 * frc_objects_read:
 * @visible: of frc_visible_rect ()
 *
 * Every region-of-interest meta on @buffer, whoever attached it, in the order they were attached;
 * then, where this was built with gstreamer-analytics, every object detection mtd whose id no such
 * meta has. Labels belong to GLib. Returns: (transfer full): of FrcObject.
 */
GArray *
frc_objects_read (GstBuffer *buffer, const FrcRect *visible)
{
  GArray *objects = g_array_new (FALSE, FALSE, sizeof (FrcObject));
  gpointer state = NULL;
  GstMeta *meta;

  while ((meta = gst_buffer_iterate_meta_filtered (buffer, &state,
              GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE))) {
    FrcObject object = read_roi ((GstVideoRegionOfInterestMeta *) meta);
    g_array_append_val (objects, object);
  }
  add_mtds (objects, buffer, visible);
  return objects;
}
