/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Detections → metas. All that an application reads from a buffer is written here.
 */
#include "detectmeta.h"

#include "resultmark.h"

/* What torchvision calls the two outputs that a box comes from. */
#define LAYER_NAME "cls_score\\bbox_pred"

typedef struct
{
  gdouble x1, y1, x2, y2; /* pixels of the rectangle, clipped to it */
  guint x, y, w, h;       /* the same in whole pixels */
} Placed;

static guint
whole (gdouble v)
{
  return (guint) (v + 0.5);
}

/* FALSE: nothing of @box is left inside @now. @then is what the box was measured in. */
static gboolean
place (const FrcBox *box, const FrcRect *then, const FrcRect *now, Placed *out)
{
  gdouble dx = (gdouble) then->x - now->x, dy = (gdouble) then->y - now->y;

  out->x1 = CLAMP (box->x1 + dx, 0.0, now->width);
  out->y1 = CLAMP (box->y1 + dy, 0.0, now->height);
  out->x2 = CLAMP (box->x2 + dx, 0.0, now->width);
  out->y2 = CLAMP (box->y2 + dy, 0.0, now->height);
  if (!(out->x2 > out->x1 && out->y2 > out->y1)) /* NaN ends here, too */
    return FALSE;

  out->x = whole (out->x1);
  out->y = whole (out->y1);
  out->w = MIN (whole (out->x2 - out->x1), now->width - out->x);
  out->h = MIN (whole (out->y2 - out->y1), now->height - out->y);
  return out->w > 0 && out->h > 0;
}

static gboolean
id_is_taken (GstBuffer *buffer, gint id)
{
  gpointer state = NULL;
  GstMeta *meta;

  while ((meta = gst_buffer_iterate_meta_filtered (buffer, &state,
              GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE))) {
    if (((GstVideoRegionOfInterestMeta *) meta)->id == id)
      return TRUE;
  }
  return FALSE;
}

static gint
largest_id (GstBuffer *buffer)
{
  gpointer state = NULL;
  GstMeta *meta;
  gint largest = 0;

  while ((meta = gst_buffer_iterate_meta_filtered (buffer, &state,
              GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE)))
    largest = MAX (largest, ((GstVideoRegionOfInterestMeta *) meta)->id);
  return largest;
}

/* The id after @last. Where somebody used up the numbers, the first free one from 1. */
static gint
next_id (GstBuffer *buffer, gint last)
{
  if (last < G_MAXINT)
    return last + 1;

  gint id = 1;
  while (id_is_taken (buffer, id))
    id++;
  return id;
}

static void
attach_one (const FrcDetection *found, const Placed *box, const FrcMetaContext *context, gint id,
    GstBuffer *buffer)
{
  GQuark label = frc_label_set_quark (context->labels, found->label_id);
  GstVideoRegionOfInterestMeta *roi = gst_buffer_add_video_region_of_interest_meta_id (buffer,
      label, box->x, box->y, box->w, box->h);
  gdouble width = context->rect.width, height = context->rect.height;

  roi->id = id;
  gst_video_region_of_interest_meta_add_param (roi,
      gst_structure_new ("detection",
          "label_id", G_TYPE_INT, found->label_id,
          "confidence", G_TYPE_DOUBLE, (gdouble) found->score,
          "x_min", G_TYPE_DOUBLE, box->x1 / width,
          "x_max", G_TYPE_DOUBLE, box->x2 / width,
          "y_min", G_TYPE_DOUBLE, box->y1 / height,
          "y_max", G_TYPE_DOUBLE, box->y2 / height,
          "rotation", G_TYPE_DOUBLE, 0.0,
          "model_name", G_TYPE_STRING, context->model_name,
          "layer_name", G_TYPE_STRING, LAYER_NAME,
          "age", G_TYPE_UINT64, context->age, NULL));
}

/** frc_meta_type_is_built: whether this build can attach metas of @type. */
gboolean
frc_meta_type_is_built (FrcMetaType type)
{
  return type == FRC_META_AUTO || type == FRC_META_ROI;
}

/**
 * frc_result_attach:
 * @buffer: writable
 *
 * Adds a region-of-interest meta an object, in descending score: x, y, w, h in whole pixels inside
 * the frame, and one param `detection` with the exact values. An object that has no whole pixel
 * inside the frame is left out. A result of another rectangle keeps its place in the frame.
 *
 * Ids go on from the largest one on the buffer. The buffer is marked as one that has a result, also
 * without objects. Returns: how many metas were added.
 */
guint
frc_result_attach (const FrcResult *result, const FrcMetaContext *context, GstBuffer *buffer)
{
  gint id = largest_id (buffer);
  guint added = 0;

  frc_result_mark_add (buffer, context->age);
  for (guint i = 0; i < result->n; i++) {
    const FrcDetection *found = &result->detections[i];
    Placed box;
    if (!frc_label_set_quark (context->labels, found->label_id) ||
        !place (&found->box, &result->rect, &context->rect, &box))
      continue;
    id = next_id (buffer, id);
    attach_one (found, &box, context, id, buffer);
    added++;
  }
  return added;
}
