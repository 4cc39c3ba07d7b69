/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * fasterrcnnoverlay: colours, blurring, the statistics line, and frames of extreme sizes.
 */
#include "overlaycommon.h"

#include <string.h>

#include "gst/overlaydraw.h"
#include "gst/resultmark.h"

#define W 97
#define H 75

static GstElement *
make_with_bus (void)
{
  GstElement *overlay = make_overlay (FALSE, FALSE, 1);
  GstBus *bus = gst_bus_new ();

  gst_element_set_bus (overlay, bus);
  gst_object_unref (bus);
  return overlay;
}

/* ---- colours ---- */

/* The colour of the line around a box of @label on grey. */
static guint32
line_color (GstHarness *h, const char *label)
{
  GstVideoInfo info;

  test_info (&info, GST_VIDEO_FORMAT_RGB, W, H);
  GstBuffer *buffer = solid (&info, 0x808080);
  add_roi (buffer, label, 10, 10, 50, 50);
  GstBuffer *out = harness_round (h, buffer, 0);
  guint32 color = rgb_pixel (out, W, 10, 10);
  fail_unless_equals_int (rgb_pixel (out, W, 9, 10), 0x808080);
  gst_buffer_unref (out);
  return color;
}

/* One message that has all of @words. */
static void
check_message (GstElement *element, GstMessageType type, const char *const *words)
{
  GstMessage *message = pop_message (element, type);
  GError *error;

  fail_unless (message != NULL);
  if (type == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, &error, NULL);
  else
    gst_message_parse_warning (message, &error, NULL);
  fail_unless (g_error_matches (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS));
  for (; *words; words++)
    fail_unless (strstr (error->message, *words) != NULL, "no %s in: %s", *words, error->message);
  g_error_free (error);
  gst_message_unref (message);
  fail_unless (pop_message (element, type) == NULL);
}

GST_START_TEST (test_colors)
{
  GstElement *overlay = make_with_bus ();
  GstVideoInfo info;
  gchar *text;

  g_object_set (overlay, "colors", " person : 0xff0001ff , my:label:0xA0b0C0,half:0x00ff0080",
      NULL);
  test_info (&info, GST_VIDEO_FORMAT_RGB, W, H);
  GstHarness *h = harness_for (overlay, &info);
  fail_unless_equals_int (line_color (h, "person"), 0xff0001);
  fail_unless_equals_int (line_color (h, "my:label"), 0xa0b0c0);
  /* 0x80 of 0xff of the colour, the rest of what was there */
  fail_unless_equals_int (line_color (h, "half"), 0x40c040);
  guint32 dog = line_color (h, "dog");
  fail_if (dog == 0x808080);

  g_object_set (overlay, "colors", "person:0x010203", NULL); /* live */
  fail_unless_equals_int (line_color (h, "person"), 0x010203);
  fail_unless_equals_int (line_color (h, "dog"), dog);
  g_object_set (overlay, "colors", NULL, NULL);
  fail_if (line_color (h, "person") == 0x010203);
  g_object_get (overlay, "colors", &text, NULL);
  fail_unless (text == NULL);
  gst_harness_teardown (h);
}
GST_END_TEST

static const struct {
  const char *property, *value, *named;
} wrong[] = {
  { "colors", "person", "person" },
  { "colors", "person:red", "red" },
  { "colors", "person:0xff00", "person:0xff00" },
  { "colors", "person:0xff0000fff", "0xff0000fff" },
  { "colors", "person:0xgg0000", "0xgg0000" },
  { "colors", "person:-0xff000", "-0xff000" },
  { "colors", ":0xff0000", ":0xff0000" },
  { "colors", "a:0xff0000,,b:0xff0000", "0xrrggbb" },
  { "colors", "a:0xff0000,\xff:0xff0000", "UTF-8" },
  { "blur", "person,,dog", "a comma list of labels" },
  { "blur", "person;dog", "person;dog" },
  { "blur", ",", "a comma list of labels" },
  { "blur", "\xff", "UTF-8" },
};

/* A stopped element does not start with it; a running one keeps what it has. */
GST_START_TEST (test_wrong_values)
{
  const char *words[] = { wrong[__i__].property, "expected", wrong[__i__].named, NULL };
  const char *property = wrong[__i__].property;
  gboolean is_blur = g_str_equal (property, "blur");
  const char *good = is_blur ? "person" : "person:0x010203";
  GstElement *overlay = make_with_bus ();
  GstVideoInfo info;
  gchar *text;

  g_object_set (overlay, property, wrong[__i__].value, NULL);
  fail_unless_equals_int (gst_element_set_state (overlay, GST_STATE_PAUSED),
      GST_STATE_CHANGE_FAILURE);
  check_message (overlay, GST_MESSAGE_ERROR, words);
  gst_element_set_state (overlay, GST_STATE_NULL);

  g_object_set (overlay, property, good, NULL);
  test_info (&info, GST_VIDEO_FORMAT_RGB, W, H);
  GstHarness *h = harness_for (overlay, &info);
  g_object_set (overlay, property, wrong[__i__].value, NULL);
  check_message (overlay, GST_MESSAGE_WARNING, words);
  g_object_get (overlay, property, &text, NULL);
  fail_unless_equals_string (text, good);
  g_free (text);
  if (!is_blur)
    fail_unless_equals_int (line_color (h, "person"), 0x010203);
  gst_harness_teardown (h);
}
GST_END_TEST

/* ---- blurring ---- */

/* The block of the mosaic that pixel @at of @from … @to lies in, by the documentation: at most 8 in
 * a row, each of at least 8 pixels. */
static gint
block_at (gint from, gint to, gint at)
{
  gint n = CLAMP ((to - from) / 8, 1, 8), block = 0;

  while (block + 1 < n && at >= from + (to - from) * (block + 1) / n)
    block++;
  return block;
}

/* In which block each sample is: that of its first pixel in the area, moved on where a block begins
 * inside the sample; -1 outside. */
static gint
block_of_sample (gint from, gint to, gint sample, guint sub)
{
  gint first = MAX (sample << sub, from), last = MIN (((sample + 1) << sub) - 1, to - 1);

  return last < first ? -1 : block_at (from, to, last);
}

typedef struct {
  guint64 sum, n;
} Mean;

/* Every sample of @after is the mean of its block in @before, or as it was. */
static void
check_mosaic (const GstVideoInfo *info, GstBuffer *before, GstBuffer *after, const gint area[4])
{
  GstVideoFrame a, b;

  fail_unless (gst_video_frame_map (&a, info, before, GST_MAP_READ));
  fail_unless (gst_video_frame_map (&b, info, after, GST_MAP_READ));
  for (guint c = 0; c < GST_VIDEO_INFO_N_COMPONENTS (info); c++) {
    guint ws = GST_VIDEO_FORMAT_INFO_W_SUB (info->finfo, c);
    guint hs = GST_VIDEO_FORMAT_INFO_H_SUB (info->finfo, c);
    for (guint pass = 0; pass < 2; pass++) {
      static Mean means[8][8];
      if (pass == 0)
        memset (means, 0, sizeof means);
      for (gint y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT (&a, c); y++) {
        for (gint x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH (&a, c); x++) {
          gsize at = (gsize) y * GST_VIDEO_FRAME_COMP_STRIDE (&a, c) +
              (gsize) x * GST_VIDEO_FRAME_COMP_PSTRIDE (&a, c);
          guint old = ((guint8 *) GST_VIDEO_FRAME_COMP_DATA (&a, c))[at];
          guint new = ((guint8 *) GST_VIDEO_FRAME_COMP_DATA (&b, c))[at];
          gint bx = block_of_sample (area[0], area[2], x, ws);
          gint by = block_of_sample (area[1], area[3], y, hs);
          gboolean inside = bx >= 0 && by >= 0 && c < 3;
          if (pass == 0 && inside) {
            means[by][bx].sum += old;
            means[by][bx].n++;
          } else if (pass == 1) {
            guint expected =
                inside ? (means[by][bx].sum + means[by][bx].n / 2) / means[by][bx].n : old;
            fail_unless (new == expected, "%s component %u sample %d,%d: %u, expected %u",
                gst_video_format_to_string (GST_VIDEO_INFO_FORMAT (info)), c, x, y, new, expected);
          }
        }
      }
    }
  }
  gst_video_frame_unmap (&a);
  gst_video_frame_unmap (&b);
}

/* x1, y1, x2, y2: inside, odd, tiny, over the edges, all. */
static const gint areas[][4] = { { 10, 12, 90, 70 }, { 11, 13, 28, 32 }, { 31, 33, 36, 36 },
  { 60, 50, 200, 200 }, { 0, 0, W, H } };

GST_START_TEST (test_mosaic_in_every_format)
{
  GstVideoInfo info;

  test_info (&info, all_formats[__i__], W, H);
  GstBuffer *before = test_picture (&info, -1);
  GstElement *overlay = make_overlay (FALSE, FALSE, 1);
  /* invisible lines, so that only the mosaic is seen */
  g_object_set (overlay, "blur", "face, person", "colors", "person:0x00000000", NULL);
  GstHarness *h = harness_for (overlay, &info);
  for (guint i = 0; i < G_N_ELEMENTS (areas); i++) {
    const gint *a = areas[i], shown[4] = { a[0], a[1], MIN (a[2], W), MIN (a[3], H) };
    GstBuffer *buffer = gst_buffer_copy_deep (before);
    add_roi (buffer, "person", a[0], a[1], a[2] - a[0], a[3] - a[1]);
    GstBuffer *out = harness_round (h, buffer, 0);
    check_mosaic (&info, before, out, shown);
    gst_buffer_unref (out);
  }
  gst_buffer_unref (before);
  gst_harness_teardown (h);
}
GST_END_TEST

/* Only the labels of the list, live, and below what is drawn. */
GST_START_TEST (test_blur_list)
{
  GstElement *overlay = make_overlay (FALSE, FALSE, 1);
  GstVideoInfo info;

  test_info (&info, GST_VIDEO_FORMAT_RGB, W, H);
  g_object_set (overlay, "colors", "a:0x00000000,b:0xff0001", NULL);
  GstHarness *h = harness_for (overlay, &info);
  GstBuffer *before = test_picture (&info, -1);
  for (guint i = 0; i < 3; i++) {
    GstBuffer *buffer = gst_buffer_copy_deep (before);
    g_object_set (overlay, "blur", i == 1 ? "b" : i == 2 ? NULL : "x", NULL);
    add_roi (buffer, "a", 0, 0, 20, 20);
    add_roi (buffer, "b", 30, 30, 40, 40);
    GstBuffer *out = harness_round (h, buffer, 0);
    fail_unless_equals_int (rgb_pixel (out, W, 5, 5), rgb_pixel (before, W, 5, 5));
    fail_unless_equals_int (rgb_pixel (out, W, 30, 30), 0xff0001);
    gboolean flat = rgb_pixel (out, W, 41, 41) == rgb_pixel (out, W, 44, 44);
    fail_unless_equals_int (flat, i == 1);
    gst_buffer_unref (out);
  }
  gst_buffer_unref (before);
  gst_harness_teardown (h);
}
GST_END_TEST

/* ---- frames that nobody has looked at ---- */

static gboolean
is_hidden (GstBuffer *before, GstBuffer *after)
{
  GstVideoInfo info;
  const gint all[4] = { 0, 0, W, H };

  test_info (&info, GST_VIDEO_FORMAT_RGB, W, H);
  if (buffer_checksum (before) == buffer_checksum (after))
    return FALSE;
  check_mosaic (&info, before, after, all);
  return TRUE;
}

/* A harness of detector and overlay, on a bin; @detect in it finds nothing at this threshold. */
static GstHarness *
harness_both (GstElement **detect, gint max_age_ms, guint interval, gboolean hold)
{
  GstElement *bin = gst_bin_new (NULL), *overlay = make_overlay (FALSE, FALSE, 1);
  GstVideoInfo info;

  *detect = make_detect ();
  g_object_set (*detect, "qos", FALSE, "threshold", 1.0, "interval", interval, "hold", hold,
      "max-age", (guint64) max_age_ms * GST_MSECOND, NULL);
  g_object_set (overlay, "blur-unknown", TRUE, NULL);
  gst_bin_add_many (GST_BIN (bin), *detect, overlay, NULL);
  fail_unless (gst_element_link (*detect, overlay));
  GstPad *sink = gst_element_get_static_pad (*detect, "sink");
  GstPad *src = gst_element_get_static_pad (overlay, "src");
  gst_element_add_pad (bin, gst_ghost_pad_new ("sink", sink));
  gst_element_add_pad (bin, gst_ghost_pad_new ("src", src));
  gst_object_unref (sink);
  gst_object_unref (src);
  test_info (&info, GST_VIDEO_FORMAT_RGB, W, H);
  return harness_for (gst_object_ref_sink (bin), &info);
}

static void
check_hidden (gint max_age_ms, guint interval, gboolean hold, const gint *times_ms,
    const gboolean *hidden, guint n)
{
  GstElement *detect;
  GstHarness *h = harness_both (&detect, max_age_ms, interval, hold);
  GstBuffer *before = test_rgb (W, H, -1);

  for (guint i = 0; i < n; i++) {
    GstBuffer *out =
        harness_round (h, gst_buffer_copy_deep (before), (guint64) times_ms[i] * GST_MSECOND);
    fail_unless_equals_int (count_rois (out), 0);
    fail_unless (is_hidden (before, out) == hidden[i], "frame %u", i);
    gst_buffer_unref (out);
  }
  gst_buffer_unref (before);
  gst_harness_teardown (h);
}

/* An empty result is a result, repeated ones count until max-age. */
GST_START_TEST (test_blur_unknown_behind_the_detector)
{
  const gint times[] = { 0, 500, 1000, 1001, 1500, 2000 };

  check_hidden (1000, 1, TRUE, times, (gboolean[]){ 0, 0, 0, 0, 0, 0 }, 6);
  check_hidden (1000, 5, TRUE, times, (gboolean[]){ 0, 0, 0, 1, 1, 0 }, 6);
  check_hidden (1000, 2, FALSE, times, (gboolean[]){ 0, 1, 0, 1, 0, 1 }, 6);
}
GST_END_TEST

/* Whose result it is survives what is usually between detector and overlay. */
GST_START_TEST (test_mark_survives)
{
  static const guint64 ages[] = { 0, 12345, GST_CLOCK_TIME_NONE };
  GstHarness *h = gst_harness_new_parse ("videoscale ! video/x-raw,width=50,height=40 ! "
      "videoconvert ! video/x-raw,format=I420 ! identity");
  GstVideoInfo info;
  guint64 age;

  test_info (&info, GST_VIDEO_FORMAT_RGB, W, H);
  harness_caps (h, &info);
  for (guint i = 0; i < G_N_ELEMENTS (ages); i++) {
    GstBuffer *buffer = test_rgb (W, H, -1);
    fail_if (frc_result_mark_get (buffer, &age));
    frc_result_mark_add (buffer, ages[i]);
    GstBuffer *out = harness_round (h, buffer, i);
    fail_unless (frc_result_mark_get (out, &age));
    fail_unless_equals_uint64 (age, ages[i]);
    out = gst_buffer_make_writable (out);
    frc_result_mark_add (out, 500); /* of a second detector: the newer one counts */
    fail_unless (frc_result_mark_get (out, &age));
    fail_unless_equals_uint64 (age, MIN (ages[i], 500));
    gst_buffer_unref (out);
  }
  gst_harness_teardown (h);
}
GST_END_TEST

/* Without our detector: an object of anybody is a result. The property is live. */
GST_START_TEST (test_blur_unknown_alone)
{
  GstElement *overlay = make_overlay (FALSE, FALSE, 1);
  GstVideoInfo info;

  g_object_set (overlay, "colors", "x:0x00000000", NULL);
  test_info (&info, GST_VIDEO_FORMAT_RGB, W, H);
  GstHarness *h = harness_for (overlay, &info);
  GstBuffer *before = test_rgb (W, H, -1);
  for (guint i = 0; i < 4; i++) {
    gboolean on = i & 1, known = i & 2;
    GstBuffer *buffer = gst_buffer_copy_deep (before);
    if (known)
      add_roi (buffer, "x", 1, 1, 5, 5);
    g_object_set (overlay, "blur-unknown", on, NULL);
    GstBuffer *out = harness_round (h, buffer, i);
    fail_unless (is_hidden (before, out) == (on && !known), "%u", i);
    gst_buffer_unref (out);
  }
  gst_buffer_unref (before);
  gst_harness_teardown (h);
}
GST_END_TEST

/* ---- the statistics line ---- */

GST_START_TEST (test_stats_line)
{
  const struct {
    gdouble fps;
    guint n;
    gboolean has_result;
    guint64 age;
    const char *line;
  } lines[] = {
    { 24.96, 3, TRUE, 40 * GST_MSECOND, "25.0 fps, 3 objects, 40 ms old" },
    { 0.0, 1, TRUE, 0, "0.0 fps, 1 object, 0 ms old" },
    { 7.25, 0, TRUE, GST_CLOCK_TIME_NONE, "7.3 fps, 0 objects" },
    { 1000.0, 0, FALSE, 5, "1000.0 fps, no result" },
    { -1.0, 2, TRUE, 0, "2 objects, 0 ms old" },
    { 1e300, 0, TRUE, 1500 * GST_USECOND, "100000000.0 fps, 0 objects, 2 ms old" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (lines); i++) {
    char *line =
        frc_stats_line (lines[i].fps, lines[i].n, lines[i].has_result, lines[i].age);
    fail_unless_equals_string (line, lines[i].line);
    g_free (line);
  }
}
GST_END_TEST

/* In the top left corner, black paper and white ink, on frames with and without objects. */
GST_START_TEST (test_show_stats)
{
  GstElement *overlay = make_overlay (FALSE, FALSE, 1);
  GstVideoInfo info;

  test_info (&info, GST_VIDEO_FORMAT_RGB, 640, 64);
  GstHarness *h = harness_for (overlay, &info);
  for (guint i = 0; i < 3; i++) {
    guint black = 0, white = 0;
    g_object_set (overlay, "show-stats", i > 0, NULL);
    GstBuffer *buffer = solid (&info, 0x808080);
    if (i == 2)
      add_roi (buffer, "dog", 600, 40, 10, 10);
    GstBuffer *out = harness_round (h, buffer, 0);
    for (guint y = 0; y < 64; y++) {
      for (guint x = 0; x < 320; x++) {
        black += rgb_pixel (out, 640, x, y) == 0x000000;
        white += rgb_pixel (out, 640, x, y) == 0xffffff;
      }
    }
    fail_unless_equals_int (rgb_pixel (out, 640, 0, 0), i ? 0x000000 : 0x808080);
    fail_unless_equals_int (rgb_pixel (out, 640, 500, 5), 0x808080);
    fail_unless ((black > 1000) == (i > 0) && (white > 5) == (i > 0), "%u, %u", black, white);
    gst_buffer_unref (out);
  }
  gst_harness_teardown (h);
}
GST_END_TEST

/* ---- sizes ---- */

/* A text is left out where it would be higher than half of the frame. */
GST_START_TEST (test_no_room_for_text)
{
  GstVideoInfo info;
  guint drawn = 0;

  for (guint height = 10; height < 80; height++) {
    test_info (&info, GST_VIDEO_FORMAT_RGB, 200, height);
    GstHarness *h = harness_for (make_overlay (TRUE, FALSE, 1), &info);
    GstBuffer *buffer = solid (&info, 0x808080);
    add_roi (buffer, "dog", 5, height - 2, 1, 1);
    GstBuffer *out = harness_round (h, buffer, 0);
    guint changed = 0;
    for (guint y = 0; y < height; y++)
      changed += rgb_pixel (out, 200, 10, y) != 0x808080;
    fail_unless (changed <= height / 2);
    fail_if (drawn && !changed, "the text is gone at %u", height);
    drawn += changed > 0;
    gst_buffer_unref (out);
    gst_harness_teardown (h);
  }
  fail_unless (drawn > 10 && drawn < 60);
}
GST_END_TEST

static void
draw_everything (GstVideoFormat format, guint width, guint height, gboolean attach)
{
  GstElement *overlay = make_overlay (TRUE, TRUE, 64);
  GstVideoInfo info;

  g_object_set (overlay, "show-stats", TRUE, "blur", "a", "blur-unknown", TRUE, "font",
      "Sans Bold 40", NULL);
  GstHarness *h = harness_for (overlay, NULL);
  test_info (&info, format, width, height);
  if (attach) {
    gst_harness_set_sink_caps_str (h, COMPOSITION);
    gst_harness_add_propose_allocation_meta (h, GST_VIDEO_OVERLAY_COMPOSITION_META_API_TYPE, NULL);
  }
  harness_caps (h, &info);
  for (guint i = 0; i < 3; i++) {
    GstBuffer *buffer = gst_buffer_new_allocate (NULL, info.size, NULL);
    gst_buffer_memset (buffer, 0, 0x40, -1);
    if (i > 0)
      gst_video_region_of_interest_meta_add_param (
          add_roi (buffer, "a", 0, 0, i == 1 ? width : G_MAXUINT, i == 1 ? height : G_MAXUINT),
          confidence (0.5));
    if (i > 1)
      add_roi (buffer, "b", G_MAXUINT, G_MAXUINT, G_MAXUINT, G_MAXUINT);
    GstBuffer *out = harness_round (h, buffer, i);
    /* the statistics line alone needs room */
    fail_unless_equals_int (gst_buffer_get_video_overlay_composition_meta (out) != NULL,
        attach && (i > 0 || height == 8192));
    gst_buffer_unref (out);
  }
  gst_harness_teardown (h);
}

GST_START_TEST (test_sizes)
{
  static const guint sizes[][2] = { { 1, 1 }, { 2, 1 }, { 1, 3 }, { 3, 2 }, { 5, 5 }, { 17, 1 },
    { 8192, 3 }, { 1, 8192 } };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    draw_everything (all_formats[__i__], sizes[i][0], sizes[i][1], FALSE);
    draw_everything (all_formats[__i__], sizes[i][0], sizes[i][1], TRUE);
  }
}
GST_END_TEST

static Suite *
overlay_props_suite (void)
{
  Suite *suite = suite_create ("overlay-props");
  TCase *tc = tcase_create ("overlay-props");

  tcase_set_timeout (tc, 60);
  suite_add_tcase (suite, tc);
  tcase_add_test (tc, test_colors);
  tcase_add_loop_test (tc, test_wrong_values, 0, G_N_ELEMENTS (wrong));
  tcase_add_loop_test (tc, test_mosaic_in_every_format, 0, FRC_N_FORMATS);
  tcase_add_test (tc, test_blur_list);
  tcase_add_test (tc, test_blur_unknown_behind_the_detector);
  tcase_add_test (tc, test_blur_unknown_alone);
  tcase_add_test (tc, test_mark_survives);
  tcase_add_test (tc, test_stats_line);
  tcase_add_test (tc, test_show_stats);
  tcase_add_test (tc, test_no_room_for_text);
  tcase_add_loop_test (tc, test_sizes, 0, FRC_N_FORMATS);
  return suite;
}

GST_CHECK_MAIN (overlay_props)
