/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Built only with gstreamer-analytics.
 */
#include "analyticsmeta.h"

#include <gst/analytics/analytics.h>

#define BYTES_PER_OBJECT 64 /* about; the library enlarges what is too small */

/* What stands for an id that is not to be used. */
static const GstAnalyticsMtdImpl skipped = { .name = "fasterrcnn-skipped-id" };

static GstAnalyticsRelationMeta *
relation_meta (FrcAnalytics *analytics)
{
  return (GstAnalyticsRelationMeta *) analytics;
}

/* Ids are the library's and count up from 0: one that must not be an object's goes to an entry
 * without content, of a type that nobody reads. */
static gboolean
skip_id (GstAnalyticsRelationMeta *meta)
{
  GstAnalyticsMtd entry;

  return gst_analytics_relation_meta_add_mtd (meta, &skipped, 0, &entry) != NULL;
}

/**
 * frc_analytics_open:
 * @buffer: writable
 * @n: how many objects are going to be added, about
 * @first_id: objects get no id below it
 *
 * Returns: (nullable): those of @buffer, which gets a relation meta where it has none.
 */
FrcAnalytics *
frc_analytics_open (GstBuffer *buffer, guint n, guint first_id)
{
  guint all = n + first_id;
  GstAnalyticsRelationMetaInitParams sizes = { all, all * BYTES_PER_OBJECT };
  GstAnalyticsRelationMeta *meta = gst_buffer_add_analytics_relation_meta_full (buffer, &sizes);

  while (meta && gst_analytics_relation_get_length (meta) < first_id) {
    if (!skip_id (meta))
      return NULL;
  }
  return (FrcAnalytics *) meta;
}

static gboolean
is_one_of (const GArray *ids, gsize id)
{
  for (guint i = 0; i < ids->len; i++) {
    if ((gsize) g_array_index (ids, gint, i) == id)
      return TRUE;
  }
  return FALSE;
}

/**
 * frc_analytics_add:
 * @taken: (element-type gint): ids that the object must not get
 * @object: its id is set
 *
 * Returns: FALSE when there is no room.
 */
gboolean
frc_analytics_add (FrcAnalytics *analytics, const GArray *taken, FrcAnalyticsObject *object)
{
  GstAnalyticsRelationMeta *meta = relation_meta (analytics);
  GstAnalyticsODMtd entry;

  while (is_one_of (taken, gst_analytics_relation_get_length (meta))) {
    if (!skip_id (meta))
      return FALSE;
  }
  if (!gst_analytics_relation_meta_add_od_mtd (meta, object->label, object->x, object->y,
          object->w, object->h, object->confidence, &entry))
    return FALSE;
  object->id = (gint) entry.id;
  return TRUE;
}

/** frc_analytics_set_parent: @id is a part of @parent_id, which contains it. */
void
frc_analytics_set_parent (FrcAnalytics *analytics, gint id, gint parent_id)
{
  GstAnalyticsRelationMeta *meta = relation_meta (analytics);

  gst_analytics_relation_meta_set_relation (meta, GST_ANALYTICS_REL_TYPE_IS_PART_OF, (guint) id,
      (guint) parent_id);
  gst_analytics_relation_meta_set_relation (meta, GST_ANALYTICS_REL_TYPE_CONTAIN,
      (guint) parent_id, (guint) id);
}

/**
 * frc_analytics_iterate:
 * @state: NULL at first
 * @object: (out): the next object on @buffer, in order of ids
 */
gboolean
frc_analytics_iterate (GstBuffer *buffer, gpointer *state, FrcAnalyticsObject *object)
{
  GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta (buffer);
  GstAnalyticsODMtd entry;

  if (!meta ||
      !gst_analytics_relation_meta_iterate (meta, state, gst_analytics_od_mtd_get_mtd_type (),
          &entry) ||
      !gst_analytics_od_mtd_get_location (&entry, &object->x, &object->y, &object->w, &object->h,
          &object->confidence))
    return FALSE;
  object->id = (gint) entry.id;
  object->label = gst_analytics_od_mtd_get_obj_type (&entry);
  return TRUE;
}
