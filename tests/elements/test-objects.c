/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Object detection mtds of anybody, as fasterrcnnoverlay and fasterrcnnjson read them: each once,
 * also where a region-of-interest meta says the same. Only where gstreamer-analytics is.
 */
#include "overlaycommon.h"

#include <gst/analytics/analytics.h>

#define W 160
#define H 120

typedef struct {
  const char *label;
  gint x, y, w, h;
  gfloat confidence;
} Thing;

static const Thing things[] = { { "person", 8, 30, 40, 30, 0.5f }, { "dog", 60, 30, 20, 60, 0.75f },
  { "car", 100, 60, 50, 40, 0.25f } };

static GstBuffer *
grey (void)
{
  GstVideoInfo info;

  test_info (&info, GST_VIDEO_FORMAT_RGB, W, H);
  return solid (&info, 0x808080);
}

/* Ids count from 0. */
static void
add_mtds (GstBuffer *buffer)
{
  GstAnalyticsRelationMeta *meta = gst_buffer_add_analytics_relation_meta (buffer);

  for (guint i = 0; i < G_N_ELEMENTS (things); i++) {
    const Thing *t = &things[i];
    GstAnalyticsODMtd mtd;
    fail_unless (gst_analytics_relation_meta_add_od_mtd (meta, g_quark_from_string (t->label), t->x,
        t->y, t->w, t->h, t->confidence, &mtd));
    fail_unless_equals_int (mtd.id, i);
  }
}

static void
add_roi_of (GstBuffer *buffer, guint i)
{
  const Thing *t = &things[i];
  GstVideoRegionOfInterestMeta *roi = add_roi (buffer, t->label, t->x, t->y, t->w, t->h);

  roi->id = (gint) i;
  gst_video_region_of_interest_meta_add_param (roi, confidence (t->confidence));
}

static GstBuffer *
draw (GstBuffer *buffer)
{
  GstVideoInfo info;

  test_info (&info, GST_VIDEO_FORMAT_RGB, W, H);
  GstHarness *h = harness_for (make_overlay (TRUE, TRUE, 2), &info);
  GstBuffer *out = harness_round (h, buffer, 0);
  gst_harness_teardown (h);
  return out;
}

/* The same picture as of three region-of-interest metas. */
GST_START_TEST (test_drawn_once)
{
  GstBuffer *rois = grey (), *mtds = grey (), *both = grey ();

  for (guint i = 0; i < G_N_ELEMENTS (things); i++)
    add_roi_of (rois, i);
  add_mtds (mtds);
  add_mtds (both);
  /* of id 1, but elsewhere: what the mtd of this id says is not drawn */
  add_roi (both, "dog", 2, 100, 10, 10)->id = 1;
  rois = draw (rois);
  mtds = draw (mtds);
  both = draw (both);
  fail_if (rgb_pixel (rois, W, 60, 89) == 0x808080);
  fail_unless_equals_int (buffer_checksum (rois), buffer_checksum (mtds));
  fail_unless_equals_int (rgb_pixel (both, W, 60, 89), 0x808080);
  fail_unless_equals_int (rgb_pixel (both, W, 8, 59), rgb_pixel (rois, W, 8, 59));
  fail_unless_equals_int (rgb_pixel (both, W, 100, 99), rgb_pixel (rois, W, 100, 99));
  fail_unless_equals_int (rgb_pixel (both, W, 2, 109), rgb_pixel (rois, W, 60, 89));
  gst_buffer_unref (rois);
  gst_buffer_unref (mtds);
  gst_buffer_unref (both);
}
GST_END_TEST

GST_START_TEST (test_written_once)
{
  char *folder = test_folder (), *path = g_build_filename (folder, "out.jsonl", NULL), *found;
  GstElement *json = gst_element_factory_make ("fasterrcnnjson", NULL);
  GstBuffer *buffer = grey ();
  GstVideoInfo info;

  g_object_set (json, "location", path, NULL);
  test_info (&info, GST_VIDEO_FORMAT_RGB, W, H);
  GstHarness *h = harness_for (json, &info);
  add_mtds (buffer);
  add_roi (buffer, "dog", 60, 30, 20, 60)->id = 1;
  gst_buffer_unref (harness_round (h, buffer, 0));
  gst_harness_teardown (h);
  fail_unless (g_file_get_contents (path, &found, NULL, NULL));
  fail_unless_equals_string (found,
      "{\"objects\":[{\"x\":60,\"y\":30,\"w\":20,\"h\":60,\"region_id\":1,\"parent_id\":0,"
      "\"roi_type\":\"dog\"},"
      "{\"x\":8,\"y\":30,\"w\":40,\"h\":30,\"region_id\":0,\"parent_id\":0,"
      "\"roi_type\":\"person\",\"detection\":{\"bounding_box\":{\"x_min\":0.05,\"y_min\":0.25,"
      "\"x_max\":0.3,\"y_max\":0.5},\"confidence\":0.5,\"label\":\"person\"}},"
      "{\"x\":100,\"y\":60,\"w\":50,\"h\":40,\"region_id\":2,\"parent_id\":0,"
      "\"roi_type\":\"car\",\"detection\":{\"bounding_box\":{\"x_min\":0.625,\"y_min\":0.5,"
      "\"x_max\":0.9375,\"y_max\":0.8333333333333334},\"confidence\":0.25,\"label\":\"car\"}}],"
      "\"resolution\":{\"width\":160,\"height\":120},\"timestamp\":0}\n");
  g_free (found);
  g_free (path);
  remove_folder (folder);
}
GST_END_TEST

static Suite *
objects_suite (void)
{
  Suite *suite = suite_create ("objects");
  TCase *tc = tcase_create ("objects");

  suite_add_tcase (suite, tc);
  tcase_add_test (tc, test_drawn_once);
  tcase_add_test (tc, test_written_once);
  return suite;
}

GST_CHECK_MAIN (objects)
