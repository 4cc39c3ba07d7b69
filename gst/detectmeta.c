/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Detections → metas. All that an application reads from a buffer is written here.
 */
#include "detectmeta.h"

#include "analyticsmeta.h"
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

/* ---- ids ---- */

static GstVideoRegionOfInterestMeta *
next_roi (GstBuffer *buffer, gpointer *state)
{
  return (GstVideoRegionOfInterestMeta *) gst_buffer_iterate_meta_filtered (buffer, state,
      GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE);
}

static GstVideoRegionOfInterestMeta *
find_roi (GstBuffer *buffer, gint id)
{
  GstVideoRegionOfInterestMeta *roi;
  gpointer state = NULL;

  while ((roi = next_roi (buffer, &state)) && roi->id != id)
    ;
  return roi;
}

/* @label 0 = any. */
static gboolean
has_analytics_object (GstBuffer *buffer, gint id, GQuark label)
{
  FrcAnalyticsObject object;
  gpointer state = NULL;

  while (frc_analytics_iterate (buffer, &state, &object)) {
    if (object.id == id)
      return label == 0 || object.label == label;
  }
  return FALSE;
}

/* Of ROI metas and of analytics metadata, at least 0. */
static gint
largest_id (GstBuffer *buffer)
{
  GstVideoRegionOfInterestMeta *roi;
  FrcAnalyticsObject object;
  gpointer state = NULL;
  gint largest = 0;

  while ((roi = next_roi (buffer, &state)))
    largest = MAX (largest, roi->id);
  state = NULL;
  while (frc_analytics_iterate (buffer, &state, &object))
    largest = MAX (largest, object.id);
  return largest;
}

/* The id after @last. Where somebody used up the numbers, the first free one from 1. */
static gint
next_id (GstBuffer *buffer, gint last)
{
  if (last < G_MAXINT)
    return last + 1;

  gint id = 1;
  while (find_roi (buffer, id) || has_analytics_object (buffer, id, 0))
    id++;
  return id;
}

/* 0 is what a meta has that nobody numbered, unless it is that of analytics metadata. */
static gboolean
has_own_id (GstVideoRegionOfInterestMeta *roi, GstBuffer *buffer)
{
  return (roi->id != 0 || has_analytics_object (buffer, 0, roi->roi_type)) &&
      find_roi (buffer, roi->id) == roi;
}

/**
 * frc_rois_ensure_ids:
 * @buffer: writable
 *
 * Gives each region-of-interest meta whose id is 0 or that of an earlier one a fresh id, so that
 * ids tell metas apart: on from the largest.
 */
void
frc_rois_ensure_ids (GstBuffer *buffer)
{
  GstVideoRegionOfInterestMeta *roi;
  gpointer state = NULL;
  gint last = largest_id (buffer);

  while ((roi = next_roi (buffer, &state))) {
    if (!has_own_id (roi, buffer))
      roi->id = last = next_id (buffer, last);
  }
}

/* ---- attaching ---- */

typedef struct {
  const FrcMetaContext *context;
  GstBuffer *buffer;
  GArray *others;          /* (element-type gint): ids of the ROI metas that were there before */
  gboolean rois;           /* ROI metas are wanted */
  FrcAnalytics *analytics; /* NULL: analytics metadata is not */
  gint last_id;            /* of objects without analytics metadata */
} Writer;

/** frc_meta_type_is_built: whether this build can attach metas of @type. */
gboolean
frc_meta_type_is_built (FrcMetaType type)
{
#ifdef HAVE_ANALYTICS
  return TRUE;
#else
  return type == FRC_META_AUTO || type == FRC_META_ROI;
#endif
}

static gboolean
wants (FrcMetaType type, FrcMetaType one)
{
  if (type == FRC_META_AUTO)
    type = frc_meta_type_is_built (FRC_META_BOTH) ? FRC_META_BOTH : FRC_META_ROI;
  return type == FRC_META_BOTH || type == one;
}

static void
writer_init (Writer *self, const FrcMetaContext *context, GstBuffer *buffer, guint n)
{
  GstVideoRegionOfInterestMeta *roi;
  gpointer state = NULL;

  *self = (Writer){ .context = context, .buffer = buffer };
  self->others = g_array_new (FALSE, FALSE, sizeof (gint));
  while ((roi = next_roi (buffer, &state)))
    g_array_append_val (self->others, roi->id);
  self->rois = wants (context->meta_type, FRC_META_ROI);
  if (wants (context->meta_type, FRC_META_ANALYTICS)) /* parent_id 0 of an ROI meta means none */
    self->analytics = frc_analytics_open (buffer, n, self->rois ? 1 : 0);
  if (!self->analytics)
    self->last_id = largest_id (buffer);
}

/* FRC_NO_PARENT when @id is not, or no longer, that of an ROI meta of somebody else. */
static gint
present_parent (const Writer *self, gint id)
{
  for (guint i = 0; i < self->others->len; i++) {
    if (g_array_index (self->others, gint, i) == id)
      return id;
  }
  return FRC_NO_PARENT;
}

static void
add_roi (const Writer *self, const FrcDetection *found, const Placed *box, gint id, gint parent)
{
  const FrcMetaContext *context = self->context;
  GQuark label = frc_label_set_quark (context->labels, found->label_id);
  GstVideoRegionOfInterestMeta *roi = gst_buffer_add_video_region_of_interest_meta_id (
      self->buffer, label, box->x, box->y, box->w, box->h);
  gdouble width = context->rect.width, height = context->rect.height;

  roi->id = id;
  if (parent != FRC_NO_PARENT)
    roi->parent_id = parent;
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

/* Sets @id. The parent counts where its ROI meta has analytics metadata, too. */
static gboolean
add_to_analytics (const Writer *self, const FrcDetection *found, const Placed *box, gint parent,
    gint *id)
{
  FrcAnalyticsObject object = {
    .label = frc_label_set_quark (self->context->labels, found->label_id),
    .x = (gint) box->x,
    .y = (gint) box->y,
    .w = (gint) box->w,
    .h = (gint) box->h,
    .confidence = found->score,
  };

  if (!frc_analytics_add (self->analytics, self->others, &object))
    return FALSE;
  *id = object.id;
  if (parent != FRC_NO_PARENT &&
      has_analytics_object (self->buffer, parent, find_roi (self->buffer, parent)->roi_type))
    frc_analytics_set_parent (self->analytics, object.id, parent);
  return TRUE;
}

static gboolean
add_object (Writer *self, const FrcDetection *found, const Placed *box, gint parent)
{
  gint id;

  if (!self->analytics)
    id = self->last_id = next_id (self->buffer, self->last_id);
  else if (!add_to_analytics (self, found, box, parent, &id))
    return FALSE;
  if (self->rois)
    add_roi (self, found, box, id, parent);
  return TRUE;
}

/**
 * frc_result_attach:
 * @buffer: writable
 *
 * Adds metas an object, in descending score: x, y, w, h in whole pixels inside the frame, and one
 * param `detection` of the ROI meta with the exact values. An object that has no whole pixel inside
 * the frame is left out. A result of another rectangle keeps its place in the frame.
 *
 * Ids go on from the largest one on the buffer; with analytics metadata they are the library's. A
 * parent that has no ROI meta on the buffer (any more) is left out. The buffer is marked as one that
 * has a result, also without objects.
 *
 * Returns: how many objects were added.
 */
guint
frc_result_attach (const FrcResult *result, const FrcMetaContext *context, GstBuffer *buffer)
{
  Writer writer = { NULL };
  guint added = 0;

  frc_result_mark_add (buffer, context->age);
  for (guint i = 0; i < result->n; i++) {
    const FrcDetection *found = &result->detections[i];
    Placed box;
    if (!frc_label_set_quark (context->labels, found->label_id) ||
        !place (&found->box, &result->rect, &context->rect, &box))
      continue;
    if (!writer.buffer)
      writer_init (&writer, context, buffer, result->n - i);
    if (add_object (&writer, found, &box, present_parent (&writer, result->parent_ids[i])))
      added++;
  }
  g_clear_pointer (&writer.others, g_array_unref);
  return added;
}

/**
 * frc_result_get_place:
 * @out: (out): the whole pixels that frc_result_attach () gives to object @i
 *
 * Returns: FALSE for an object that it leaves out.
 */
gboolean
frc_result_get_place (const FrcResult *result, guint i, const FrcMetaContext *context,
    FrcRect *out)
{
  Placed box;

  if (!place (&result->detections[i].box, &result->rect, &context->rect, &box))
    return FALSE;
  *out = (FrcRect){ box.x, box.y, box.w, box.h };
  return TRUE;
}
