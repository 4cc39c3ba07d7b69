/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * fasterrcnndetect in the course of a stream: which frames are looked at, what the others get, and
 * what resets it. Two pictures with different results tell a fresh result from a held one.
 */
#include "common.h"

#include <gst/controller/gstdirectcontrolbinding.h>
#include <gst/controller/gstinterpolationcontrolsource.h>

#define W 192
#define H 144
#define FRAME (40 * GST_MSECOND)

static GstBuffer *picture_a, *picture_b;
static Expected found_a, found_b;
static GstVideoInfo rgb;

static void
setup (void)
{
  test_info (&rgb, GST_VIDEO_FORMAT_RGB, W, H);
  picture_a = test_rgb (W, H, 2);
  picture_b = test_rgb (W, H, -1);
  expect_detections (&rgb, picture_a, NULL, &test_query, &found_a);
  expect_detections (&rgb, picture_b, NULL, &test_query, &found_b);
  fail_unless (found_a.n > 0);
  fail_unless (found_a.n != found_b.n || found_a.found[0].box.x1 != found_b.found[0].box.x1);
}

static void
teardown (void)
{
  gst_buffer_unref (picture_a);
  gst_buffer_unref (picture_b);
}

static GstBuffer *
a (void)
{
  return gst_buffer_copy (picture_a);
}

static GstBuffer *
b (void)
{
  return gst_buffer_copy (picture_b);
}

/* Pushes @buffer at @pts and expects @expected with @age on it; NULL = no meta. */
static void
round_expect (GstHarness *h, GstBuffer *buffer, GstClockTime pts, const Expected *expected,
    guint64 age)
{
  GstBuffer *out = harness_round (h, buffer, pts);

  if (expected)
    check_rois (out, expected, W, H, 1, age);
  else
    fail_unless_equals_int (count_rois (out), 0);
  gst_buffer_unref (out);
}

static GstHarness *
start_with (GstElement **detect, guint interval)
{
  *detect = make_detect ();
  g_object_set (*detect, "interval", interval, NULL);
  return harness_for (*detect, &rgb);
}

GST_START_TEST (test_interval_and_hold)
{
  GstElement *detect;
  GstHarness *h = start_with (&detect, 3);

  round_expect (h, a (), 0 * FRAME, &found_a, 0);
  round_expect (h, b (), 1 * FRAME, &found_a, 1 * FRAME);
  round_expect (h, b (), 2 * FRAME, &found_a, 2 * FRAME);
  round_expect (h, b (), 3 * FRAME, &found_b, 0);
  round_expect (h, a (), 4 * FRAME, &found_b, FRAME);
  fail_unless_equals_uint64 (read_stat (detect, "frames"), 5);
  fail_unless_equals_uint64 (read_stat (detect, "inferred"), 2);
  fail_unless_equals_uint64 (read_stat (detect, "held"), 3);
  fail_unless_equals_uint64 (read_stat (detect, "skipped-late"), 0);
  fail_unless_equals_uint64 (read_stat (detect, "detections"), found_a.n + found_b.n);
  gst_harness_teardown (h);
}
GST_END_TEST

GST_START_TEST (test_no_hold)
{
  GstElement *detect;
  GstHarness *h = start_with (&detect, 2);

  g_object_set (detect, "hold", FALSE, NULL);
  round_expect (h, a (), 0 * FRAME, &found_a, 0);
  round_expect (h, b (), 1 * FRAME, NULL, 0);
  round_expect (h, b (), 2 * FRAME, &found_b, 0);
  g_object_set (detect, "hold", TRUE, NULL);
  round_expect (h, a (), 3 * FRAME, &found_b, FRAME);
  fail_unless_equals_uint64 (read_stat (detect, "held"), 1);
  gst_harness_teardown (h);
}
GST_END_TEST

/* An age of exactly max-age is still repeated, one more nanosecond is not. */
GST_START_TEST (test_max_age)
{
  GstElement *detect;
  GstHarness *h = start_with (&detect, 100);

  round_expect (h, a (), 0, &found_a, 0);
  round_expect (h, b (), 2 * GST_SECOND, &found_a, 2 * GST_SECOND);
  round_expect (h, b (), 2 * GST_SECOND + 1, NULL, 0);
  g_object_set (detect, "max-age", (guint64) 3 * GST_SECOND, NULL);
  round_expect (h, b (), 2 * GST_SECOND + 2, &found_a, 2 * GST_SECOND + 2);
  g_object_set (detect, "max-age", (guint64) 0, NULL);
  round_expect (h, b (), 2 * GST_SECOND + 3, NULL, 0);
  gst_harness_teardown (h);
}
GST_END_TEST

GST_START_TEST (test_without_timestamps)
{
  GstElement *detect;
  GstHarness *h = start_with (&detect, 2);

  round_expect (h, a (), GST_CLOCK_TIME_NONE, &found_a, 0);
  round_expect (h, b (), GST_CLOCK_TIME_NONE, &found_a, GST_CLOCK_TIME_NONE);
  round_expect (h, b (), GST_CLOCK_TIME_NONE, &found_b, 0);
  gst_harness_teardown (h);
}
GST_END_TEST

GST_START_TEST (test_interval_changes_live)
{
  GstElement *detect;
  GstHarness *h = start_with (&detect, 1000);

  round_expect (h, a (), 0 * FRAME, &found_a, 0);
  round_expect (h, b (), 1 * FRAME, &found_a, FRAME);
  g_object_set (detect, "interval", 2, NULL);
  round_expect (h, b (), 2 * FRAME, &found_b, 0);
  round_expect (h, a (), 3 * FRAME, &found_b, FRAME);
  g_object_set (detect, "interval", 1, NULL);
  round_expect (h, a (), 4 * FRAME, &found_a, 0);
  gst_harness_teardown (h);
}
GST_END_TEST

/* A GAP buffer has the held result, keeps its flag, and does not count; without any memory it
 * could not even be mapped. */
GST_START_TEST (test_gap)
{
  GstElement *detect;
  GstHarness *h = start_with (&detect, 2);
  GstBuffer *gap = gst_buffer_new ();

  GST_BUFFER_FLAG_SET (gap, GST_BUFFER_FLAG_GAP);
  GstBuffer *early = harness_round (h, gst_buffer_copy (gap), 0);
  fail_unless_equals_int (count_rois (early), 0);
  gst_buffer_unref (early);

  round_expect (h, a (), 1 * FRAME, &found_a, 0);
  GstBuffer *out = harness_round (h, gap, 2 * FRAME);
  check_rois (out, &found_a, W, H, 1, FRAME);
  fail_unless (GST_BUFFER_FLAG_IS_SET (out, GST_BUFFER_FLAG_GAP));
  gst_buffer_unref (out);

  /* one that somebody else holds, too, so that metas go onto a copy */
  gap = gst_buffer_new ();
  GST_BUFFER_FLAG_SET (gap, GST_BUFFER_FLAG_GAP);
  out = harness_round (h, gst_buffer_ref (gap), 2 * FRAME + 1);
  check_rois (out, &found_a, W, H, 1, FRAME + 1);
  fail_unless (GST_BUFFER_FLAG_IS_SET (out, GST_BUFFER_FLAG_GAP));
  gst_buffer_unref (out);
  gst_buffer_unref (gap);

  round_expect (h, b (), 3 * FRAME, &found_a, 2 * FRAME);
  round_expect (h, b (), 4 * FRAME, &found_b, 0);
  fail_unless_equals_uint64 (read_stat (detect, "frames"), 3);
  fail_unless_equals_uint64 (read_stat (detect, "inferred"), 2);
  fail_unless_equals_uint64 (read_stat (detect, "held"), 1);
  gst_harness_teardown (h);
}
GST_END_TEST

enum { FLUSH, STREAM_START, OTHER_SEGMENT, OTHER_SIZE, SAME_SEGMENT, OTHER_RATE, N_EVENTS };

/* @return: whether it is something that resets. */
static gboolean
push_event (GstHarness *h, gint which)
{
  GstSegment segment;
  GstVideoInfo info = rgb;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  switch (which) {
    case FLUSH:
      fail_unless (gst_harness_push_event (h, gst_event_new_flush_start ()));
      fail_unless (gst_harness_push_event (h, gst_event_new_flush_stop (FALSE)));
      fail_unless (gst_harness_push_event (h, gst_event_new_segment (&segment)));
      return TRUE;
    case STREAM_START:
      fail_unless (gst_harness_push_event (h, gst_event_new_stream_start ("other")));
      return TRUE;
    case OTHER_SEGMENT:
      segment.base = 1;
      fail_unless (gst_harness_push_event (h, gst_event_new_segment (&segment)));
      return TRUE;
    case OTHER_SIZE:
      test_info (&info, GST_VIDEO_FORMAT_RGB, W, H - 16);
      harness_caps (h, &info);
      harness_caps (h, &rgb);
      return TRUE;
    case SAME_SEGMENT:
      fail_unless (gst_harness_push_event (h, gst_event_new_segment (&segment)));
      return FALSE;
    default:
      info.fps_n = 30;
      harness_caps (h, &info);
      return FALSE;
  }
}

GST_START_TEST (test_what_resets)
{
  GstElement *detect;
  GstHarness *h = start_with (&detect, 1000);
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  fail_unless (gst_harness_push_event (h, gst_event_new_segment (&segment)));
  round_expect (h, a (), 0, &found_a, 0);
  round_expect (h, b (), FRAME, &found_a, FRAME);
  if (push_event (h, __i__)) {
    GstBuffer *gap = gst_buffer_new ();
    GST_BUFFER_FLAG_SET (gap, GST_BUFFER_FLAG_GAP);
    round_expect (h, gap, 2 * FRAME, NULL, 0);
    round_expect (h, b (), 3 * FRAME, &found_b, 0);
  } else {
    round_expect (h, b (), 3 * FRAME, &found_a, 3 * FRAME);
  }
  gst_harness_teardown (h);
}
GST_END_TEST

/* Other sizes and formats in the middle of a stream are looked at as such. */
GST_START_TEST (test_caps_change)
{
  static const struct {
    GstVideoFormat format;
    guint width, height;
  } steps[] = { { GST_VIDEO_FORMAT_I420, 320, 240 }, { GST_VIDEO_FORMAT_NV12, 33, 7 },
    { GST_VIDEO_FORMAT_GRAY8, 640, 480 }, { GST_VIDEO_FORMAT_BGRx, 640, 480 },
    { GST_VIDEO_FORMAT_I420, 320, 240 } };
  GstHarness *h = harness_for (make_detect (), NULL);
  static Expected expected;

  for (guint i = 0; i < G_N_ELEMENTS (steps); i++) {
    GstVideoInfo info;
    test_info (&info, steps[i].format, steps[i].width, steps[i].height);
    harness_caps (h, &info);
    for (guint k = 0; k < 2; k++) {
      GstBuffer *buffer = test_picture (&info, 2 + (gint) k);
      expect_detections (&info, buffer, NULL, &test_query, &expected);
      GstBuffer *out = harness_round (h, buffer, (i * 2 + k) * FRAME);
      check_rois (out, &expected, steps[i].width, steps[i].height, 1, 0);
      gst_buffer_unref (out);
    }
  }
  gst_harness_teardown (h);
}
GST_END_TEST

GST_START_TEST (test_eos)
{
  GstElement *detect;
  GstHarness *h = start_with (&detect, 1);

  round_expect (h, a (), 0, &found_a, 0);
  fail_unless (gst_harness_push_event (h, gst_event_new_eos ()));
  GstEvent *event = NULL;
  do {
    gst_clear_event (&event);
    event = gst_harness_try_pull_event (h);
  } while (event && GST_EVENT_TYPE (event) != GST_EVENT_EOS);
  fail_unless (event != NULL, "no EOS came out");
  gst_event_unref (event);
  fail_unless_equals_int (gst_harness_push (h, a ()), GST_FLOW_EOS);
  gst_harness_teardown (h);
}
GST_END_TEST

/* A threshold that a controller moves in time: at stream time, before the frame is looked at. */
GST_START_TEST (test_controlled_threshold)
{
  GstElement *detect;
  GstHarness *h = start_with (&detect, 1);
  GstControlSource *source = gst_interpolation_control_source_new ();
  FrcQuery query = test_query;
  static Expected expected;

  g_object_set (source, "mode", GST_INTERPOLATION_MODE_NONE, NULL);
  gst_timed_value_control_source_set (GST_TIMED_VALUE_CONTROL_SOURCE (source), 0, TEST_THRESHOLD);
  gst_timed_value_control_source_set (GST_TIMED_VALUE_CONTROL_SOURCE (source), GST_SECOND, 1.0);
  fail_unless (gst_object_add_control_binding (GST_OBJECT (detect),
      gst_direct_control_binding_new (GST_OBJECT (detect), "threshold", source)));
  gst_object_unref (source);

  round_expect (h, a (), 0, &found_a, 0);
  round_expect (h, a (), GST_SECOND, NULL, 0);
  gst_harness_teardown (h);

  /* and by hand, live */
  h = start_with (&detect, 1);
  query.score_threshold = (found_a.found[0].score + found_a.found[found_a.n - 1].score) / 2;
  expect_detections (&rgb, picture_a, NULL, &query, &expected);
  fail_unless (expected.n > 0 && expected.n < found_a.n);
  round_expect (h, a (), 0, &found_a, 0);
  g_object_set (detect, "threshold", (gdouble) query.score_threshold, NULL);
  round_expect (h, a (), FRAME, &expected, 0);
  g_object_set (detect, "threshold", TEST_THRESHOLD, "max-detections", 1, NULL);
  expected = found_a;
  expected.n = 1;
  round_expect (h, a (), 2 * FRAME, &expected, 0);
  gst_harness_teardown (h);
}
GST_END_TEST

static Suite *
stream_suite (void)
{
  Suite *suite = suite_create ("stream");
  TCase *tc = tcase_create ("stream");

  tcase_set_timeout (tc, 60);
  suite_add_tcase (suite, tc);
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_interval_and_hold);
  tcase_add_test (tc, test_no_hold);
  tcase_add_test (tc, test_max_age);
  tcase_add_test (tc, test_without_timestamps);
  tcase_add_test (tc, test_interval_changes_live);
  tcase_add_test (tc, test_gap);
  tcase_add_loop_test (tc, test_what_resets, 0, N_EVENTS);
  tcase_add_test (tc, test_caps_change);
  tcase_add_test (tc, test_eos);
  tcase_add_test (tc, test_controlled_threshold);
  return suite;
}

GST_CHECK_MAIN (stream)
