/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What fasterrcnndetect writes onto buffers beside other people's metas, and what it leaves alone.
 */
#include "common.h"
#include "gst/detectmeta.h"

#include <math.h>

#define W 192
#define H 144

static GstVideoInfo rgb;
static GstBuffer *picture;
static Expected found;

static void
setup (void)
{
  test_info (&rgb, GST_VIDEO_FORMAT_RGB, W, H);
  picture = test_rgb (W, H, 2);
  expect_detections (&rgb, picture, NULL, &test_query, &found);
  fail_unless (found.n > 1);
}

static void
teardown (void)
{
  gst_buffer_unref (picture);
}

GST_START_TEST (test_ids_go_on)
{
  GstElement *detect = make_detect ();
  GstBuffer *buffer = gst_buffer_copy (picture);

  gst_util_set_object_arg (G_OBJECT (detect), "meta-type", "roi");
  GstHarness *h = harness_for (detect, &rgb);

  gst_buffer_add_video_region_of_interest_meta (buffer, "theirs", 1, 2, 3, 4)->id = 41;
  gst_buffer_add_video_region_of_interest_meta (buffer, "theirs", 5, 6, 7, 8)->id = 7;
  GstBuffer *out = harness_round (h, buffer, 0);
  check_rois (out, &found, W, H, 42, 0);
  fail_unless_equals_int (nth_roi (out, 0)->x, 1);
  fail_unless_equals_int (nth_roi (out, 1)->id, 7);
  fail_unless (nth_roi (out, 1)->params == NULL);
  gst_buffer_unref (out);
  gst_harness_teardown (h);
}
GST_END_TEST

GST_START_TEST (test_ids_used_up)
{
  GstHarness *h = harness_for (make_detect (), &rgb);
  GstBuffer *buffer = gst_buffer_copy (picture);

  gst_buffer_add_video_region_of_interest_meta (buffer, "theirs", 1, 2, 3, 4)->id = G_MAXINT;
  gst_buffer_add_video_region_of_interest_meta (buffer, "theirs", 1, 2, 3, 4)->id = 1;
  GstBuffer *out = harness_round (h, buffer, 0);
  guint n = count_rois (out);
  fail_unless_equals_int (n, 2 + count_visible (&found, W, H));
  for (guint i = 0; i < n; i++) {
    fail_unless (nth_roi (out, i)->id >= 1);
    for (guint k = 0; k < i; k++)
      fail_unless (nth_roi (out, i)->id != nth_roi (out, k)->id);
  }
  gst_buffer_unref (out);
  gst_harness_teardown (h);
}
GST_END_TEST

/* A second detector in the same pipeline sees the same pixels and never repeats an id. */
GST_START_TEST (test_two_in_a_row)
{
  GstElement *one = make_detect (), *two = make_detect ();
  GstElement *bin = gst_bin_new (NULL);

  gst_bin_add_many (GST_BIN (bin), one, two, NULL);
  fail_unless (gst_element_link (one, two));
  GstPad *sink = gst_element_get_static_pad (one, "sink");
  GstPad *src = gst_element_get_static_pad (two, "src");
  gst_element_add_pad (bin, gst_ghost_pad_new ("sink", sink));
  gst_element_add_pad (bin, gst_ghost_pad_new ("src", src));
  gst_object_unref (sink);
  gst_object_unref (src);

  GstHarness *h = harness_for (bin, &rgb);
  GstBuffer *out = harness_round (h, gst_buffer_copy (picture), 0);
  guint each = count_visible (&found, W, H);
  fail_unless_equals_int (count_rois (out), 2 * each);
  for (guint i = 0; i < 2 * each; i++) {
    fail_unless_equals_int (nth_roi (out, i)->id, 1 + (gint) i);
    fail_unless_equals_int (nth_roi (out, i)->x, nth_roi (out, i % each)->x);
    fail_unless_equals_int (nth_roi (out, i)->parent_id, 0);
  }
  gst_buffer_unref (out);
  gst_harness_teardown (h);
}
GST_END_TEST

/* ---- upstream ids and parents: the helpers themselves ---- */

static void
add_roi_of_id (GstBuffer *buffer, gint id)
{
  gst_buffer_add_video_region_of_interest_meta (buffer, "theirs", 1, 2, 3, 4)->id = id;
}

GST_START_TEST (test_upstream_ids_are_made_unique)
{
  static const struct {
    gint before[6], after[6];
  } cases[] = {
    { { 3, 1, 2, 9, 8, 7 }, { 3, 1, 2, 9, 8, 7 } },
    { { 0, 5, 5, 0, 2, 5 }, { 6, 5, 7, 8, 2, 9 } },
    { { 0, 0, 0, 0, 0, 0 }, { 1, 2, 3, 4, 5, 6 } },
    { { G_MAXINT, 2, 2, G_MAXINT, 0, 1 }, { G_MAXINT, 2, 3, 4, 5, 1 } },
    { { -4, -4, -3, 0, -3, -4 }, { -4, 1, -3, 2, 3, 4 } },
  };
  GstBuffer *buffer = gst_buffer_new ();

  for (guint i = 0; i < 6; i++)
    add_roi_of_id (buffer, cases[__i__].before[i]);
  frc_rois_ensure_ids (buffer);
  fail_unless_equals_int (count_rois (buffer), 6);
  for (guint i = 0; i < 6; i++)
    fail_unless_equals_int (nth_roi (buffer, i)->id, cases[__i__].after[i]);
  gst_buffer_unref (buffer);
}
GST_END_TEST

/* Three objects that were found in the ROI metas 5, 7 and none, onto buffers with other ones. */
GST_START_TEST (test_parent_only_while_it_is_there)
{
  static const struct {
    gint others[2], parents[3], first_id;
  } cases[] = {
    { { 5, 7 }, { 5, 7, 0 }, 8 },
    { { 7, 6 }, { 0, 7, 0 }, 8 },
    { { 3, 4 }, { 0, 0, 0 }, 5 }, /* 5 and 7 are ours now: nobody's parents */
    { { 0, 0 }, { 0, 0, 0 }, 1 },
  };
  static FrcResult result = { .valid = TRUE, .rect = { 0, 0, W, H }, .n = 3,
    .parent_ids = { 5, 7, FRC_NO_PARENT } };
  FrcModel *model = frc_model_load (test_model (), NULL, NULL);
  FrcLabelSet *labels = frc_label_set_new (model, NULL, NULL);
  FrcMetaContext context = { .labels = labels, .model_name = "m", .rect = { 0, 0, W, H },
    .meta_type = FRC_META_ROI };
  GstBuffer *buffer = gst_buffer_new ();

  for (guint i = 0; i < result.n; i++)
    result.detections[i] = (FrcDetection){ { 0, 0, 10, 10 }, 0.5f, 3 };
  for (guint i = 0; i < 2; i++)
    add_roi_of_id (buffer, cases[__i__].others[i]);
  fail_unless_equals_int (frc_result_attach (&result, &context, buffer), 3);
  for (guint i = 0; i < 3; i++) {
    fail_unless_equals_int (nth_roi (buffer, 2 + i)->id, cases[__i__].first_id + (gint) i);
    fail_unless_equals_int (nth_roi (buffer, 2 + i)->parent_id, cases[__i__].parents[i]);
  }
  gst_buffer_unref (buffer);
  frc_label_set_unref (labels);
  frc_model_unref (model);
}
GST_END_TEST

/* A crop meta selects the rectangle; boxes are relative to it; pixels outside do not matter. */
GST_START_TEST (test_crop_meta)
{
  GstVideoInfo info;
  static Expected expected;
  const FrcRect rect = { 17, 9, 150, 101 };

  test_info (&info, all_formats[__i__], W, H);
  GstBuffer *buffer = test_picture (&info, 2);
  expect_detections (&info, buffer, &rect, &test_query, &expected);
  fail_unless (expected.n > 0);
  GstVideoCropMeta *crop = gst_buffer_add_video_crop_meta (buffer);
  crop->x = rect.x;
  crop->y = rect.y;
  crop->width = rect.width;
  crop->height = rect.height;

  GstElement *detect = make_detect ();
  g_object_set (detect, "interval", 2, NULL);
  GstHarness *h = harness_for (detect, &info);
  GstBuffer *out = harness_round (h, buffer, 0);
  check_rois (out, &expected, rect.width, rect.height, 1, 0);
  gst_buffer_unref (out);

  /* The held result keeps its place in the frame when the next one has no crop meta. */
  out = harness_round (h, test_picture (&info, 2), GST_SECOND);
  GstVideoRegionOfInterestMeta *roi = nth_roi (out, 0);
  gdouble x = (gdouble) rect.x + MAX (expected.found[0].box.x1, 0);
  fail_unless_equals_int (roi->x, (gint) (x + 0.5));
  gst_buffer_unref (out);
  gst_harness_teardown (h);
}
GST_END_TEST

/* One that reaches over the frame's edge is cut; one beside the frame is not used. */
GST_START_TEST (test_odd_crop_metas)
{
  static const struct {
    guint x, y, width, height;
    FrcRect used;
  } cases[] = {
    { 100, 100, 1000, 1000, { 100, 100, W - 100, H - 100 } },
    { 1, 1, G_MAXUINT, G_MAXUINT, { 1, 1, W - 1, H - 1 } },
    { W, 0, 10, 10, { 0, 0, W, H } },
    { 0, 0, 0, 0, { 0, 0, W, H } },
    { W - 1, H - 1, 1, 1, { W - 1, H - 1, 1, 1 } },
  };
  static Expected expected;
  GstHarness *h = harness_for (make_detect (), &rgb);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    GstBuffer *buffer = gst_buffer_copy (picture);
    GstVideoCropMeta *crop = gst_buffer_add_video_crop_meta (buffer);
    crop->x = cases[i].x;
    crop->y = cases[i].y;
    crop->width = cases[i].width;
    crop->height = cases[i].height;
    expect_detections (&rgb, picture, &cases[i].used, &test_query, &expected);
    GstBuffer *out = harness_round (h, buffer, i * GST_SECOND);
    check_rois (out, &expected, cases[i].used.width, cases[i].used.height, 1, 0);
    gst_buffer_unref (out);
  }
  gst_harness_teardown (h);
}
GST_END_TEST

GST_START_TEST (test_crop_is_not_asked_for)
{
  static const char *const elements[] = { "fasterrcnndetect", "fasterrcnnoverlay" };
  GstElement *element = __i__ ? gst_element_factory_make (elements[__i__], NULL) : make_detect ();
  if (!element)
    return; /* built without the overlay */
  GstHarness *h = harness_for (element, &rgb);

  gst_harness_add_propose_allocation_meta (h, GST_VIDEO_META_API_TYPE, NULL);
  gst_harness_add_propose_allocation_meta (h, GST_VIDEO_CROP_META_API_TYPE, NULL);
  GstCaps *caps = gst_video_info_to_caps (&rgb);
  GstQuery *query = gst_query_new_allocation (caps, FALSE);
  gst_caps_unref (caps);
  fail_unless (gst_pad_peer_query (h->srcpad, query));
  fail_if (gst_query_find_allocation_meta (query, GST_VIDEO_CROP_META_API_TYPE, NULL));
  fail_unless (gst_query_find_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL));
  gst_query_unref (query);
  gst_harness_teardown (h);
}
GST_END_TEST

/* ---- behind a tee ---- */

typedef struct {
  gpointer plane;
  guint32 sum;
  guint rois, buffers;
} Seen;

static void
see (GstElement *sink, GstBuffer *buffer, GstPad *pad, gpointer data)
{
  Seen *seen = data;
  GstMapInfo map;

  fail_unless (gst_buffer_map (buffer, &map, GST_MAP_READ));
  seen->plane = map.data;
  gst_buffer_unmap (buffer, &map);
  seen->sum = buffer_checksum (buffer);
  seen->rois = count_rois (buffer);
  seen->buffers++;
}

GST_START_TEST (test_behind_a_tee)
{
  GstElement *pipeline = gst_parse_launch ("appsrc name=from format=time ! tee name=t ! "
      "fasterrcnndetect name=detect ! fakesink name=one async=false signal-handoffs=true "
      "sync=false t. ! fakesink name=two async=false signal-handoffs=true sync=false", NULL);
  GstElement *from = gst_bin_get_by_name (GST_BIN (pipeline), "from");
  GstElement *detect = gst_bin_get_by_name (GST_BIN (pipeline), "detect");
  Seen seen[2] = { { 0 }, { 0 } };
  GstFlowReturn flow;

  for (guint i = 0; i < 2; i++) {
    GstElement *sink = gst_bin_get_by_name (GST_BIN (pipeline), i ? "two" : "one");
    g_signal_connect (sink, "handoff", G_CALLBACK (see), &seen[i]);
    gst_object_unref (sink);
  }
  g_object_set (detect, "model", test_model (), "input-size", TEST_INPUT_SIZE, "threshold",
      TEST_THRESHOLD, NULL);
  GstCaps *caps = gst_video_info_to_caps (&rgb);
  g_object_set (from, "caps", caps, NULL);
  gst_caps_unref (caps);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  g_signal_emit_by_name (from, "push-buffer", picture, &flow);
  g_signal_emit_by_name (from, "end-of-stream", &flow);
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message =
      gst_bus_timed_pop_filtered (bus, GST_CLOCK_TIME_NONE, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  fail_unless_equals_int (GST_MESSAGE_TYPE (message), GST_MESSAGE_EOS);
  gst_message_unref (message);
  gst_element_set_state (pipeline, GST_STATE_NULL);

  fail_unless_equals_int (seen[0].buffers, 1);
  fail_unless_equals_int (seen[1].buffers, 1);
  fail_unless (seen[0].plane == seen[1].plane, "the pixels were copied");
  fail_unless_equals_int (seen[0].sum, seen[1].sum);
  fail_unless_equals_int (seen[1].sum, buffer_checksum (picture));
  fail_unless_equals_int (seen[0].rois, count_visible (&found, W, H));
  fail_unless_equals_int (seen[1].rois, 0);
  gst_object_unref (bus);
  gst_object_unref (from);
  gst_object_unref (detect);
  gst_object_unref (pipeline);
}
GST_END_TEST

/* ---- any box ---- */

/* The helper itself, on 20,000 boxes in, around and beside frames of all sizes. */
GST_START_TEST (test_any_box_ends_inside)
{
  GRand *rand = g_rand_new_with_seed (7);
  FrcModel *model = frc_model_load (test_model (), NULL, NULL);
  FrcLabelSet *labels = frc_label_set_new (model, NULL, NULL);
  static FrcResult result;
  static Expected expected;
  const gfloat special[] = { NAN, INFINITY, -INFINITY, -0.5f, 0.0f, 0.49999997f, 0.5f, 8191.5f };

  for (guint frame = 0; frame < 100; frame++) {
    guint width = 1 + g_rand_int_range (rand, 0, frame % 3 ? 40 : 8192);
    guint height = 1 + g_rand_int_range (rand, 0, frame % 2 ? 40 : 8192);
    result = (FrcResult){ .valid = TRUE, .rect = { 0, 0, width, height }, .n = 200 };
    for (guint i = 0; i < result.n; i++) {
      result.parent_ids[i] = FRC_NO_PARENT;
      gfloat v[4];
      for (guint k = 0; k < 4; k++)
        v[k] = g_rand_int_range (rand, 0, 20) == 0
            ? special[g_rand_int_range (rand, 0, G_N_ELEMENTS (special))]
            : (gfloat) g_rand_double_range (rand, -0.2, 1.2) * (gfloat) (k % 2 ? height : width);
      result.detections[i] = (FrcDetection){ { v[0], v[1], v[2], v[3] }, 1.0f - i * 0.001f, 3 };
    }
    FrcMetaContext context = { .labels = labels, .model_name = "m",
      .rect = { 0, 0, width, height }, .age = 9 };
    GstBuffer *buffer = gst_buffer_new ();
    guint added = frc_result_attach (&result, &context, buffer);

    expected.n = 0;
    for (guint i = 0; i < result.n; i++) {
      const FrcBox *box = &result.detections[i].box;
      gdouble w = fmin (box->x2, width) - fmax (box->x1, 0);
      gdouble h = fmin (box->y2, height) - fmax (box->y1, 0);
      gboolean is_box = !isnan (box->x1) && !isnan (box->y1) && !isnan (box->x2) &&
          !isnan (box->y2) && w > 0 && h > 0;
      if (is_box)
        expected.found[expected.n++] = result.detections[i];
    }
    check_rois (buffer, &expected, width, height, 1, 9);
    fail_unless_equals_int (added, count_rois (buffer));
    gst_buffer_unref (buffer);
  }
  frc_label_set_unref (labels);
  frc_model_unref (model);
  g_rand_free (rand);
}
GST_END_TEST

GST_START_TEST (test_classes_filter)
{
  GstElement *detect = make_detect ();
  const char *wanted = expect_label (found.found[found.n - 1].label_id);
  gchar *list = g_strdup_printf (" %s , %s", wanted, wanted);
  FrcQuery query = test_query;
  static Expected expected;
  guint8 mask[256] = { 0 };

  for (gint i = 0; i < 256 && expect_label (i); i++)
    mask[i] = g_str_equal (expect_label (i), wanted);
  query.class_mask = mask;
  query.max_detections = 1; /* the filter comes first */
  expect_detections (&rgb, picture, NULL, &query, &expected);
  fail_unless_equals_int (expected.n, 1);

  g_object_set (detect, "classes", list, "max-detections", 1, NULL);
  GstHarness *h = harness_for (detect, &rgb);
  GstBuffer *out = harness_round (h, gst_buffer_copy (picture), 0);
  check_rois (out, &expected, W, H, 1, 0);
  gst_buffer_unref (out);

  g_object_set (detect, "classes", NULL, "max-detections", 100, NULL);
  out = harness_round (h, gst_buffer_copy (picture), GST_SECOND);
  check_rois (out, &found, W, H, 1, 0);
  gst_buffer_unref (out);
  gst_harness_teardown (h);
  g_free (list);
}
GST_END_TEST

static Suite *
metas_suite (void)
{
  Suite *suite = suite_create ("metas");
  TCase *tc = tcase_create ("metas");

  tcase_set_timeout (tc, 60);
  suite_add_tcase (suite, tc);
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_ids_go_on);
  tcase_add_test (tc, test_ids_used_up);
  tcase_add_test (tc, test_two_in_a_row);
  tcase_add_loop_test (tc, test_upstream_ids_are_made_unique, 0, 5);
  tcase_add_loop_test (tc, test_parent_only_while_it_is_there, 0, 4);
  tcase_add_loop_test (tc, test_crop_meta, 0, FRC_N_FORMATS);
  tcase_add_test (tc, test_odd_crop_metas);
  tcase_add_loop_test (tc, test_crop_is_not_asked_for, 0, 2);
  tcase_add_test (tc, test_behind_a_tee);
  tcase_add_test (tc, test_any_box_ends_inside);
  tcase_add_test (tc, test_classes_filter);
  return suite;
}

GST_CHECK_MAIN (metas)
