/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the elements have in common as GstBaseTransforms: which caps they take, how they report.
 */
#include "elementutil.h"

#include <gst/video/video.h>

#include "../core/frcnn.h"

/**
 * frc_transform_init:
 *
 * In place, but not passthrough, so that metas can be added; GAP flags stay as they are; the base
 * class drops no frame.
 */
void
frc_transform_init (GstBaseTransform *trans)
{
  gst_base_transform_set_in_place (trans, TRUE);
  gst_base_transform_set_passthrough (trans, FALSE);
  gst_base_transform_set_gap_aware (trans, TRUE);
  gst_base_transform_set_qos_enabled (trans, FALSE);
}

static gboolean
structure_may_be_mono (const GstStructure *structure)
{
  const GValue *mode = gst_structure_get_value (structure, "multiview-mode");
  if (!mode)
    return TRUE;

  GValue mono = G_VALUE_INIT;
  g_value_init (&mono, G_TYPE_STRING);
  g_value_set_static_string (&mono, "mono");
  gboolean fits = gst_value_intersect (NULL, mode, &mono);
  g_value_unset (&mono);
  return fits;
}

/** frc_caps_are_mono: FALSE when a structure of @caps asks for two views or more a frame. */
gboolean
frc_caps_are_mono (const GstCaps *caps)
{
  for (guint i = 0; i < gst_caps_get_size (caps); i++) {
    if (!structure_may_be_mono (gst_caps_get_structure (caps, i)))
      return FALSE;
  }
  return TRUE;
}

/* Takes @caps, drops what has two views or more a frame. */
static GstCaps *
keep_mono (GstCaps *caps)
{
  if (gst_caps_is_any (caps) || gst_caps_is_empty (caps))
    return caps;

  caps = gst_caps_make_writable (caps);
  for (guint i = gst_caps_get_size (caps); i-- > 0;) {
    GstStructure *structure = gst_caps_get_structure (caps, i);
    if (!structure_may_be_mono (structure))
      gst_caps_remove_structure (caps, i);
    else if (gst_structure_has_field (structure, "multiview-mode"))
      gst_structure_set (structure, "multiview-mode", G_TYPE_STRING, "mono", NULL);
  }
  return caps;
}

/**
 * frc_transform_caps:
 *
 * The vmethod of that name: the same caps on both sides, one view a frame. Caps queries and the
 * acceptance of caps both go through it.
 */
GstCaps *
frc_transform_caps (GstBaseTransform *trans, GstPadDirection direction, GstCaps *caps,
    GstCaps *filter)
{
  if (!filter)
    return keep_mono (gst_caps_ref (caps));
  return keep_mono (gst_caps_intersect_full (filter, caps, GST_CAPS_INTERSECT_FIRST));
}

/** frc_query_drop_crop: takes GstVideoCropMeta out of an allocation query. */
void
frc_query_drop_crop (GstQuery *query)
{
  guint index;

  while (gst_query_find_allocation_meta (query, GST_VIDEO_CROP_META_API_TYPE, &index))
    gst_query_remove_nth_allocation_meta (query, index);
}

static GstResourceError
resource_code (const GError *error)
{
  if (error->domain != FRC_ERROR)
    return GST_RESOURCE_ERROR_READ;
  switch (error->code) {
    case FRC_ERROR_OPEN:
      return GST_RESOURCE_ERROR_OPEN_READ;
    case FRC_ERROR_NO_MEMORY:
      return GST_RESOURCE_ERROR_NO_SPACE_LEFT;
    case FRC_ERROR_ARGUMENT:
      return GST_RESOURCE_ERROR_SETTINGS;
    default:
      return GST_RESOURCE_ERROR_READ;
  }
}

/**
 * frc_post_error:
 * @error: its message is what the user reads
 * @doing: for the debug text: at what point it failed
 */
void
frc_post_error (GstElement *element, const GError *error, const char *doing)
{
  gst_element_message_full (element, GST_MESSAGE_ERROR, GST_RESOURCE_ERROR,
      resource_code (error), g_strdup (error->message),
      g_strdup_printf ("%s: %s %d", doing, g_quark_to_string (error->domain), error->code),
      __FILE__, G_STRFUNC, __LINE__);
}

/**
 * frc_running_time:
 *
 * Returns: when @buffer is due, ns, negative before its segment; FRC_NO_TIME without a timestamp.
 */
gint64
frc_running_time (GstBaseTransform *trans, GstBuffer *buffer)
{
  guint64 time;

  if (trans->segment.format != GST_FORMAT_TIME || !GST_BUFFER_PTS_IS_VALID (buffer))
    return FRC_NO_TIME;
  switch (gst_segment_to_running_time_full (&trans->segment, GST_FORMAT_TIME,
      GST_BUFFER_PTS (buffer), &time)) {
    case 1:
      return (gint64) time;
    case -1:
      return -(gint64) time;
    default:
      return FRC_NO_TIME;
  }
}
