/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reads the boxes that the detector attached to frames, and keeps count of them.
 */
#include "report.h"

#include <gst/video/video.h>
#include <stdio.h>
#include <string.h>

#define CELLS 9 /* the frame in 3 × 3 parts, row by row */

typedef struct {
  char *label;
  guint boxes, frames;   /* in all; frames with at least one */
  guint last_frame;      /* number of the latest of them, 1-based */
  guint now, most;       /* in the latest frame, in any frame */
  guint cell[CELLS];     /* how many boxes had their middle there */
  gdouble surest_now;    /* the highest confidence in the latest frame */
  gdouble best;          /* the highest of all, and where that was */
  guint x, y, w, h;      /* pixels */
  GstClockTime best_time; /* since the first frame, or GST_CLOCK_TIME_NONE */
} Seen;

struct _Report {
  GHashTable *seen; /* label → Seen */
  guint frames;
  GstClockTime first, last; /* PTS */
};

static void
seen_free (gpointer data)
{
  Seen *seen = data;
  g_free (seen->label);
  g_free (seen);
}

Report *
report_new (void)
{
  Report *report = g_new0 (Report, 1);
  report->seen = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, seen_free);
  report->first = report->last = GST_CLOCK_TIME_NONE;
  return report;
}

void
report_free (Report *report)
{
  g_hash_table_unref (report->seen);
  g_free (report);
}

guint
report_frames (const Report *report)
{
  return report->frames;
}

static void
add_box (Report *report, const GstVideoRegionOfInterestMeta *roi, gdouble confidence,
    GstClockTime time, guint width, guint height)
{
  const char *label = g_quark_to_string (roi->roi_type);
  Seen *seen = g_hash_table_lookup (report->seen, label);
  guint column = MIN (3 * (roi->x + roi->w / 2) / width, 2);
  guint row = MIN (3 * (roi->y + roi->h / 2) / height, 2);

  if (!seen) {
    seen = g_new0 (Seen, 1);
    seen->label = g_strdup (label);
    g_hash_table_insert (report->seen, seen->label, seen);
  }
  if (seen->last_frame != report->frames) {
    seen->last_frame = report->frames;
    seen->frames++;
    seen->now = 0;
    seen->surest_now = 0;
  }
  seen->boxes++;
  seen->most = MAX (seen->most, ++seen->now);
  seen->cell[3 * row + column]++;
  seen->surest_now = MAX (seen->surest_now, confidence);
  if (confidence > seen->best) {
    seen->best = confidence;
    seen->best_time = time;
    seen->x = roi->x;
    seen->y = roi->y;
    seen->w = roi->w;
    seen->h = roi->h;
  }
}

/* Counts the boxes of one frame of width × height pixels. */
void
report_add_frame (Report *report, GstBuffer *buffer, guint width, guint height)
{
  GstClockTime time = GST_CLOCK_TIME_NONE;
  GstMeta *meta;
  gpointer state = NULL;

  report->frames++;
  if (GST_BUFFER_PTS_IS_VALID (buffer)) {
    if (!GST_CLOCK_TIME_IS_VALID (report->first))
      report->first = GST_BUFFER_PTS (buffer);
    report->last = GST_BUFFER_PTS (buffer);
    if (report->last >= report->first)
      time = report->last - report->first;
  }

  while ((meta = gst_buffer_iterate_meta_filtered (
              buffer, &state, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE))) {
    GstVideoRegionOfInterestMeta *roi = (GstVideoRegionOfInterestMeta *) meta;
    GstStructure *detection = gst_video_region_of_interest_meta_get_param (roi, "detection");
    gdouble confidence;
    if (detection && gst_structure_get_double (detection, "confidence", &confidence))
      add_box (report, roi, confidence, time, width, height);
  }
}

static const char *
usual_place (const Seen *seen)
{
  static const char *const names[CELLS] = { "top left", "top middle", "top right", "left", "middle",
    "right", "bottom left", "bottom middle", "bottom right" };
  guint best = 0;
  for (guint i = 1; i < CELLS; i++) {
    if (seen->cell[i] > seen->cell[best])
      best = i;
  }
  return names[best];
}

static gint
more_frames_first (gconstpointer a, gconstpointer b)
{
  const Seen *x = a, *y = b;
  if (x->frames != y->frames)
    return x->frames > y->frames ? -1 : 1;
  if (x->boxes != y->boxes)
    return x->boxes > y->boxes ? -1 : 1;
  return strcmp (x->label, y->label);
}

/* Prints the table of what was seen, the most frequent label first. */
void
report_print (const Report *report)
{
  GList *list = g_list_sort (g_hash_table_get_values (report->seen), more_frames_first);
  gint width = 5;

  if (!list) {
    printf ("Nothing was seen in %u frame%s.\n", report->frames, report->frames == 1 ? "" : "s");
    return;
  }
  for (GList *l = list; l; l = l->next)
    width = MAX (width, (gint) g_utf8_strlen (((Seen *) l->data)->label, -1));

  printf ("Seen in %u frame%s:\n\n", report->frames, report->frames == 1 ? "" : "s");
  printf ("  %-*s  %-15s  %-8s  %-13s  %-6s  %s\n", width, "label", "in frames", "at once",
      "mostly", "surest", "where that was");
  for (GList *l = list; l; l = l->next) {
    const Seen *seen = l->data;
    g_autofree char *frames = g_strdup_printf (
        "%u (%.0f %%)", seen->frames, 100.0 * seen->frames / report->frames);
    g_autofree char *most = g_strdup_printf ("%s%u", seen->most > 1 ? "up to " : "", seen->most);
    printf ("  %-*s  %-15s  %-8s  %-13s  %-6.3f  %u x %u pixels at x %u, y %u", width, seen->label,
        frames, most, usual_place (seen), seen->best, seen->w, seen->h, seen->x, seen->y);
    if (GST_CLOCK_TIME_IS_VALID (seen->best_time))
      printf (", after %.1f s", (gdouble) seen->best_time / GST_SECOND);
    printf ("\n");
  }
  g_list_free (list);
}

/* Appends an array of what was seen, the most frequent label first, as objects of label, now (how
 * many there are in the latest frame), confidence (of the surest of them), most (at once in any
 * frame) and share (of the frames that had one). */
void
report_add_labels (const Report *report, JsonBuilder *json)
{
  g_autoptr (GList) list =
      g_list_sort (g_hash_table_get_values (report->seen), more_frames_first);

  json_builder_begin_array (json);
  for (GList *l = list; l; l = l->next) {
    const Seen *seen = l->data;
    gboolean is_there = seen->last_frame == report->frames;
    json_builder_begin_object (json);
    json_builder_set_member_name (json, "label");
    json_builder_add_string_value (json, seen->label);
    json_builder_set_member_name (json, "now");
    json_builder_add_int_value (json, is_there ? seen->now : 0);
    json_builder_set_member_name (json, "confidence");
    json_builder_add_double_value (json, is_there ? seen->surest_now : 0);
    json_builder_set_member_name (json, "most");
    json_builder_add_int_value (json, seen->most);
    json_builder_set_member_name (json, "share");
    json_builder_add_double_value (json, (gdouble) seen->frames / report->frames);
    json_builder_end_object (json);
  }
  json_builder_end_array (json);
}
