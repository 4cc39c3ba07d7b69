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
  round_expect (picture_b, 2 * GST_SECOND, &found_a, 2 * GST_SECOND);
  round_expect (picture_b, 2 * GST_SECOND + 1, NULL, 0);
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
  g_object_set (detect, "interval", G_MAXUINT, NULL);
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

/* ---- live ---- */

#define N_LIVE 300
#define LIVE_FRAME (GST_SECOND / 30)

typedef struct {
  guint n_in, n_out, n_aged;
  gint64 came;              /* us */
  gint64 added[N_LIVE];     /* us between the pads */
  GstClockTime last_pts;
  guint64 ages[N_LIVE];     /* ns */
} Live;

static GstPadProbeReturn
frame_comes (GstPad *pad, GstPadProbeInfo *probe, gpointer data)
{
  Live *live = data;

  live->came = g_get_monotonic_time ();
  live->n_in++;
  return GST_PAD_PROBE_OK;
}

static GstPadProbeReturn
frame_leaves (GstPad *pad, GstPadProbeInfo *probe, gpointer data)
{
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (probe);
  Live *live = data;

  fail_unless (live->n_out < N_LIVE);
  fail_unless (live->n_out == 0 || GST_BUFFER_PTS (buffer) > live->last_pts, "out of order");
  live->last_pts = GST_BUFFER_PTS (buffer);
  live->added[live->n_out++] = g_get_monotonic_time () - live->came;
  if (count_rois (buffer) > 0)
    live->ages[live->n_aged++] = roi_age (nth_roi (buffer, 0));
  return GST_PAD_PROBE_OK;
}

/* @return: how long it played, us */
static gint64
play_live (guint n, Live *live)
{
  char *launch = g_strdup_printf ("videotestsrc is-live=true num-buffers=%u ! "
      "video/x-raw,format=I420,width=320,height=240,framerate=30/1 ! fasterrcnndetect name=detect "
      "mode=async input-size=96 threshold=0 ! fakesink sync=true", n);
  GstElement *pipeline = gst_parse_launch (launch, NULL);
  GstPad *sink, *src;

  gst_object_unref (detect);
  detect = gst_bin_get_by_name (GST_BIN (pipeline), "detect");
  g_object_set (detect, "model", test_model (), NULL);
  g_object_set_data (G_OBJECT (detect), FRC_TEST_HOOKS_KEY, &hooks);
  sink = gst_element_get_static_pad (detect, "sink");
  src = gst_element_get_static_pad (detect, "src");
  gst_pad_add_probe (sink, GST_PAD_PROBE_TYPE_BUFFER, frame_comes, live, NULL);
  gst_pad_add_probe (src, GST_PAD_PROBE_TYPE_BUFFER, frame_leaves, live, NULL);

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  gint64 begin = g_get_monotonic_time ();
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message = gst_bus_timed_pop_filtered (bus, 60 * GST_SECOND,
      GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  gint64 played = g_get_monotonic_time () - begin;
  fail_unless (message && GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS, "it does not end");
  gst_message_unref (message);
  gst_object_unref (bus);
  gst_object_unref (sink);
  gst_object_unref (src);
  g_object_set_data (G_OBJECT (detect), "stats-inferred",
      GUINT_TO_POINTER ((guint) read_stat (detect, "inferred")));
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  g_free (launch);
  return played;
}

static int
compare_int64 (const void *a, const void *b)
{
  gint64 x = *(const gint64 *) a, y = *(const gint64 *) b;
  return (x > y) - (x < y);
}

/* One inference that never ends while 300 frames go by: all of them do, in order, each within its
 * own duration, and so does the end of the stream. */
GST_START_TEST (test_300_live_frames_pass_a_closed_gate)
{
  static Live live;

  live = (Live){ 0 };
  set_gate (TRUE);
  gint64 played = play_live (N_LIVE, &live);
  fail_unless_equals_int (live.n_in, N_LIVE);
  fail_unless_equals_int (live.n_out, N_LIVE);
  fail_unless_equals_int (g_atomic_int_get (&hooks.begun), 1);
  fail_unless_equals_int (live.n_aged, 0);
  qsort (live.added, live.n_out, sizeof *live.added, compare_int64);
  fail_unless (live.added[N_LIVE - 3] < (gint64) LIVE_FRAME / 1000, "p99 is %" G_GINT64_FORMAT " us",
      live.added[N_LIVE - 3]);
  fail_unless (played < 12 * G_TIME_SPAN_SECOND, "it took %" G_GINT64_FORMAT " us", played);
}
GST_END_TEST

/* An inference alone, in sync mode; the shortest of three, us. */
static gint64
solo_time (void)
{
  gint64 best = G_MAXINT64;
  GstElement *alone = make_detect ();
  GstVideoInfo info;

  test_info (&info, GST_VIDEO_FORMAT_I420, 320, 240);
  g_object_set (alone, "threshold", 0.0, NULL);
  g_object_set_data (G_OBJECT (alone), FRC_TEST_HOOKS_KEY, &hooks);
  GstHarness *one = harness_for (gst_object_ref (alone), &info);
  for (guint i = 0; i < 3; i++) {
    gst_buffer_unref (harness_round (one, test_picture (&info, -1), i * FRAME));
    best = MIN (best, (gint64) read_stat (alone, "last-latency") / 1000);
  }
  gst_harness_teardown (one);
  gst_object_unref (alone);
  return best;
}

GST_START_TEST (test_live_results_are_many_and_young)
{
  const guint n = 200;
  static Live live;

  live = (Live){ 0 };
  g_atomic_int_set (&hooks.delay_ms, 300);
  gint64 solo = solo_time ();
  fail_unless (solo >= 300000);
  gint64 played = play_live (n, &live);
  guint inferred = GPOINTER_TO_UINT (g_object_get_data (G_OBJECT (detect), "stats-inferred"));
  fail_unless_equals_int (live.n_out, n);
  fail_unless (inferred >= 0.8 * (gdouble) played / (gdouble) solo, "%u in %" G_GINT64_FORMAT
      " us, each %" G_GINT64_FORMAT " us", inferred, played, solo);
  qsort (live.ages, live.n_aged, sizeof *live.ages, compare_int64);
  guint64 p95 = live.ages[live.n_aged * 95 / 100];
  fail_unless (live.n_aged > n / 2);
  fail_unless (p95 <= 2 * (guint64) solo * 1000 + LIVE_FRAME, "p95 is %" G_GUINT64_FORMAT " ns", p95);
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
  tcase_add_test (tc, test_300_live_frames_pass_a_closed_gate);
  tcase_add_test (tc, test_live_results_are_many_and_young);
  return suite;
}

GST_CHECK_MAIN (async)
