/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Analytics metadata, read back with GStreamer's own functions. Only where gstreamer-analytics is.
 */
#include "common.h"
#include "gst/detectmeta.h"

#include <gst/analytics/analytics.h>

#define W 192
#define H 144

static GstVideoInfo rgb;
static GstBuffer *picture;
static Expected found;
static guint n_visible;

static void
setup (void)
{
  test_info (&rgb, GST_VIDEO_FORMAT_RGB, W, H);
  picture = test_rgb (W, H, 2);
  expect_detections (&rgb, picture, NULL, &test_query, &found);
  n_visible = count_visible (&found, W, H);
  fail_unless (n_visible > 1);
}

static void
teardown (void)
{
  gst_buffer_unref (picture);
}

static GstElement *
make_detect_for (const char *meta_type)
{
  GstElement *detect = make_detect ();

  gst_util_set_object_arg (G_OBJECT (detect), "meta-type", meta_type);
  return detect;
}

static GstBuffer *
detect_once (const char *meta_type)
{
  GstHarness *h = harness_for (make_detect_for (meta_type), &rgb);
  GstBuffer *out = harness_round (h, gst_buffer_copy (picture), 0);

  gst_harness_teardown (h);
  return out;
}

/* ---- reading ---- */

static guint
count_ods (GstBuffer *buffer)
{
  GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta (buffer);
  GstAnalyticsMtd mtd;
  gpointer state = NULL;
  guint n = 0;

  while (meta && gst_analytics_relation_meta_iterate (meta, &state,
                     gst_analytics_od_mtd_get_mtd_type (), &mtd))
    n++;
  return n;
}

static gboolean
get_od (GstBuffer *buffer, gint id, GstAnalyticsODMtd *od)
{
  GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta (buffer);

  return meta && id >= 0 && (gsize) id < gst_analytics_relation_get_length (meta) &&
      gst_analytics_relation_meta_get_od_mtd (meta, (guint) id, od);
}

/* The object-detection metadata of @roi's id says the same as @roi. */
static void
check_od_of_roi (GstBuffer *buffer, GstVideoRegionOfInterestMeta *roi)
{
  GstAnalyticsODMtd od;
  gint x, y, w, h;
  gfloat confidence;
  gdouble score;

  fail_unless (get_od (buffer, roi->id, &od), "no object has the id %d", roi->id);
  fail_unless (gst_analytics_od_mtd_get_location (&od, &x, &y, &w, &h, &confidence));
  fail_unless (gst_analytics_od_mtd_get_obj_type (&od) == roi->roi_type);
  fail_unless_equals_int (x, roi->x);
  fail_unless_equals_int (y, roi->y);
  fail_unless_equals_int (w, roi->w);
  fail_unless_equals_int (h, roi->h);
  fail_unless (gst_structure_get_double (roi_detection (roi), "confidence", &score));
  fail_unless (confidence == (gfloat) score);
}

/* ---- meta-type ---- */

GST_START_TEST (test_both)
{
  GstBuffer *out = detect_once (__i__ ? "auto" : "both");

  check_rois (out, &found, W, H, 1, 0);
  fail_unless_equals_int (count_ods (out), n_visible);
  for (guint i = 0; i < n_visible; i++)
    check_od_of_roi (out, nth_roi (out, i));
  gst_buffer_unref (out);
}
GST_END_TEST

GST_START_TEST (test_roi_alone)
{
  GstBuffer *out = detect_once ("roi");

  check_rois (out, &found, W, H, 1, 0);
  fail_unless (gst_buffer_get_analytics_relation_meta (out) == NULL);
  gst_buffer_unref (out);
}
GST_END_TEST

GST_START_TEST (test_analytics_alone)
{
  GstBuffer *out = detect_once ("analytics"), *both = detect_once ("both");

  fail_unless_equals_int (count_rois (out), 0);
  fail_unless_equals_int (count_ods (out), n_visible);
  fail_unless_equals_int (
      gst_analytics_relation_get_length (gst_buffer_get_analytics_relation_meta (out)), n_visible);
  for (guint i = 0; i < n_visible; i++) {
    nth_roi (both, i)->id = (gint) i; /* nothing is in front of them here */
    check_od_of_roi (out, nth_roi (both, i));
  }
  gst_buffer_unref (out);
  gst_buffer_unref (both);
}
GST_END_TEST

GST_START_TEST (test_no_objects_no_meta)
{
  GstElement *detect = make_detect_for ("both");

  g_object_set (detect, "threshold", 1.0, NULL);
  GstHarness *h = harness_for (detect, &rgb);
  GstBuffer *out = harness_round (h, gst_buffer_copy (picture), 0);
  fail_unless (gst_buffer_get_analytics_relation_meta (out) == NULL);
  gst_buffer_unref (out);
  gst_harness_teardown (h);
}
GST_END_TEST

/* ---- two in a row ---- */

static guint
count_distinct (const GArray *ids)
{
  guint n = 0;

  for (guint i = 0; i < ids->len; i++) {
    guint k = 0;
    while (k < i && g_array_index (ids, gint, k) != g_array_index (ids, gint, i))
      k++;
    n += k == i;
  }
  return n;
}

/* An ROI meta and object-detection metadata of one id are one object; nothing else shares an id. */
static void
check_ids_are_distinct (GstBuffer *buffer, guint n_objects)
{
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint));
  GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta (buffer);
  GstAnalyticsODMtd od;
  gpointer state = NULL;
  guint n_rois = count_rois (buffer);

  for (guint i = 0; i < n_rois; i++) {
    gint id = nth_roi (buffer, i)->id;
    g_array_append_val (ids, id);
    if (get_od (buffer, id, &od))
      check_od_of_roi (buffer, nth_roi (buffer, i));
  }
  fail_unless_equals_int (count_distinct (ids), n_rois);
  while (meta && gst_analytics_relation_meta_iterate (meta, &state,
                     gst_analytics_od_mtd_get_mtd_type (), &od)) {
    gint id = (gint) od.id;
    g_array_append_val (ids, id);
  }
  fail_unless_equals_int (count_distinct (ids), n_objects);
}

GST_START_TEST (test_two_in_a_row_of_all_kinds)
{
  static const char *const types[] = { "roi", "analytics", "both" };
  const char *one = types[__i__ / 3], *two = types[__i__ % 3];
  GstHarness *h = harness_for (make_detect_for (one), &rgb);
  GstBuffer *between = harness_round (h, gst_buffer_copy (picture), 0);
  gst_harness_teardown (h);

  h = harness_for (make_detect_for (two), &rgb);
  GstBuffer *out = harness_round (h, between, 0);
  gst_harness_teardown (h);
  fail_unless_equals_int (count_rois (out),
      (!g_str_equal (one, "analytics") + !g_str_equal (two, "analytics")) * n_visible);
  fail_unless_equals_int (count_ods (out),
      (!g_str_equal (one, "roi") + !g_str_equal (two, "roi")) * n_visible);
  check_ids_are_distinct (out, 2 * n_visible);
  gst_buffer_unref (out);
}
GST_END_TEST

/* ---- parents and upstream ids ---- */

/* An ROI meta of somebody else, and object-detection metadata of the same id where @with_od. */
static gint
add_theirs (GstBuffer *buffer, const char *label, gboolean with_od, gint id)
{
  GstAnalyticsODMtd od;

  if (with_od) {
    fail_unless (gst_analytics_relation_meta_add_od_mtd (
        gst_buffer_add_analytics_relation_meta (buffer), g_quark_from_string (label), 1, 2, 3, 4,
        0.5f, &od));
    id = (gint) od.id;
  }
  gst_buffer_add_video_region_of_interest_meta (buffer, label, 1, 2, 3, 4)->id = id;
  return id;
}

GST_START_TEST (test_relations_to_parents)
{
  static FrcResult result = { .valid = TRUE, .rect = { 0, 0, W, H }, .n = 4 };
  FrcModel *model = frc_model_load (test_model (), NULL, NULL);
  FrcLabelSet *labels = frc_label_set_new (model, NULL, NULL);
  FrcMetaContext context = { .labels = labels, .model_name = "m", .rect = { 0, 0, W, H },
    .meta_type = FRC_META_BOTH };
  GstBuffer *buffer = gst_buffer_new ();

  add_theirs (buffer, "first", TRUE, 0);
  gint parent = add_theirs (buffer, "second", TRUE, 0), plain = add_theirs (buffer, "x", FALSE, 77);
  const gint parents[] = { parent, plain, FRC_NO_PARENT, 78 };
  for (guint i = 0; i < result.n; i++) {
    result.detections[i] = (FrcDetection){ { 0, 0, 10, 10 }, 0.5f, 3 };
    result.parent_ids[i] = parents[i];
  }
  fail_unless_equals_int (frc_result_attach (&result, &context, buffer), result.n);

  GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta (buffer);
  const gint expected[] = { parent, plain, 0, 0 };
  for (guint i = 0; i < result.n; i++) {
    GstVideoRegionOfInterestMeta *roi = nth_roi (buffer, 3 + i);
    fail_unless_equals_int (roi->id, 2 + (gint) i);
    fail_unless_equals_int (roi->parent_id, expected[i]);
    for (guint k = 0; k < gst_analytics_relation_get_length (meta); k++) {
      gboolean related = i == 0 && k == (guint) parent;
      fail_unless_equals_int (gst_analytics_relation_meta_get_relation (meta, (guint) roi->id, k),
          related ? GST_ANALYTICS_REL_TYPE_IS_PART_OF : GST_ANALYTICS_REL_TYPE_NONE);
      fail_unless_equals_int (gst_analytics_relation_meta_get_relation (meta, k, (guint) roi->id),
          related ? GST_ANALYTICS_REL_TYPE_CONTAIN : GST_ANALYTICS_REL_TYPE_NONE);
    }
  }
  gst_buffer_unref (buffer);
  frc_label_set_unref (labels);
  frc_model_unref (model);
}
GST_END_TEST

/* 0 is an id like others where it is that of object-detection metadata. */
GST_START_TEST (test_upstream_id_0)
{
  GstBuffer *buffer = gst_buffer_new ();

  fail_unless_equals_int (add_theirs (buffer, "first", TRUE, -1), 0);
  fail_unless_equals_int (add_theirs (buffer, "second", TRUE, -1), 1);
  add_theirs (buffer, "first", FALSE, 0);
  add_theirs (buffer, "other", FALSE, 0);
  frc_rois_ensure_ids (buffer);
  for (gint i = 0; i < 4; i++)
    fail_unless_equals_int (nth_roi (buffer, (guint) i)->id, i);
  gst_buffer_unref (buffer);
}
GST_END_TEST

/* ---- GStreamer's own overlay ---- */

/* Draws white lines of a few pixels along the boxes, and nothing else. */
static gboolean
near_an_edge (GstBuffer *buffer, gint x, gint y)
{
  const gint margin = 3;

  for (guint i = 0; i < n_visible; i++) {
    GstVideoRegionOfInterestMeta *roi = nth_roi (buffer, i);
    gint x1 = (gint) roi->x, y1 = (gint) roi->y, x2 = x1 + (gint) roi->w, y2 = y1 + (gint) roi->h;
    gboolean outside = x < x1 - margin || x > x2 + margin || y < y1 - margin || y > y2 + margin;
    gboolean inside = x > x1 + margin && x < x2 - margin && y > y1 + margin && y < y2 - margin;
    if (!outside && !inside)
      return TRUE;
  }
  return FALSE;
}

GST_START_TEST (test_overlay_of_gstreamer)
{
  GstElement *overlay = gst_element_factory_make ("objectdetectionoverlay", NULL);
  GstVideoInfo bgra;
  GstVideoFrame before, after;
  guint changed = 0;

  if (!overlay)
    return; /* in gst-plugins-bad */
  test_info (&bgra, GST_VIDEO_FORMAT_BGRA, W, H);
  GstBuffer *source = test_picture (&bgra, 2);
  GstHarness *h = harness_for (make_detect_for ("both"), &bgra);
  GstBuffer *found_here = harness_round (h, gst_buffer_copy_deep (source), 0);
  gst_harness_teardown (h);
  fail_unless_equals_int (count_rois (found_here), n_visible);

  g_object_set (overlay, "draw-labels", FALSE, NULL);
  h = harness_for (overlay, &bgra);
  GstBuffer *drawn = harness_round (h, gst_buffer_copy_deep (found_here), 0);
  fail_unless (gst_video_frame_map (&before, &bgra, source, GST_MAP_READ));
  fail_unless (gst_video_frame_map (&after, &bgra, drawn, GST_MAP_READ));
  for (gint y = 0; y < H; y++) {
    const guint32 *a = (const guint32 *) GST_VIDEO_FRAME_PLANE_DATA (&before, 0) + y * W;
    const guint32 *b = (const guint32 *) GST_VIDEO_FRAME_PLANE_DATA (&after, 0) + y * W;
    for (gint x = 0; x < W; x++) {
      changed += a[x] != b[x];
      fail_unless (a[x] == b[x] || near_an_edge (found_here, x, y), "a pixel at %d,%d", x, y);
    }
  }
  for (guint i = 0; i < n_visible; i++) {
    GstVideoRegionOfInterestMeta *roi = nth_roi (found_here, i);
    gint x = (gint) (roi->x + roi->w / 2), y = MAX ((gint) roi->y, 1);
    const guint32 *b = (const guint32 *) GST_VIDEO_FRAME_PLANE_DATA (&after, 0);
    gboolean white = FALSE;
    for (gint dy = -2; dy <= 2; dy++)
      white |= y + dy >= 0 && (b[(y + dy) * W + x] & 0xffffff) == 0xffffff;
    fail_unless (white, "no line at the top of object %u", i);
  }
  fail_unless (changed > 0);
  gst_video_frame_unmap (&after);
  gst_video_frame_unmap (&before);
  gst_buffer_unref (drawn);
  gst_buffer_unref (found_here);
  gst_buffer_unref (source);
  gst_harness_teardown (h);
}
GST_END_TEST

static Suite *
analytics_suite (void)
{
  Suite *suite = suite_create ("analytics");
  TCase *tc = tcase_create ("analytics");

  tcase_set_timeout (tc, 60);
  suite_add_tcase (suite, tc);
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_loop_test (tc, test_both, 0, 2);
  tcase_add_test (tc, test_roi_alone);
  tcase_add_test (tc, test_analytics_alone);
  tcase_add_test (tc, test_no_objects_no_meta);
  tcase_add_loop_test (tc, test_two_in_a_row_of_all_kinds, 0, 9);
  tcase_add_test (tc, test_relations_to_parents);
  tcase_add_test (tc, test_upstream_id_0);
  tcase_add_test (tc, test_overlay_of_gstreamer);
  return suite;
}

GST_CHECK_MAIN (analytics)
