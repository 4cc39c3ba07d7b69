/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * mode=async: frames go on at once with the latest result, and nothing that happens in the middle
 * of a slow inference delays the stream or lets a stale result through. The test build's gate holds
 * an inference for as long as a test likes.
 */
#include "common.h"
#include "gst/testhooks.h"

#define W 192
#define H 144
#define FRAME (40 * GST_MSECOND)
#define PICTURE_A 2 /* frames of the clip */
#define PICTURE_B 12
#define PATIENCE (20 * G_TIME_SPAN_SECOND)

static GstBuffer *picture_a, *picture_b;
static Expected found_a, found_b;
static GstVideoInfo rgb;
static FrcTestHooks hooks;
static GstElement *detect;
static GstHarness *h;

static void
setup (void)
{
  test_info (&rgb, GST_VIDEO_FORMAT_RGB, W, H);
  picture_a = test_rgb (W, H, PICTURE_A);
  picture_b = test_rgb (W, H, PICTURE_B);
  expect_detections (&rgb, picture_a, NULL, &test_query, &found_a);
  expect_detections (&rgb, picture_b, NULL, &test_query, &found_b);
  fail_unless (found_a.n > 0 && found_b.n > 0);
  fail_unless (found_a.found[0].box.x1 != found_b.found[0].box.x1);

  hooks = (FrcTestHooks){ 0 };
  detect = make_detect ();
  g_object_set_data (G_OBJECT (detect), FRC_TEST_HOOKS_KEY, &hooks);
  gst_util_set_object_arg (G_OBJECT (detect), "mode", "async");
  g_object_set (detect, "max-age", G_MAXUINT64, NULL); /* the machine may be slow */
  h = harness_for (gst_object_ref (detect), &rgb);
}

static void
teardown (void)
{
  if (h)
    gst_harness_teardown (h);
  h = NULL;
  gst_object_unref (detect);
  gst_buffer_unref (picture_a);
  gst_buffer_unref (picture_b);
}

/* Waits until as many inferences as @n are at the gate. */
static void
wait_for_gate (gint n)
{
  gint64 until = g_get_monotonic_time () + PATIENCE;

  while (g_atomic_int_get (&hooks.waiting) != n && g_get_monotonic_time () < until)
    g_usleep (200);
  fail_unless_equals_int (g_atomic_int_get (&hooks.waiting), n);
}

static void
set_gate (gboolean closed)
{
  g_atomic_int_set (&hooks.gate_closed, closed);
}

/* One frame; @expected NULL: without a meta. */
static void
round_expect (GstBuffer *picture, GstClockTime pts, const Expected *expected, guint64 age)
{
  GstBuffer *out = harness_round (h, gst_buffer_copy (picture), pts);

  if (expected)
    check_rois (out, expected, W, H, 1, age);
  else
    fail_unless_equals_int (count_rois (out), 0);
  gst_buffer_unref (out);
}

/* Frames of @picture, a millisecond apart from @pts on, until one has metas; its time. */
static GstClockTime
push_until_result (GstBuffer *picture, GstClockTime pts, GstBuffer **out)
{
  gint64 until = g_get_monotonic_time () + PATIENCE;

  for (; g_get_monotonic_time () < until; pts += GST_MSECOND) {
    *out = harness_round (h, gst_buffer_copy (picture), pts);
    if (count_rois (*out) > 0)
      return pts;
    gst_buffer_unref (*out);
    g_usleep (1000);
  }
  fail ("no result came");
  return 0;
}

/* A stays the result until it is replaced; its age grows; B takes over. */
GST_START_TEST (test_results_come_later)
{
  GstBuffer *out;

  set_gate (TRUE);
  round_expect (picture_a, 0, NULL, 0);
  wait_for_gate (1);
  for (guint i = 1; i < 10; i++)
    round_expect (picture_b, i * FRAME, NULL, 0);
  fail_unless_equals_int (g_atomic_int_get (&hooks.begun), 1);
  set_gate (FALSE);
  GstClockTime pts = push_until_result (picture_b, 10 * FRAME, &out);
  check_rois (out, &found_a, W, H, 1, pts);
  gst_buffer_unref (out);
  fail_unless_equals_uint64 (read_stat (detect, "inferred"), 1);
  fail_unless_equals_uint64 (read_stat (detect, "detections"), found_a.n);
  fail_unless (read_stat (detect, "held") == 1);

  /* That frame was free to be looked at, too. */
  for (guint i = 0; i < 1000 && read_stat (detect, "inferred") < 2; i++) {
    g_usleep (1000);
    gst_buffer_unref (harness_round (h, gst_buffer_copy (picture_b), ++pts));
  }
  out = harness_round (h, gst_buffer_copy (picture_b), pts + 1);
  fail_unless_equals_int (count_rois (out), count_visible (&found_b, W, H));
  gst_buffer_unref (out);
}
GST_END_TEST

/* Without hold a result is on one frame only; with it for as long as it is young enough. */
GST_START_TEST (test_hold_and_max_age)
{
  GstBuffer *out;

  g_object_set (detect, "interval", G_MAXUINT, "hold", FALSE, NULL);
  round_expect (picture_a, 0, NULL, 0);
  GstClockTime pts = push_until_result (picture_b, FRAME, &out);
  check_rois (out, &found_a, W, H, 1, pts);
  gst_buffer_unref (out);
  round_expect (picture_b, pts + 1, NULL, 0);
  g_object_set (detect, "hold", TRUE, NULL);
  round_expect (picture_b, pts + 2, &found_a, pts + 2);
  g_object_set (detect, "max-age", pts + GST_SECOND, NULL);
  round_expect (picture_b, pts + GST_SECOND, &found_a, pts + GST_SECOND);
  round_expect (picture_b, pts + GST_SECOND + 1, NULL, 0);
  fail_unless_equals_uint64 (read_stat (detect, "inferred"), 1);
}
GST_END_TEST

/* The worker has copied what it needs: every format, odd sizes, padded rows. */
GST_START_TEST (test_every_format)
{
  static const guint sizes[][2] = { { 96, 64 }, { 33, 21 } };
  static Expected expected;
  GstBuffer *out;
  guint n = 0;

  for (guint i = 0; i < 2; i++) {
    GstVideoInfo info;
    test_info (&info, all_formats[__i__], sizes[i][0], sizes[i][1]);
    harness_caps (h, &info);
    g_object_set (detect, "threshold", 0.01, NULL);
    FrcQuery query = test_query;
    query.score_threshold = 0.01f;
    GstBuffer *picture = test_picture (&info, PICTURE_A);
    expect_detections (&info, picture, NULL, &query, &expected);
    n = count_visible (&expected, sizes[i][0], sizes[i][1]);
    fail_unless (n > 0);
    GstClockTime pts = push_until_result (picture, i * GST_SECOND, &out);
    check_rois (out, &expected, sizes[i][0], sizes[i][1], 1, pts - i * GST_SECOND);
    gst_buffer_unref (out);
    gst_buffer_unref (picture);
  }
}
GST_END_TEST

static GstBuffer *
with_roi (gint id, const FrcRect *r)
{
  GstBuffer *buffer = gst_buffer_copy (picture_a);

  gst_buffer_add_video_region_of_interest_meta (buffer, "person", r->x, r->y, r->width, r->height)
      ->id = id;
  return buffer;
}

/* Inside a region; the result names a parent only where that region is on the frame. */
GST_START_TEST (test_regions)
{
  const FrcRect rect = { 20, 0, 150, 130 };
  gint64 until = g_get_monotonic_time () + PATIENCE;
  static Expected expected;
  GstBuffer *out = NULL;
  guint n, i = 0;

  gst_harness_teardown (h);
  gst_object_unref (detect);
  detect = make_detect ();
  g_object_set_data (G_OBJECT (detect), FRC_TEST_HOOKS_KEY, &hooks);
  gst_util_set_object_arg (G_OBJECT (detect), "mode", "async");
  gst_util_set_object_arg (G_OBJECT (detect), "region", "roi-list");
  g_object_set (detect, "interval", G_MAXUINT, "max-age", G_MAXUINT64, NULL);
  h = harness_for (gst_object_ref (detect), &rgb);
  expect_detections (&rgb, picture_a, &rect, &test_query, &expected);
  for (n = 0; n < expected.n; n++) {
    FrcBox *box = &expected.found[n].box;
    box->x1 += rect.x;
    box->x2 += rect.x;
  }
  n = count_visible (&expected, W, H);
  fail_unless (n > 0);
  do {
    gst_clear_buffer (&out);
    g_usleep (1000);
    out = harness_round (h, with_roi (5, &rect), i++ * FRAME);
  } while (count_rois (out) == 1 && g_get_monotonic_time () < until);
  check_rois (out, &expected, W, H, 6, (i - 1) * FRAME);
  for (guint k = 1; k <= n; k++)
    fail_unless_equals_int (nth_roi (out, k)->parent_id, 5);
  gst_buffer_unref (out);
  out = harness_round (h, gst_buffer_copy (picture_a), i * FRAME);
  check_rois (out, &expected, W, H, 1, i * FRAME);
  for (guint k = 0; k < n; k++)
    fail_unless_equals_int (nth_roi (out, k)->parent_id, 0);
  gst_buffer_unref (out);
}
GST_END_TEST

static void
count_death (gpointer count, GstMiniObject *object)
{
  ++*(guint *) count;
}

GST_START_TEST (test_no_buffer_is_kept)
{
  GstBuffer *buffer = gst_buffer_copy_deep (picture_a);
  guint deaths = 0;

  set_gate (TRUE);
  gst_mini_object_weak_ref (GST_MINI_OBJECT (buffer), count_death, &deaths);
  GstBuffer *out = harness_round (h, buffer, 0);
  wait_for_gate (1);
  gst_buffer_unref (out);
  fail_unless_equals_int (deaths, 1);
}
GST_END_TEST

/* ---- in the middle of an inference ---- */

enum { FLUSH, STREAM_START, OTHER_SEGMENT, OTHER_CAPS, OTHER_FORMAT, N_BREAKS };

static void
break_stream (gint how, GstVideoInfo *info)
{
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  switch (how) {
    case FLUSH:
      fail_unless (gst_harness_push_event (h, gst_event_new_flush_start ()));
      wait_for_gate (0); /* the gate is still closed: it was cancelled */
      fail_unless (gst_harness_push_event (h, gst_event_new_flush_stop (TRUE)));
      fail_unless (gst_harness_push_event (h, gst_event_new_segment (&segment)));
      break;
    case STREAM_START:
      fail_unless (gst_harness_push_event (h, gst_event_new_stream_start ("other")));
      break;
    case OTHER_SEGMENT:
      segment.base = 1000;
      fail_unless (gst_harness_push_event (h, gst_event_new_segment (&segment)));
      break;
    case OTHER_CAPS:
      test_info (info, GST_VIDEO_FORMAT_RGB, W - 32, H - 16);
      harness_caps (h, info);
      break;
    default:
      test_info (info, GST_VIDEO_FORMAT_I420, W, H);
      harness_caps (h, info);
      break;
  }
}

/* The result of before is never seen; that of a frame after it is. */
GST_START_TEST (test_stale_results_are_dropped)
{
  GstVideoInfo info = rgb;
  static Expected expected;
  GstBuffer *out;

  set_gate (TRUE);
  round_expect (picture_a, 0, NULL, 0);
  wait_for_gate (1);
  break_stream (__i__, &info);
  GstBuffer *picture = test_picture (&info, PICTURE_B);
  expect_detections (&info, picture, NULL, &test_query, &expected);
  set_gate (FALSE);
  GstClockTime pts = push_until_result (picture, FRAME, &out);
  fail_unless (expected.n > 0 && expected.found[0].box.x1 != found_a.found[0].box.x1);
  check_rois (out, &expected, info.width, info.height, 1, roi_age (nth_roi (out, 0)));
  fail_unless (roi_age (nth_roi (out, 0)) <= pts - FRAME, "a result of before the break");
  fail_unless_equals_uint64 (read_stat (detect, "inferred"), 1);
  gst_buffer_unref (out);
  gst_buffer_unref (picture);
}
GST_END_TEST

/* A result that is ready, but on no frame yet, is dropped, too. */
GST_START_TEST (test_ready_results_are_dropped)
{
  GstVideoInfo info = rgb;

  g_object_set (detect, "interval", G_MAXUINT, NULL);
  set_gate (TRUE);
  round_expect (picture_a, 0, NULL, 0);
  wait_for_gate (1);
  set_gate (FALSE);
  g_usleep (200 * 1000); /* by now it is; and if it is not, nothing else comes out of this */
  break_stream (__i__, &info);
  GstBuffer *gap = gst_buffer_new ();
  GST_BUFFER_FLAG_SET (gap, GST_BUFFER_FLAG_GAP);
  for (guint i = 1; i < 20; i++) {
    GstBuffer *out = harness_round (h, gst_buffer_copy (gap), i * FRAME);
    fail_unless_equals_int (count_rois (out), 0);
    gst_buffer_unref (out);
    g_usleep (1000);
  }
  fail_unless_equals_uint64 (read_stat (detect, "inferred"), 0);
  gst_buffer_unref (gap);
}
GST_END_TEST

GST_START_TEST (test_eos_is_not_delayed)
{
  GstEvent *event = NULL;

  set_gate (TRUE);
  round_expect (picture_a, 0, NULL, 0);
  wait_for_gate (1);
  fail_unless (gst_harness_push_event (h, gst_event_new_eos ()));
  do {
    gst_clear_event (&event);
    event = gst_harness_try_pull_event (h);
  } while (event && GST_EVENT_TYPE (event) != GST_EVENT_EOS);
  fail_unless (event != NULL, "no EOS came out");
  gst_event_unref (event);
  fail_unless_equals_int (g_atomic_int_get (&hooks.waiting), 1);
}
GST_END_TEST

/* The best of five, because another process may have the processor. */
GST_START_TEST (test_shutdown_is_quick)
{
  gint64 best = G_MAXINT64;

  for (guint i = 0; i < 5; i++) {
    set_gate (TRUE);
    round_expect (picture_a, 0, NULL, 0);
    wait_for_gate (1);
    gint64 begin = g_get_monotonic_time ();
    fail_unless_equals_int (gst_element_set_state (detect, GST_STATE_NULL),
        GST_STATE_CHANGE_SUCCESS);
    best = MIN (best, g_get_monotonic_time () - begin);
    fail_unless_equals_int (g_atomic_int_get (&hooks.waiting), 0);
    gst_element_set_state (detect, GST_STATE_PLAYING);
    fail_unless (gst_harness_push_event (h, gst_event_new_stream_start ("again")));
    harness_caps (h, &rgb);
  }
  fail_unless (best <= 100 * G_TIME_SPAN_MILLISECOND, "%" G_GINT64_FORMAT " us", best);
}
GST_END_TEST

/* The same flag in sync mode: frames come from a thread of their own, which is at the gate. */
static gpointer
push_one (gpointer buffer)
{
  return GINT_TO_POINTER (gst_harness_push (h, buffer));
}

GST_START_TEST (test_sync_is_cancelled)
{
  gst_harness_teardown (h);
  gst_object_unref (detect);
  detect = make_detect ();
  g_object_set_data (G_OBJECT (detect), FRC_TEST_HOOKS_KEY, &hooks);
  h = harness_for (gst_object_ref (detect), &rgb);
  for (guint i = 0; i < 2; i++) {
    set_gate (TRUE);
    GThread *thread = g_thread_new ("push", push_one, gst_buffer_copy (picture_a));
    wait_for_gate (1);
    if (i == 0)
      fail_unless (gst_harness_push_event (h, gst_event_new_flush_start ()));
    else
      gst_element_set_state (detect, GST_STATE_NULL);
    fail_unless_equals_int (GPOINTER_TO_INT (g_thread_join (thread)), GST_FLOW_FLUSHING);
    set_gate (FALSE);
    if (i == 0) {
      GstSegment segment;
      gst_segment_init (&segment, GST_FORMAT_TIME);
      fail_unless (gst_harness_push_event (h, gst_event_new_flush_stop (TRUE)));
      fail_unless (gst_harness_push_event (h, gst_event_new_segment (&segment)));
      round_expect (picture_b, 0, &found_b, 0);
    }
  }
}
GST_END_TEST

/* Everything at once, for the sanitizers: frames, caps, flushes, properties, states. */
GST_START_TEST (test_storm)
{
  GRand *rand = g_rand_new_with_seed (1);
  GstVideoInfo small;

  test_info (&small, GST_VIDEO_FORMAT_I420, 64, 48);
  GstBuffer *small_picture = test_picture (&small, -1);
  for (guint i = 0; i < 400; i++) {
    gboolean is_small = i / 20 % 2;
    if (i % 20 == 0)
      harness_caps (h, is_small ? &small : &rgb);
    g_atomic_int_set (&hooks.delay_ms, g_rand_int_range (rand, 0, 4));
    g_object_set (detect, "threshold", g_rand_double (rand), "classes", i % 3 ? NULL : "person",
        NULL);
    gst_buffer_unref (harness_round (h,
        gst_buffer_copy (is_small ? small_picture : picture_a), i * GST_MSECOND));
    (void) read_stat (detect, "p95-latency");
    if (g_rand_int_range (rand, 0, 30) == 0) {
      GstVideoInfo info;
      break_stream (FLUSH, &info);
    }
  }
  fail_unless (pop_message (detect, GST_MESSAGE_ERROR) == NULL);
  gst_buffer_unref (small_picture);
  g_rand_free (rand);
}
GST_END_TEST

static Suite *
async_suite (void)
{
  Suite *suite = suite_create ("async");
  TCase *tc = tcase_create ("async");

  tcase_set_timeout (tc, 120);
  suite_add_tcase (suite, tc);
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_results_come_later);
  tcase_add_test (tc, test_hold_and_max_age);
  tcase_add_loop_test (tc, test_every_format, 0, FRC_N_FORMATS);
  tcase_add_test (tc, test_regions);
  tcase_add_test (tc, test_no_buffer_is_kept);
  tcase_add_loop_test (tc, test_stale_results_are_dropped, 0, N_BREAKS);
  tcase_add_loop_test (tc, test_ready_results_are_dropped, 0, N_BREAKS);
  tcase_add_test (tc, test_eos_is_not_delayed);
  tcase_add_test (tc, test_shutdown_is_quick);
  tcase_add_test (tc, test_sync_is_cancelled);
  tcase_add_test (tc, test_storm);
  return suite;
}

GST_CHECK_MAIN (async)
