/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Live pipelines by the clock, 30 frames a second, with inferences that take several frames' time:
 * no frame is late, and the time is made use of. What other processes do can make frames late, too:
 * one of three runs has to be as it should.
 */
#include "common.h"
#include "gst/testhooks.h"

#define FRAME (GST_SECOND / 30)
#define RUNS 3

static FrcTestHooks hooks;

static void
setup (void)
{
  hooks = (FrcTestHooks){ 0 };
}

static GstElement *
launch (const char *description, GstElement **detect)
{
  GstElement *pipeline = gst_parse_launch (description, NULL);

  fail_unless (pipeline != NULL);
  *detect = gst_bin_get_by_name (GST_BIN (pipeline), "detect");
  g_object_set (*detect, "model", test_model (), "input-size", TEST_INPUT_SIZE, NULL);
  g_object_set_data (G_OBJECT (*detect), FRC_TEST_HOOKS_KEY, &hooks);
  return pipeline;
}

/* ---- mode=async ---- */

#define N_LIVE 300

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
play_async (guint n, Live *live, guint64 *inferred)
{
  char *description = g_strdup_printf ("videotestsrc is-live=true num-buffers=%u ! "
      "video/x-raw,format=I420,width=320,height=240,framerate=30/1 ! fasterrcnndetect name=detect "
      "mode=async threshold=0 ! fakesink sync=true", n);
  GstElement *detect, *pipeline = launch (description, &detect);
  GstPad *sink = gst_element_get_static_pad (detect, "sink");
  GstPad *src = gst_element_get_static_pad (detect, "src");

  gst_pad_add_probe (sink, GST_PAD_PROBE_TYPE_BUFFER, frame_comes, live, NULL);
  gst_pad_add_probe (src, GST_PAD_PROBE_TYPE_BUFFER, frame_leaves, live, NULL);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  gint64 begin = g_get_monotonic_time ();
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message = gst_bus_timed_pop_filtered (bus, 60 * GST_SECOND,
      GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  gint64 played = g_get_monotonic_time () - begin;
  fail_unless (message && GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS, "it does not end");
  *inferred = read_stat (detect, "inferred");
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_message_unref (message);
  gst_object_unref (bus);
  gst_object_unref (sink);
  gst_object_unref (src);
  gst_object_unref (detect);
  gst_object_unref (pipeline);
  g_free (description);
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
GST_START_TEST (test_300_frames_pass_a_closed_gate)
{
  gint64 p99 = G_MAXINT64, played = G_MAXINT64;
  static Live live;
  guint64 inferred;

  for (guint run = 0; run < RUNS && (p99 >= FRAME / 1000 || played >= 12 * G_TIME_SPAN_SECOND);
       run++) {
    live = (Live){ 0 };
    hooks = (FrcTestHooks){ .gate_closed = TRUE };
    played = play_async (N_LIVE, &live, &inferred);
    fail_unless_equals_int (live.n_in, N_LIVE);
    fail_unless_equals_int (live.n_out, N_LIVE);
    fail_unless_equals_int (hooks.begun, 1);
    fail_unless_equals_int (live.n_aged, 0);
    fail_unless_equals_uint64 (inferred, 0);
    qsort (live.added, live.n_out, sizeof *live.added, compare_int64);
    p99 = live.added[N_LIVE - 3];
  }
  fail_unless (p99 < (gint64) FRAME / 1000, "p99 is %" G_GINT64_FORMAT " us", p99);
  fail_unless (played < 12 * G_TIME_SPAN_SECOND, "it took %" G_GINT64_FORMAT " us", played);
}
GST_END_TEST

/* An inference alone, in sync mode: the mean of four, us. */
static gint64
solo_time (void)
{
  GstElement *alone = make_detect ();
  GstVideoInfo info;

  test_info (&info, GST_VIDEO_FORMAT_I420, 320, 240);
  g_object_set (alone, "threshold", 0.0, NULL);
  g_object_set_data (G_OBJECT (alone), FRC_TEST_HOOKS_KEY, &hooks);
  GstHarness *one = harness_for (gst_object_ref (alone), &info);
  for (guint i = 0; i < 4; i++)
    gst_buffer_unref (harness_round (one, test_picture (&info, -1), i * FRAME));
  gint64 mean = (gint64) read_stat (alone, "mean-latency") / 1000;
  gst_harness_teardown (one);
  gst_object_unref (alone);
  return mean;
}

GST_START_TEST (test_results_are_many_and_young)
{
  const guint n = 240;
  gdouble share = 0;
  guint64 p95 = G_MAXUINT64, inferred;
  static Live live;

  g_atomic_int_set (&hooks.delay_ms, 500);
  gint64 solo = solo_time ();
  guint64 limit = 2 * (guint64) solo * 1000 + FRAME;
  fail_unless (solo >= 500000);
  for (guint run = 0; run < RUNS && (share < 0.8 || p95 > limit); run++) {
    live = (Live){ 0 };
    gint64 played = play_async (n, &live, &inferred);
    fail_unless_equals_int (live.n_out, n);
    fail_unless (live.n_aged > n / 2);
    share = (gdouble) inferred * (gdouble) solo / (gdouble) played;
    qsort (live.ages, live.n_aged, sizeof *live.ages, compare_int64);
    p95 = live.ages[live.n_aged * 95 / 100];
  }
  fail_unless (share >= 0.8, "inferences took %g of the time", share);
  fail_unless (p95 <= limit, "p95 is %" G_GUINT64_FORMAT " ns, limit %" G_GUINT64_FORMAT, p95,
      limit);
}
GST_END_TEST

/* ---- mode=sync under overload ---- */

typedef struct {
  guint64 dropped, rendered; /* by the sink */
  guint64 inferred, skipped;
  gdouble possible; /* inferences */
} Overload;

static void
play_overload (guint seconds, const char *between, Overload *out)
{
  char *description = g_strdup_printf ("videotestsrc is-live=true num-buffers=%u ! "
      "video/x-raw,format=I420,width=96,height=64,framerate=30/1 ! fasterrcnndetect name=detect ! "
      "%s fakesink name=sink sync=true qos=true max-lateness=20000000", seconds * 30, between);
  GstElement *detect, *pipeline = launch (description, &detect);
  GstElement *sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  GstBus *bus = gst_element_get_bus (pipeline);
  GstStructure *stats = NULL;
  gboolean over = FALSE;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while (!over) {
    GstMessage *message = gst_bus_timed_pop (bus, 60 * GST_SECOND);
    fail_unless (message != NULL && GST_MESSAGE_TYPE (message) != GST_MESSAGE_ERROR);
    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_LATENCY)
      gst_bin_recalculate_latency (GST_BIN (pipeline)); /* as applications do */
    over = GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS;
    gst_message_unref (message);
  }
  g_object_get (sink, "stats", &stats, NULL);
  fail_unless (gst_structure_get (stats, "dropped", G_TYPE_UINT64, &out->dropped, "rendered",
      G_TYPE_UINT64, &out->rendered, NULL));
  out->inferred = read_stat (detect, "inferred");
  out->skipped = read_stat (detect, "skipped-late");
  out->possible = seconds * GST_SECOND / (gdouble) read_stat (detect, "mean-latency");
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_structure_free (stats);
  gst_object_unref (bus);
  gst_object_unref (sink);
  gst_object_unref (detect);
  gst_object_unref (pipeline);
  g_free (description);
}

/* Each inference takes six frames' time, and the sink drops what is 20 ms late: it drops nothing,
 * and there are almost as many inferences as the time allows. */
GST_START_TEST (test_overload)
{
  Overload o = { .dropped = 1 };

  g_atomic_int_set (&hooks.delay_ms, 200);
  for (guint run = 0; run < RUNS && (o.dropped > 0 || o.inferred < 0.8 * o.possible); run++) {
    play_overload (6, "queue !", &o);
    fail_unless_equals_uint64 (o.rendered + o.dropped, 180);
    fail_unless_equals_uint64 (o.inferred + o.skipped, 180);
  }
  fail_unless_equals_uint64 (o.dropped, 0);
  fail_unless (o.inferred >= 0.8 * o.possible, "%" G_GUINT64_FORMAT " inferences of %g", o.inferred,
      o.possible);
}
GST_END_TEST

/* Without a queue the sink holds the streaming thread until each frame is due, and the next one has
 * a thirtieth of a second: after the first, no inference fits. Still nothing is dropped. */
GST_START_TEST (test_overload_without_a_queue)
{
  Overload o = { .dropped = 1 };

  g_atomic_int_set (&hooks.delay_ms, 200);
  for (guint run = 0; run < RUNS && o.dropped > 0; run++) {
    play_overload (4, "", &o);
    fail_unless_equals_uint64 (o.rendered + o.dropped, 120);
    fail_unless_equals_uint64 (o.inferred + o.skipped, 120);
  }
  fail_unless_equals_uint64 (o.dropped, 0);
  fail_unless (o.inferred >= 1);
}
GST_END_TEST

static Suite *
live_suite (void)
{
  Suite *suite = suite_create ("live");
  TCase *tc = tcase_create ("live");

  tcase_set_timeout (tc, 120);
  suite_add_tcase (suite, tc);
  tcase_add_checked_fixture (tc, setup, NULL);
  tcase_add_test (tc, test_300_frames_pass_a_closed_gate);
  tcase_add_test (tc, test_results_are_many_and_young);
  tcase_add_test (tc, test_overload);
  tcase_add_test (tc, test_overload_without_a_queue);
  return suite;
}

GST_CHECK_MAIN (live)
