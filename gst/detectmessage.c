/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The property post-messages: what applications read without touching a buffer.
 */
#include "detectmessage.h"

#include <string.h>

/* The label of object @i and where it is; FALSE when it gets no meta. */
static gboolean
get_object (const FrcResult *result, guint i, const FrcMetaContext *context, GQuark *label,
    FrcRect *place)
{
  *label = frc_label_set_quark (context->labels, result->detections[i].label_id);
  return *label && frc_result_get_place (result, i, context, place);
}

/** frc_seen_clear: as if there had been no message. */
void
frc_seen_clear (FrcSeen *seen)
{
  g_clear_pointer (&seen->counts, g_free);
  g_clear_pointer (&seen->next, g_free);
}

/**
 * frc_seen_update:
 *
 * Returns: TRUE for the first result, and when labels or how many objects have them differ from the
 * last time that it was TRUE.
 */
gboolean
frc_seen_update (FrcSeen *seen, const FrcResult *result, const FrcMetaContext *context)
{
  gboolean first = !seen->counts;
  GQuark label;
  FrcRect place;

  if (first) {
    seen->n_labels = frc_label_set_size (context->labels);
    seen->counts = g_new (guint16, seen->n_labels + 1);
    seen->next = g_new (guint16, seen->n_labels + 1);
  }
  memset (seen->next, 0, seen->n_labels * sizeof *seen->next);
  for (guint i = 0; i < result->n; i++) {
    if (get_object (result, i, context, &label, &place))
      seen->next[result->detections[i].label_id]++;
  }
  if (!first && memcmp (seen->counts, seen->next, seen->n_labels * sizeof *seen->next) == 0)
    return FALSE;

  guint16 *old = seen->counts;
  seen->counts = seen->next;
  seen->next = old;
  return TRUE;
}

static GstStructure *
describe (const FrcDetection *found, GQuark label, const FrcRect *place)
{
  return gst_structure_new ("object",
      "x", G_TYPE_UINT, place->x, "y", G_TYPE_UINT, place->y,
      "width", G_TYPE_UINT, place->width, "height", G_TYPE_UINT, place->height,
      "label", G_TYPE_STRING, g_quark_to_string (label),
      "label-id", G_TYPE_INT, found->label_id,
      "confidence", G_TYPE_DOUBLE, (gdouble) found->score, NULL);
}

/**
 * frc_detect_message_new:
 * @result: (nullable): what was attached to @buffer; NULL = nothing
 *
 * An element message with a structure `fasterrcnndetect`: timestamp, stream-time, running-time and
 * duration (uint64, ns, GST_CLOCK_TIME_NONE where not known) and objects, a GST_TYPE_LIST of
 * structures `object` in descending confidence: x, y, width, height (uint, pixels), label (string),
 * label-id (int), confidence (double). Returns: (transfer full).
 */
GstMessage *
frc_detect_message_new (GstObject *source, GstBuffer *buffer, const GstSegment *segment,
    const FrcResult *result, const FrcMetaContext *context)
{
  GstClockTime pts = GST_BUFFER_PTS (buffer);
  GstStructure *structure = gst_structure_new ("fasterrcnndetect",
      "timestamp", G_TYPE_UINT64, pts,
      "stream-time", G_TYPE_UINT64, gst_segment_to_stream_time (segment, GST_FORMAT_TIME, pts),
      "running-time", G_TYPE_UINT64, gst_segment_to_running_time (segment, GST_FORMAT_TIME, pts),
      "duration", G_TYPE_UINT64, GST_BUFFER_DURATION (buffer), NULL);
  GValue list = G_VALUE_INIT, value = G_VALUE_INIT;
  GQuark label;
  FrcRect place;

  g_value_init (&list, GST_TYPE_LIST);
  for (guint i = 0; result && i < result->n; i++) {
    if (!get_object (result, i, context, &label, &place))
      continue;
    g_value_init (&value, GST_TYPE_STRUCTURE);
    g_value_take_boxed (&value, describe (&result->detections[i], label, &place));
    gst_value_list_append_and_take_value (&list, &value);
  }
  gst_structure_take_value (structure, "objects", &list);
  return gst_message_new_element (source, structure);
}
