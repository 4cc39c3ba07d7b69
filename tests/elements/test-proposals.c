/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Proposals from upstream, how many of them count, and settings that do not go together.
 */
#include "common.h"

#define W 192
#define H 144
#define FRAME (40 * GST_MSECOND)
#define EVERYTHING { .score_threshold = 0, .nms_threshold = -1.0f, .max_detections = MAX_FOUND }

static GstBuffer *picture;
static GstVideoInfo rgb;
static Expected expected;

static void
setup (void)
{
  test_info (&rgb, GST_VIDEO_FORMAT_RGB, W, H);
  picture = test_rgb (W, H, 2);
}

static void
teardown (void)
{
  gst_buffer_unref (picture);
}

static void
add_roi (GstBuffer *buffer, const char *type, gint id, const FrcRect *r)
{
  gst_buffer_add_video_region_of_interest_meta (buffer, type, r->x, r->y, r->width, r->height)->id =
      id;
}

/* What came with the frame is classified: the same as the core with these proposals. */
GST_START_TEST (test_proposals)
{
  const FrcRect rects[] = { { 10, 10, 100, 120 }, { 60, 10, 130, 130 }, { 100, 60, 60, 60 } };
  const FrcRect far = { 500, 500, 5, 5 };
  FrcBox boxes[] = { { 10, 10, 110, 130 }, { 60, 10, 190, 140 }, { 100, 60, 160, 120 } };
  FrcQuery query = EVERYTHING;
  GstElement *detect = make_detect ();

  gst_util_set_object_arg (G_OBJECT (detect), "proposals", "roi-meta");
  g_object_set (detect, "threshold", 0.0, "max-detections", 1000, NULL);
  GstHarness *h = harness_for (detect, &rgb);
  query.proposals = boxes;
  for (guint pass = 0; pass < 3; pass++) {
    GstBuffer *buffer = gst_buffer_copy (picture);
    if (pass == 2)
      g_object_set (detect, "region-classes", "person", NULL);
    add_roi (buffer, "person", 1, &rects[0]);
    add_roi (buffer, "person", 2, &far);
    add_roi (buffer, "person", 3, &rects[1]);
    if (pass > 0)
      add_roi (buffer, "cat", 4, &rects[2]);
    query.n_proposals = pass == 1 ? 3 : 2;
    expect_detections (&rgb, picture, NULL, &query, &expected);
    fail_unless (expected.n > 0);
    GstBuffer *out = harness_round (h, buffer, pass * FRAME);
    check_rois (out, &expected, W, H, pass > 0 ? 5 : 4, 0);
    for (guint i = pass > 0 ? 4 : 3; i < count_rois (out); i++)
      fail_unless_equals_int (nth_roi (out, i)->parent_id, 0);
    gst_buffer_unref (out);
  }
  GstBuffer *none = harness_round (h, gst_buffer_copy (picture), 3 * FRAME);
  fail_unless_equals_int (count_rois (none), 0);
  fail_unless_equals_uint64 (read_stat (detect, "inferred"), 3);
  gst_buffer_unref (none);
  gst_harness_teardown (h);
}
GST_END_TEST

/* The detector's own limit holds for given ones, too; the first ones count. */
GST_START_TEST (test_max_proposals)
{
  FrcBox boxes[4];
  FrcQuery query = EVERYTHING;
  GstElement *detect = make_detect ();
  GstBuffer *buffer = gst_buffer_copy (picture);

  gst_util_set_object_arg (G_OBJECT (detect), "proposals", "roi-meta");
  g_object_set (detect, "threshold", 0.0, "max-detections", 1000, "max-proposals", 4, NULL);
  GstHarness *h = harness_for (detect, &rgb);
  for (guint i = 0; i < 6; i++)
    add_roi (buffer, "person", (gint) i + 1, &(FrcRect){ 10 * i, 5, 80, 90 });
  for (guint i = 0; i < 4; i++)
    boxes[i] = (FrcBox){ 10 * i, 5, 10 * i + 80, 95 };
  query.proposals = boxes;
  query.n_proposals = 4;
  expect_detections (&rgb, picture, NULL, &query, &expected);
  GstBuffer *out = harness_round (h, buffer, 0);
  check_rois (out, &expected, W, H, 7, 0);
  gst_buffer_unref (out);
  gst_harness_teardown (h);
}
GST_END_TEST

/* Of the network's own proposals only so many: fewer than the model has find less. */
GST_START_TEST (test_max_proposals_of_the_network)
{
  FrcOptions options = { .threads = 1, .input_size = TEST_INPUT_SIZE, .max_proposals = 2 };
  const FrcQuery query = EVERYTHING;
  FrcModel *model = frc_model_load (test_model (), NULL, NULL);
  FrcDetector *few = frc_detector_new (model, &options, NULL);
  FrcImage image = { { FRC_FORMAT_RGB, W, H, FRC_MATRIX_BT601, FRC_RANGE_FULL }, { NULL }, { W * 3 } };
  GstElement *detect = make_detect ();
  GstMapInfo map;

  fail_unless (frc_model_get_info (model)->rpn_post_nms_top_n > 2);
  gst_buffer_map (picture, &map, GST_MAP_READ);
  image.plane[0] = map.data;
  fail_unless (frc_detect (few, &image, &query, expected.found, MAX_FOUND, &expected.n, NULL));
  gst_buffer_unmap (picture, &map);
  g_object_set (detect, "max-proposals", 2, "threshold", 0.0, "max-detections", 1000, NULL);
  GstHarness *h = harness_for (detect, &rgb);
  fail_unless (expected.n > 0 && expected.n <= 2 * 20);
  GstBuffer *out = harness_round (h, gst_buffer_copy (picture), 0);
  check_rois (out, &expected, W, H, 1, 0);
  gst_buffer_unref (out);
  gst_harness_teardown (h);
  frc_detector_free (few);
  frc_model_unref (model);
}
GST_END_TEST

/* ---- what does not go together ---- */

static void
expect_failure (GstElement *detect, const char *property, const char *also)
{
  GError *error = NULL;

  fail_unless_equals_int (gst_element_set_state (detect, GST_STATE_PAUSED),
      GST_STATE_CHANGE_FAILURE);
  GstMessage *message = pop_message (detect, GST_MESSAGE_ERROR);
  fail_unless (message != NULL);
  gst_message_parse_error (message, &error, NULL);
  fail_unless (strstr (error->message, property) && strstr (error->message, also) &&
          strstr (error->message, "expected") && strstr (error->message, "found"), "%s",
      error->message);
  g_error_free (error);
  gst_message_unref (message);
  gst_element_set_state (detect, GST_STATE_NULL);
  gst_object_unref (detect);
}

GST_START_TEST (test_settings_that_do_not_go_together)
{
  GstElement *detect = make_detect ();

  gst_util_set_object_arg (G_OBJECT (detect), "region", "zones");
  expect_failure (detect, "zones", "region=zones");
  for (guint i = 0; i < 2; i++) {
    const char *region = i ? "roi-list" : "zones";
    detect = make_detect ();
    g_object_set (detect, "zones", "0,0,50%,50%", NULL);
    gst_util_set_object_arg (G_OBJECT (detect), "region", region);
    gst_util_set_object_arg (G_OBJECT (detect), "proposals", "roi-meta");
    expect_failure (detect, "proposals", region);
  }
}
GST_END_TEST

static Suite *
proposals_suite (void)
{
  Suite *suite = suite_create ("proposals");
  TCase *tc = tcase_create ("proposals");

  tcase_set_timeout (tc, 60);
  suite_add_tcase (suite, tc);
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_proposals);
  tcase_add_test (tc, test_max_proposals);
  tcase_add_test (tc, test_max_proposals_of_the_network);
  tcase_add_test (tc, test_settings_that_do_not_go_together);
  return suite;
}

GST_CHECK_MAIN (proposals)
