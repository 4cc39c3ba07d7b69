/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The properties that choose among what was found. The oracle is everything that the core finds in
 * the same pixels, filtered here.
 */
#include "common.h"

#include <gst/controller/gstdirectcontrolbinding.h>
#include <gst/controller/gstinterpolationcontrolsource.h>

#define W 192
#define H 144
#define FRAME (40 * GST_MSECOND)

static GstBuffer *picture;
static GstVideoInfo rgb;
static Expected all, expected; /* all: above a threshold of 0.02 */

static void
setup (void)
{
  const FrcQuery query = { .score_threshold = 0.02f, .nms_threshold = -1.0f,
    .max_detections = MAX_FOUND };

  test_info (&rgb, GST_VIDEO_FORMAT_RGB, W, H);
  picture = test_rgb (W, H, 2);
  expect_detections (&rgb, picture, NULL, &query, &all);
  fail_unless (all.n >= 6, "%u objects are too few to choose from", all.n);
}

static void
teardown (void)
{
  gst_buffer_unref (picture);
}

typedef struct {
  gdouble threshold, class_threshold; /* of the class @label_id; < 0: none of its own */
  gint label_id;
  gdouble min_size, max_size; /* shares of H and W */
  guint max;
} Filter;

static gboolean
passes (const FrcDetection *d, const Filter *f)
{
  gdouble w = (gdouble) d->box.x2 - d->box.x1, h = (gdouble) d->box.y2 - d->box.y1;
  gboolean own = f->class_threshold >= 0 && d->label_id == f->label_id;

  return d->score > (gfloat) (own ? f->class_threshold : f->threshold) &&
      MIN (w, h) >= f->min_size * H && (f->max_size >= 1 || MAX (w, h) <= f->max_size * W);
}

static const Expected *
filtered (const Filter *f)
{
  expected.n = 0;
  for (guint i = 0; i < all.n && expected.n < f->max; i++) {
    if (passes (&all.found[i], f))
      expected.found[expected.n++] = all.found[i];
  }
  return &expected;
}

static void
round_expect (GstHarness *h, guint frame, const Filter *f)
{
  GstBuffer *out = harness_round (h, gst_buffer_copy (picture), frame * FRAME);

  check_rois (out, filtered (f), W, H, 1, 0);
  gst_buffer_unref (out);
}

static void
set_class_threshold (GstElement *detect, const Filter *f)
{
  char *text = g_strdup_printf (" %s : %g ,", expect_label (f->label_id), f->class_threshold);

  g_object_set (detect, "class-thresholds", text, NULL);
  g_free (text);
}

/* Halfway between two neighbours in score, so that one more or one less passes. */
static gdouble
between (guint i)
{
  return ((gdouble) all.found[i].score + all.found[i + 1].score) / 2;
}

/* Stricter than threshold for one class, then far below it, then gone; all while playing. */
GST_START_TEST (test_class_thresholds)
{
  GstElement *detect = make_detect ();
  GstHarness *h = harness_for (detect, &rgb);
  Filter f = { .threshold = TEST_THRESHOLD, .class_threshold = -1, .max_size = 1, .max = 100 };

  f.label_id = all.found[0].label_id;
  round_expect (h, 0, &f);
  guint before = expected.n;
  f.class_threshold = 0.999;
  set_class_threshold (detect, &f);
  round_expect (h, 1, &f);
  fail_unless (expected.n < before);

  f.threshold = 1.0;
  f.class_threshold = between (0);
  g_object_set (detect, "threshold", f.threshold, NULL);
  set_class_threshold (detect, &f);
  round_expect (h, 2, &f);
  fail_unless (expected.n > 0);
  f.class_threshold = 0.02; /* the core is asked for what threshold would not let through */
  set_class_threshold (detect, &f);
  round_expect (h, 3, &f);
  fail_unless (expected.n >= 1);

  f.class_threshold = -1;
  g_object_set (detect, "class-thresholds", "", NULL);
  round_expect (h, 4, &f);
  fail_unless_equals_int (expected.n, 0);
  gst_harness_teardown (h);
}
GST_END_TEST

/* What is unwanted takes nobody's place: the best of those that pass is the one. */
GST_START_TEST (test_filters_come_before_the_limit)
{
  GstElement *detect = make_detect ();
  GstHarness *h = harness_for (detect, &rgb);
  Filter f = { .threshold = 0.02, .class_threshold = 1, .max_size = 1, .max = 1 };

  f.label_id = all.found[0].label_id;
  g_object_set (detect, "threshold", 0.02, "max-detections", 1, NULL);
  set_class_threshold (detect, &f);
  round_expect (h, 0, &f);
  fail_unless (expected.n == 1 && expected.found[0].label_id != f.label_id);

  f.class_threshold = -1;
  f.max_size = 0.99 * MAX (all.found[0].box.x2 - all.found[0].box.x1,
      all.found[0].box.y2 - all.found[0].box.y1) / W;
  g_object_set (detect, "class-thresholds", NULL, "max-size", f.max_size, NULL);
  round_expect (h, 1, &f);
  fail_unless (expected.n == 1, "no object is smaller than %g", f.max_size);
  gst_harness_teardown (h);
}
GST_END_TEST

static gdouble
middle_size (gboolean longer)
{
  gdouble least = 1, most = 0;

  for (guint i = 0; i < all.n; i++) {
    gdouble w = (gdouble) all.found[i].box.x2 - all.found[i].box.x1;
    gdouble h = (gdouble) all.found[i].box.y2 - all.found[i].box.y1;
    gdouble size = longer ? MAX (w, h) / W : MIN (w, h) / H;
    least = MIN (least, size);
    most = MAX (most, size);
  }
  return (least + most) / 2;
}

GST_START_TEST (test_sizes)
{
  GstElement *detect = make_detect ();
  GstHarness *h = harness_for (detect, &rgb);
  Filter f = { .threshold = 0.02, .class_threshold = -1, .max_size = 1, .max = 1000 };

  g_object_set (detect, "threshold", 0.02, "max-detections", 1000, NULL);
  round_expect (h, 0, &f);
  guint n = expected.n;
  f.min_size = middle_size (FALSE);
  g_object_set (detect, "min-size", f.min_size, NULL);
  round_expect (h, 1, &f);
  fail_unless (expected.n > 0 && expected.n < n);

  f.min_size = 0;
  f.max_size = middle_size (TRUE);
  g_object_set (detect, "min-size", 0.0, "max-size", f.max_size, NULL);
  round_expect (h, 2, &f);
  fail_unless (expected.n > 0 && expected.n < n);

  f.max_size = 0;
  g_object_set (detect, "max-size", 0.0, NULL);
  round_expect (h, 3, &f);
  fail_unless_equals_int (expected.n, 0);
  gst_harness_teardown (h);
}
GST_END_TEST

/* The numbers that a GstController moves: in the frame of its stream time. */
GST_START_TEST (test_controlled)
{
  static const struct {
    const char *name;
    gdouble from, to;
  } cases[] = { { "min-size", 0, 1 }, { "max-size", 1, 0 }, { "threshold", 0.02, 1 },
    { "max-detections", 1000, 1 }, { "nms-threshold", 0.3, 1 }, { "interval", 1, 1000 } };
  const gdouble range[] = { 1, 1, 1, 1000, 1, G_MAXUINT }; /* a control source has shares of it */
  const gdouble lowest[] = { 0, 0, 0, 1, -1, 1 };
  GstElement *detect = make_detect ();
  GstControlSource *source = gst_interpolation_control_source_new ();
  guint n[2];

  g_object_set (detect, "threshold", 0.02, "max-detections", 1000, NULL);
  GstHarness *h = harness_for (detect, &rgb);
  g_object_set (source, "mode", GST_INTERPOLATION_MODE_NONE, NULL);
  for (guint i = 0; i < 2; i++) {
    gdouble value = i ? cases[__i__].to : cases[__i__].from;
    gst_timed_value_control_source_set (GST_TIMED_VALUE_CONTROL_SOURCE (source), i * GST_SECOND,
        (value - lowest[__i__]) / (range[__i__] - lowest[__i__]));
  }
  fail_unless (gst_object_add_control_binding (GST_OBJECT (detect),
      gst_direct_control_binding_new (GST_OBJECT (detect), cases[__i__].name, source)));
  gst_object_unref (source);
  for (guint i = 0; i < 2; i++) {
    GstBuffer *out = harness_round (h, gst_buffer_copy (picture), i * GST_SECOND);
    n[i] = count_rois (out);
    if (i == 1 && g_str_equal (cases[__i__].name, "interval"))
      n[i] = roi_age (nth_roi (out, 0)) == GST_SECOND ? 0 : n[0];
    gst_buffer_unref (out);
  }
  fail_unless (n[0] != n[1], "%s does not move: %u objects", cases[__i__].name, n[0]);
  gst_harness_teardown (h);
}
GST_END_TEST

/* ---- wrong values ---- */

static const struct {
  const char *property, *good, *bad, *says;
} wrong[] = {
  { "class-thresholds", "person:0.5", "persn:0.5", "\"person\"" },
  { "class-thresholds", "person:0.5", "person:1.5", "\"person:1.5\"" },
  { "class-thresholds", "person:0.5", "person", "label:threshold" },
  { "class-thresholds", "person:0.5", "dog:0.5,person:0.5x", "\"person:0.5x\"" },
  { "class-thresholds", "person:0.5", "person:", "label:threshold" },
  { "region-classes", "person", "persn", "\"person\"" },
  { "zones", "0,0,50%,50%", "0,0,50%", "x,y,width,height" },
  { "zones", "0,0,50%,50%", "0,0,10,10;1,2,3,x", "\"1,2,3,x\"" },
  { "zones", "0,0,50%,50%", "0,0,-10,10", "\"0,0,-10,10\"" },
  { "zones", "0,0,50%,50%", "0,0,nan,10", "\"0,0,nan,10\"" },
  { "zones", "0,0,50%,50%", "0,0,1e300,10", "\"0,0,1e300,10\"" },
};

GST_START_TEST (test_wrong_at_start)
{
  GstElement *detect = make_detect ();
  GError *error = NULL;

  g_object_set (detect, wrong[__i__].property, wrong[__i__].bad, NULL);
  fail_unless_equals_int (gst_element_set_state (detect, GST_STATE_PAUSED),
      GST_STATE_CHANGE_FAILURE);
  GstMessage *message = pop_message (detect, GST_MESSAGE_ERROR);
  fail_unless (message != NULL, "start () failed without a word");
  gst_message_parse_error (message, &error, NULL);
  fail_unless (g_error_matches (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS));
  fail_unless (strstr (error->message, wrong[__i__].property) &&
          strstr (error->message, wrong[__i__].says), "%s", error->message);
  g_error_free (error);
  gst_message_unref (message);
  fail_unless (pop_message (detect, GST_MESSAGE_ERROR) == NULL, "more than one error");

  gst_element_set_state (detect, GST_STATE_NULL);
  g_object_set (detect, wrong[__i__].property, wrong[__i__].good, NULL);
  fail_unless_equals_int (gst_element_set_state (detect, GST_STATE_PAUSED),
      GST_STATE_CHANGE_SUCCESS);
  gst_element_set_state (detect, GST_STATE_NULL);
  gst_object_unref (detect);
}
GST_END_TEST

GST_START_TEST (test_wrong_while_playing)
{
  GstElement *detect = make_detect ();
  GError *warning = NULL;
  char *value;

  g_object_set (detect, wrong[__i__].property, wrong[__i__].good, NULL);
  GstHarness *h = harness_for (detect, &rgb);
  g_object_set (detect, wrong[__i__].property, wrong[__i__].bad, NULL);
  GstMessage *message = pop_message (detect, GST_MESSAGE_WARNING);
  fail_unless (message != NULL, "nothing is said about %s", wrong[__i__].bad);
  gst_message_parse_warning (message, &warning, NULL);
  fail_unless (strstr (warning->message, wrong[__i__].property) &&
          strstr (warning->message, wrong[__i__].says), "%s", warning->message);
  g_error_free (warning);
  gst_message_unref (message);
  g_object_get (detect, wrong[__i__].property, &value, NULL);
  fail_unless_equals_string (value, wrong[__i__].good);
  g_free (value);
  gst_buffer_unref (harness_round (h, gst_buffer_copy (picture), 0));
  fail_unless (pop_message (detect, GST_MESSAGE_WARNING | GST_MESSAGE_ERROR) == NULL);
  gst_harness_teardown (h);
}
GST_END_TEST

/* ---- messages ---- */

/* The message about a frame, or NULL; checks it against the metas on the frame. */
static gboolean
check_message (GstElement *detect, GstBuffer *buffer, GstClockTime pts)
{
  static const char *const times[] = { "timestamp", "stream-time", "running-time" };
  GstMessage *message = pop_message (detect, GST_MESSAGE_ELEMENT);
  guint64 time;

  if (!message)
    return FALSE;
  const GstStructure *s = gst_message_get_structure (message);
  fail_unless (gst_structure_has_name (s, "fasterrcnndetect"));
  for (guint i = 0; i < G_N_ELEMENTS (times); i++)
    fail_unless (gst_structure_get_uint64 (s, times[i], &time) && time == pts, "%s", times[i]);
  fail_unless (gst_structure_get_uint64 (s, "duration", &time) && time == FRAME);

  const GValue *objects = gst_structure_get_value (s, "objects");
  fail_unless (objects && G_VALUE_TYPE (objects) == GST_TYPE_LIST);
  fail_unless_equals_int (gst_value_list_get_size (objects), count_rois (buffer));
  for (guint i = 0; i < count_rois (buffer); i++) {
    GstVideoRegionOfInterestMeta *roi = nth_roi (buffer, i);
    const GstStructure *o = gst_value_get_structure (gst_value_list_get_value (objects, i));
    guint x, y, w, h;
    gint id, roi_label;
    gdouble confidence, roi_confidence;
    fail_unless (gst_structure_has_name (o, "object"));
    fail_unless (gst_structure_get (o, "x", G_TYPE_UINT, &x, "y", G_TYPE_UINT, &y, "width",
        G_TYPE_UINT, &w, "height", G_TYPE_UINT, &h, "label-id", G_TYPE_INT, &id, "confidence",
        G_TYPE_DOUBLE, &confidence, NULL));
    fail_unless (x == roi->x && y == roi->y && w == roi->w && h == roi->h);
    fail_unless_equals_string (gst_structure_get_string (o, "label"),
        g_quark_to_string (roi->roi_type));
    gst_structure_get (roi_detection (roi), "label_id", G_TYPE_INT, &roi_label, "confidence",
        G_TYPE_DOUBLE, &roi_confidence, NULL);
    fail_unless (id == roi_label && confidence == roi_confidence);
  }
  gst_message_unref (message);
  fail_unless (pop_message (detect, GST_MESSAGE_ELEMENT) == NULL, "two messages about a frame");
  return TRUE;
}

static void
round_message (GstElement *detect, GstHarness *h, guint frame, gboolean is_gap, gboolean comes)
{
  GstBuffer *in = is_gap ? gst_buffer_new () : gst_buffer_copy (picture);

  if (is_gap)
    GST_BUFFER_FLAG_SET (in, GST_BUFFER_FLAG_GAP);
  GST_BUFFER_DURATION (in) = FRAME;
  GstBuffer *out = harness_round (h, in, frame * FRAME);
  fail_unless (check_message (detect, out, frame * FRAME) == comes, "frame %u", frame);
  gst_buffer_unref (out);
}

static void
set_post (GstElement *detect, const char *when)
{
  gst_util_set_object_arg (G_OBJECT (detect), "post-messages", when);
}

GST_START_TEST (test_messages)
{
  GstElement *detect = make_detect ();
  GstHarness *h = harness_for (detect, &rgb);

  round_message (detect, h, 0, FALSE, FALSE);
  set_post (detect, "every-frame");
  round_message (detect, h, 1, FALSE, TRUE);
  g_object_set (detect, "interval", 2, NULL); /* repeated objects are the frame's, too */
  round_message (detect, h, 2, FALSE, TRUE);
  round_message (detect, h, 3, TRUE, FALSE);
  g_object_set (detect, "interval", 1, "threshold", 1.0, NULL);
  round_message (detect, h, 4, FALSE, TRUE); /* none, and that is said */
  set_post (detect, "never");
  round_message (detect, h, 5, FALSE, FALSE);
  gst_harness_teardown (h);
}
GST_END_TEST

/* The label of two objects. */
static const char *
common_label (void)
{
  for (guint i = 0; i < all.n; i++) {
    for (guint j = i + 1; j < all.n; j++) {
      if (all.found[i].label_id == all.found[j].label_id)
        return expect_label (all.found[i].label_id);
    }
  }
  fail ("no two objects have one label");
  return NULL;
}

GST_START_TEST (test_messages_on_change)
{
  GstElement *detect = make_detect ();

  set_post (detect, "on-change");
  g_object_set (detect, "max-detections", 1, "threshold", 0.02, "classes", common_label (), NULL);
  GstHarness *h = harness_for (detect, &rgb);
  round_message (detect, h, 0, FALSE, TRUE); /* the first result is news */
  round_message (detect, h, 1, FALSE, FALSE);
  g_object_set (detect, "max-detections", 2, NULL); /* one more of the same */
  round_message (detect, h, 2, FALSE, TRUE);
  g_object_set (detect, "hold", FALSE, "interval", 2, NULL);
  round_message (detect, h, 3, FALSE, FALSE); /* not looked at: nothing is known */
  round_message (detect, h, 4, FALSE, FALSE);
  g_object_set (detect, "interval", 1, "max-detections", 1, NULL);
  round_message (detect, h, 5, FALSE, TRUE);
  g_object_set (detect, "threshold", 1.0, NULL);
  round_message (detect, h, 6, FALSE, TRUE); /* all gone */
  round_message (detect, h, 7, FALSE, FALSE);
  gst_harness_teardown (h);
}
GST_END_TEST

static Suite *
filters_suite (void)
{
  Suite *suite = suite_create ("filters");
  TCase *tc = tcase_create ("filters");

  tcase_set_timeout (tc, 60);
  suite_add_tcase (suite, tc);
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_class_thresholds);
  tcase_add_test (tc, test_filters_come_before_the_limit);
  tcase_add_test (tc, test_sizes);
  tcase_add_loop_test (tc, test_controlled, 0, 6);
  tcase_add_loop_test (tc, test_wrong_at_start, 0, G_N_ELEMENTS (wrong));
  tcase_add_loop_test (tc, test_wrong_while_playing, 0, G_N_ELEMENTS (wrong));
  tcase_add_test (tc, test_messages);
  tcase_add_test (tc, test_messages_on_change);
  return suite;
}

GST_CHECK_MAIN (filters)
