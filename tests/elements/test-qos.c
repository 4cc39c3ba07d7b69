/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Latency and quality of service: the arithmetic with given times, then the element on a clock that
 * the test moves.
 */
#include "common.h"
#include "gst/latency.h"
#include "gst/testhooks.h"

#define MS GST_MSECOND

/* ---- latency, alone ---- */

GST_START_TEST (test_latency_rounds_up)
{
  static const guint64 cases[][2] = { { 1, 5 * MS }, { 5 * MS, 5 * MS }, { 5 * MS + 1, 10 * MS },
    { 203 * MS, 205 * MS } };
  FrcLatency latency = { 0 };

  fail_unless_equals_uint64 (frc_latency_get (&latency), 0);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    frc_latency_add (&latency, cases[i][0]);
    fail_unless_equals_uint64 (frc_latency_get (&latency), cases[i][1]);
  }
}
GST_END_TEST

GST_START_TEST (test_latency_is_of_the_last_32)
{
  FrcLatency latency = { 0 };

  frc_latency_add (&latency, 100 * MS);
  for (guint i = 0; i < 31; i++)
    frc_latency_add (&latency, 10 * MS);
  fail_unless_equals_uint64 (frc_latency_get (&latency), 100 * MS);
  frc_latency_add (&latency, 10 * MS);
  fail_unless_equals_uint64 (frc_latency_get (&latency), 10 * MS);
  frc_latency_reset (&latency);
  fail_unless_equals_uint64 (frc_latency_get (&latency), 0);
}
GST_END_TEST

GST_START_TEST (test_latency_messages)
{
  FrcLatency latency = { 0 };
  guint64 now = 1000 * GST_SECOND;

  fail_if (frc_latency_needs_message (&latency, now));
  frc_latency_add (&latency, 40 * MS);
  fail_unless (frc_latency_needs_message (&latency, now), "more than was told");
  fail_if (frc_latency_needs_message (&latency, now + 2 * GST_SECOND - 1), "twice in 2 s");
  fail_unless (frc_latency_needs_message (&latency, now + 2 * GST_SECOND), "nobody asked");
  fail_unless_equals_uint64 (frc_latency_tell (&latency), 40 * MS);
  now += 10 * GST_SECOND;
  fail_if (frc_latency_needs_message (&latency, now));
  frc_latency_add (&latency, 41 * MS);
  fail_unless (frc_latency_needs_message (&latency, now));
  frc_latency_tell (&latency); /* 45 ms */

  /* Half of it is not below half; below half 63 times is not enough, and the longest of the last 32
   * counts, the 41 ms of before included. */
  now += 10 * GST_SECOND;
  frc_latency_reset (&latency);
  frc_latency_add (&latency, 41 * MS);
  for (guint i = 0; i < 200; i++)
    frc_latency_add (&latency, 25 * MS);
  fail_if (frc_latency_needs_message (&latency, now));
  for (guint i = 0; i < 31 + 64; i++) {
    frc_latency_add (&latency, 20 * MS);
    fail_unless (i == 94 || !frc_latency_needs_message (&latency, now), "after %u", i);
  }
  fail_unless (frc_latency_needs_message (&latency, now));
  fail_unless_equals_uint64 (frc_latency_tell (&latency), 20 * MS);
  frc_latency_add (&latency, 5 * MS);
  fail_if (frc_latency_needs_message (&latency, now + 10 * GST_SECOND));
}
GST_END_TEST

/* ---- deadlines, alone ---- */

GST_START_TEST (test_deadline)
{
  FrcQos qos;
  const gint64 frame = 1000 * MS;

  frc_qos_init (&qos);
  fail_if (frc_qos_is_late (&qos, frame, 5000 * MS, 100 * MS, 0), "nothing is known");
  qos.is_live = TRUE;
  qos.upstream = 33 * MS; /* nobody told the latency yet: it will be 133 ms or more */
  fail_if (frc_qos_is_late (&qos, frame, frame + 33 * MS, 100 * MS, 100 * MS));
  fail_unless (frc_qos_is_late (&qos, frame, frame + 33 * MS + 1, 100 * MS, 100 * MS));
  qos.latency = 150 * MS;
  fail_if (frc_qos_is_late (&qos, frame, frame + 50 * MS, 100 * MS, 0), "just in time");
  fail_unless (frc_qos_is_late (&qos, frame, frame + 50 * MS + 1, 100 * MS, 0));
  fail_if (frc_qos_is_late (&qos, FRC_NO_TIME, 5000 * MS, 100 * MS, 0));
  fail_if (frc_qos_is_late (&qos, frame, FRC_NO_TIME, 100 * MS, 0));
  qos.is_live = FALSE;
  fail_if (frc_qos_is_late (&qos, frame, 5000 * MS, 100 * MS, 0), "not live");
}
GST_END_TEST

GST_START_TEST (test_feedback)
{
  FrcQos qos;

  frc_qos_init (&qos);
  frc_qos_feedback (&qos, 1000 * MS, 70 * MS);
  fail_unless (frc_qos_is_late (&qos, 1070 * MS - 1, FRC_NO_TIME, 0, 0));
  fail_if (frc_qos_is_late (&qos, 1070 * MS, FRC_NO_TIME, 0, 0));
  frc_qos_feedback (&qos, 1100 * MS, -5 * (gint64) MS);
  fail_if (frc_qos_is_late (&qos, 1050 * MS, FRC_NO_TIME, 0, 0), "downstream has caught up");
  frc_qos_feedback (&qos, 1000 * MS, 70 * MS);
  frc_qos_reset (&qos);
  fail_if (frc_qos_is_late (&qos, 1050 * MS, FRC_NO_TIME, 0, 0));
  frc_qos_feedback (&qos, G_MAXUINT64 - 1, G_MAXINT64);
  fail_if (frc_qos_is_late (&qos, 1050 * MS, FRC_NO_TIME, 0, 0));
}
GST_END_TEST

GST_START_TEST (test_starvation)
{
  FrcQos qos;

  frc_qos_init (&qos);
  fail_if (frc_qos_is_starved (&qos, FRC_NO_TIME, 100 * MS));
  fail_if (frc_qos_is_starved (&qos, 5000 * MS, 100 * MS), "it has just begun");
  fail_if (frc_qos_is_starved (&qos, 6000 * MS, 100 * MS));
  fail_unless (frc_qos_is_starved (&qos, 6001 * MS, 100 * MS), "a second is over");
  qos.last_chance = 5000 * MS;
  fail_if (frc_qos_is_starved (&qos, 8000 * MS, 1500 * MS));
  fail_unless (frc_qos_is_starved (&qos, 8001 * MS, 1500 * MS));
}
GST_END_TEST

#ifdef FRC_TEST_HOOKS

/* ---- the element ---- */

#define W 96
#define H 64

static FrcTestHooks hooks;
static GstVideoInfo rgb;
static GstBuffer *picture;
static GstElement *detect;
static GstHarness *h;

static void
start_harness (const char *mode)
{
  detect = make_detect ();
  g_object_set_data (G_OBJECT (detect), FRC_TEST_HOOKS_KEY, &hooks);
  gst_util_set_object_arg (G_OBJECT (detect), "mode", mode);
  h = harness_for (detect, NULL);
  gst_harness_set_live (h, TRUE);
}

static void
setup (void)
{
  test_info (&rgb, GST_VIDEO_FORMAT_RGB, W, H);
  picture = test_rgb (W, H, -1);
  hooks = (FrcTestHooks){ 0 };
}

static void
teardown (void)
{
  gst_buffer_unref (picture);
}

/* Upstream that needs 10 ms and can keep 50. */
static gboolean
answer_latency (GstPad *pad, GstObject *parent, GstQuery *query)
{
  if (GST_QUERY_TYPE (query) != GST_QUERY_LATENCY)
    return gst_pad_query_default (pad, parent, query);
  gst_query_set_latency (query, TRUE, 10 * MS, 50 * MS);
  return TRUE;
}

static void
ask_latency (GstClockTime *min, GstClockTime *max)
{
  GstQuery *query = gst_query_new_latency ();
  gboolean live;

  fail_unless (gst_pad_peer_query (h->sinkpad, query));
  gst_query_parse_latency (query, &live, min, max);
  fail_unless (live);
  gst_query_unref (query);
}

static void
push_at (GstClockTime pts, GstClockTime now)
{
  gst_test_clock_set_time (gst_harness_get_testclock (h), now);
  gst_buffer_unref (harness_round (h, gst_buffer_copy (picture), pts));
}

static guint
count_latency_messages (void)
{
  GstMessage *message;
  guint n = 0;

  while ((message = pop_message (detect, GST_MESSAGE_LATENCY))) {
    gst_message_unref (message);
    n++;
  }
  return n;
}

/* The warm-up is the first measure; the query adds it to both ends. */
GST_START_TEST (test_latency_query)
{
  GstClockTime min, max;

  start_harness ("sync");
  g_atomic_int_set (&hooks.delay_ms, 60);
  harness_caps (h, &rgb);
  fail_unless_equals_int (g_atomic_int_get (&hooks.begun), 1);
  fail_unless_equals_int (count_latency_messages (), 1);
  ask_latency (&min, &max);
  fail_unless (min >= 60 * MS && min % (5 * MS) == 0, "%" G_GUINT64_FORMAT, min);
  fail_unless (max == GST_CLOCK_TIME_NONE);
  fail_unless_equals_uint64 (read_stat (detect, "inferred"), 0);
  GstClockTime own = min;

  gst_pad_set_query_function (h->srcpad, answer_latency);
  ask_latency (&min, &max);
  fail_unless_equals_uint64 (min, 10 * MS + own);
  fail_unless_equals_uint64 (max, 50 * MS + own);

  /* Other caps of the same size and format change nothing; another size is measured anew. */
  GstVideoInfo info = rgb;
  info.fps_n = 5;
  harness_caps (h, &info);
  fail_unless_equals_int (g_atomic_int_get (&hooks.begun), 1);
  g_atomic_int_set (&hooks.delay_ms, 400);
  test_info (&info, GST_VIDEO_FORMAT_RGB, W + 16, H);
  harness_caps (h, &info);
  fail_unless_equals_int (g_atomic_int_get (&hooks.begun), 2);
  ask_latency (&min, &max);
  fail_unless (min >= 410 * MS);
  gst_harness_teardown (h);
}
GST_END_TEST

GST_START_TEST (test_async_adds_no_latency)
{
  GstClockTime min, max;

  start_harness ("async");
  g_atomic_int_set (&hooks.delay_ms, 60);
  harness_caps (h, &rgb);
  for (guint i = 0; i < 100 && read_stat (detect, "inferred") < 1; i++) {
    gst_buffer_unref (harness_round (h, gst_buffer_copy (picture), i * MS));
    g_usleep (10000);
  }
  fail_unless (read_stat (detect, "last-latency") >= 60 * MS);
  gst_pad_set_query_function (h->srcpad, answer_latency);
  ask_latency (&min, &max);
  fail_unless_equals_uint64 (min, 10 * MS);
  fail_unless_equals_uint64 (max, 50 * MS);
  fail_unless_equals_int (count_latency_messages (), 0);
  gst_harness_teardown (h);
}
GST_END_TEST

/* What takes longer than was told is told, and again after 2 s at the earliest. */
GST_START_TEST (test_latency_message_when_slower)
{
  GstClockTime min, max;

  start_harness ("sync");
  harness_caps (h, &rgb);
  ask_latency (&min, &max);
  count_latency_messages ();
  g_usleep (2100 * 1000); /* two messages are at least 2 s apart */
  g_atomic_int_set (&hooks.delay_ms, (gint) (min / MS) + 100);
  gint64 begin = g_get_monotonic_time ();
  for (guint i = 0; i < 3; i++)
    push_at (i * MS, 0);
  guint n = count_latency_messages ();
  gint64 pauses = (g_get_monotonic_time () - begin) / (2 * G_TIME_SPAN_SECOND);
  fail_unless (n >= 1 && n <= 1 + pauses, "%u messages", n);
  gst_harness_teardown (h);
}
GST_END_TEST

static void
send_latency (GstClockTime latency)
{
  GstEvent *event;

  while ((event = gst_harness_try_pull_upstream_event (h)))
    gst_event_unref (event);
  fail_unless (gst_harness_push_upstream_event (h, gst_event_new_latency (latency)));
  event = gst_harness_pull_upstream_event (h);
  fail_unless (GST_EVENT_TYPE (event) == GST_EVENT_LATENCY, "upstream has to see it, too");
  gst_event_unref (event);
}

static void
expect_counts (guint64 frames, guint64 inferred, guint64 skipped)
{
  fail_unless_equals_uint64 (read_stat (detect, "frames"), frames);
  fail_unless_equals_uint64 (read_stat (detect, "inferred"), inferred);
  fail_unless_equals_uint64 (read_stat (detect, "skipped-late"), skipped);
}

/* An inference takes 100 ms or more, and it is taken for as long as the query says, not longer. */
GST_START_TEST (test_late_frames_are_held)
{
  const GstClockTime pts = 100 * GST_SECOND;
  GstClockTime own, max;

  start_harness ("sync");
  g_atomic_int_set (&hooks.delay_ms, 100);
  harness_caps (h, &rgb);
  ask_latency (&own, &max);
  fail_unless (own >= 100 * MS);
  GstClockTime latency = own + 50 * MS, due = pts + latency;
  send_latency (latency);
  push_at (pts, due - own);
  expect_counts (1, 1, 0);
  push_at (pts, due - 99 * MS); /* it would be late by 1 ms or more */
  expect_counts (2, 1, 1);
  fail_unless_equals_uint64 (read_stat (detect, "held"), 1);
  g_object_set (detect, "qos", FALSE, NULL);
  push_at (pts, due - 99 * MS);
  expect_counts (3, 2, 1);
  g_object_set (detect, "qos", TRUE, NULL);
  push_at (pts, due - 99 * MS);
  expect_counts (4, 2, 2);
  push_at (2 * pts, due - 99 * MS); /* one that has time enough */
  expect_counts (5, 3, 2);
  gst_harness_teardown (h);
}
GST_END_TEST

/* All frames are late: none is looked at, and after a second a warning says what to do. */
GST_START_TEST (test_starved_element_warns_once)
{
  GstClockTime own, max;

  start_harness ("sync");
  g_atomic_int_set (&hooks.delay_ms, 20);
  harness_caps (h, &rgb);
  ask_latency (&own, &max);
  send_latency (0);
  for (guint i = 0; i <= 10; i++)
    push_at (i * 100 * MS, i * 100 * MS);
  expect_counts (11, 0, 11);
  fail_unless (pop_message (detect, GST_MESSAGE_WARNING) == NULL);
  for (guint i = 1; i <= 2; i++)
    push_at (i * 100 * GST_SECOND, i * 100 * GST_SECOND);
  expect_counts (13, 0, 13);
  GstMessage *message = pop_message (detect, GST_MESSAGE_WARNING);
  fail_unless (message != NULL);
  gst_message_unref (message);
  fail_unless (pop_message (detect, GST_MESSAGE_WARNING) == NULL, "it is said once");
  push_at (300 * GST_SECOND, 300 * GST_SECOND - own); /* one that has time enough */
  expect_counts (14, 1, 13);
  gst_harness_teardown (h);
}
GST_END_TEST

/* A QOS event: frames before timestamp + jitter are late; it goes on upstream; a flush ends it. */
GST_START_TEST (test_qos_events)
{
  GstSegment segment;
  GstEvent *event;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  start_harness ("sync");
  gst_harness_set_live (h, FALSE);
  harness_caps (h, &rgb);
  push_at (0, 0);
  while ((event = gst_harness_try_pull_upstream_event (h)))
    gst_event_unref (event);
  for (guint i = 0; i < 2; i++) {
    fail_unless (gst_harness_push_upstream_event (h,
        gst_event_new_qos (GST_QOS_TYPE_UNDERFLOW, 2.0, 200 * MS, 100 * MS)));
    event = gst_harness_pull_upstream_event (h);
    fail_unless (GST_EVENT_TYPE (event) == GST_EVENT_QOS);
    gst_event_unref (event);
    if (i == 0) {
      push_at (299 * MS, 0);
      expect_counts (2, 1, 1);
      push_at (300 * MS, 0);
      expect_counts (3, 2, 1);
    }
  }
  fail_unless (gst_harness_push_event (h, gst_event_new_flush_start ()));
  fail_unless (gst_harness_push_event (h, gst_event_new_flush_stop (TRUE)));
  fail_unless (gst_harness_push_event (h, gst_event_new_segment (&segment)));
  push_at (0, 0);
  expect_counts (4, 3, 1);
  gst_harness_teardown (h);
}
GST_END_TEST

#endif

static Suite *
qos_suite (void)
{
  Suite *suite = suite_create ("qos");
  TCase *alone = tcase_create ("arithmetic");

  suite_add_tcase (suite, alone);
  tcase_add_test (alone, test_latency_rounds_up);
  tcase_add_test (alone, test_latency_is_of_the_last_32);
  tcase_add_test (alone, test_latency_messages);
  tcase_add_test (alone, test_deadline);
  tcase_add_test (alone, test_feedback);
  tcase_add_test (alone, test_starvation);
#ifdef FRC_TEST_HOOKS
  TCase *tc = tcase_create ("element");

  tcase_set_timeout (tc, 120);
  suite_add_tcase (suite, tc);
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_latency_query);
  tcase_add_test (tc, test_async_adds_no_latency);
  tcase_add_test (tc, test_latency_message_when_slower);
  tcase_add_test (tc, test_late_frames_are_held);
  tcase_add_test (tc, test_starved_element_warns_once);
  tcase_add_test (tc, test_qos_events);
#endif
  return suite;
}

GST_CHECK_MAIN (qos)
