/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * fasterrcnnoverlay: what it paints, where, in every format, and that it paints nothing else.
 */
#include "overlaycommon.h"

#include <math.h>

#define W 97
#define H 75

static const guint32 okabe_ito[] = { 0xe69f00, 0x56b4e9, 0x009e73, 0xf0e442, 0x0072b2, 0xd55e00,
  0xcc79a7 };

/* The colour that the element gives @label, taken from an RGB frame. */
static guint32
color_of (const char *label)
{
  GstVideoInfo info;
  guint8 p[3];

  test_info (&info, GST_VIDEO_FORMAT_RGB, 16, 16);
  GstHarness *h = harness_for (make_overlay (FALSE, FALSE, 4), &info);
  GstBuffer *buffer = solid (&info, 0x808080);
  add_roi (buffer, label, 0, 0, 16, 16);
  GstBuffer *out = harness_round (h, buffer, 0);
  gst_buffer_extract (out, 0, p, 3);
  gst_buffer_unref (out);
  gst_harness_teardown (h);
  return (guint32) p[0] << 16 | (guint32) p[1] << 8 | p[2];
}

GST_START_TEST (test_colors)
{
  static const char *const labels[] = { "person", "dog", "car", "bus", "cat", "chair", "boat" };
  guint different = 0;

  for (guint i = 0; i < G_N_ELEMENTS (labels); i++) {
    guint32 color = color_of (labels[i]);
    gboolean in_palette = FALSE;
    for (guint k = 0; k < G_N_ELEMENTS (okabe_ito); k++)
      in_palette |= color == okabe_ito[k];
    fail_unless (in_palette, "%s is %06x", labels[i], color);
    fail_unless (color == color_of (labels[i]));
    different += color != color_of (labels[0]);
  }
  fail_unless (different >= 3);
}
GST_END_TEST

/* Is the pixel on the lines of the box, by the definition: inside it, and within @t of its edge? */
static gboolean
on_lines (gint x, gint y, const gint box[4], gint t)
{
  gint x2 = box[0] + box[2], y2 = box[1] + box[3];
  gboolean inside = x >= box[0] && x < x2 && y >= box[1] && y < y2;

  return inside && (x < box[0] + t || x >= x2 - t || y < box[1] + t || y >= y2 - t);
}

/* Every sample of every component of every plane: of the lines' colour, untouched, or, where a
 * sample is shared with pixels beside the line, between the two. */
static void
check_lines (const GstVideoInfo *info, GstBuffer *before, GstBuffer *after, GstBuffer *ink,
    const gint box[4], gint t)
{
  GstVideoFrame a, b, c;
  guint painted = 0;

  fail_unless (gst_video_frame_map (&a, info, before, GST_MAP_READ));
  fail_unless (gst_video_frame_map (&b, info, after, GST_MAP_READ));
  fail_unless (gst_video_frame_map (&c, info, ink, GST_MAP_READ));
  for (guint comp = 0; comp < GST_VIDEO_INFO_N_COMPONENTS (info); comp++) {
    gint ws = GST_VIDEO_FORMAT_INFO_W_SUB (info->finfo, comp);
    gint hs = GST_VIDEO_FORMAT_INFO_H_SUB (info->finfo, comp);
    for (gint sy = 0; sy < GST_VIDEO_FRAME_COMP_HEIGHT (&a, comp); sy++) {
      for (gint sx = 0; sx < GST_VIDEO_FRAME_COMP_WIDTH (&a, comp); sx++) {
        gsize at = (gsize) sy * GST_VIDEO_FRAME_COMP_STRIDE (&a, comp) +
            (gsize) sx * GST_VIDEO_FRAME_COMP_PSTRIDE (&a, comp);
        gint old = ((guint8 *) GST_VIDEO_FRAME_COMP_DATA (&a, comp))[at];
        gint new = ((guint8 *) GST_VIDEO_FRAME_COMP_DATA (&b, comp))[at];
        gint full = ((guint8 *) GST_VIDEO_FRAME_COMP_DATA (&c, comp))[at];
        gint on = 0, all = 0;
        for (gint y = sy << hs; y < MIN ((sy + 1) << hs, H); y++) {
          for (gint x = sx << ws; x < MIN ((sx + 1) << ws, W); x++) {
            on += on_lines (x, y, box, t);
            all++;
          }
        }
        gdouble expected = (gdouble) (old * (all - on) + full * on) / all;
        gdouble tolerance = on == 0 ? 0.0 : 2.0; /* the converter rounds in its own way */
        fail_unless (ABS (new - expected) <= tolerance,
            "%s component %u sample %d,%d: %d, expected %g",
            gst_video_format_to_string (GST_VIDEO_INFO_FORMAT (info)), comp, sx, sy, new,
            expected);
        painted += on > 0;
      }
    }
  }
  gst_video_frame_unmap (&a);
  gst_video_frame_unmap (&b);
  gst_video_frame_unmap (&c);
  fail_unless (painted > 0 || box[0] >= W || box[1] >= H);
}

/* Inside; at odd places; over the edges; larger than the frame; beside it; a pixel; nothing. */
static const gint boxes[][4] = { { 10, 12, 40, 30 }, { 11, 13, 41, 31 }, { 60, 50, 90, 90 },
  { 0, 0, W, H }, { 0, 0, 4000, 4000 }, { 200, 10, 20, 20 }, { 33, 44, 1, 1 }, { 5, 7, 3, 2 } };

GST_START_TEST (test_lines_in_every_format)
{
  guint32 color = color_of ("dog");
  GstVideoInfo info;

  test_info (&info, all_formats[__i__], W, H);
  GstBuffer *before = solid (&info, 0x306090), *ink = solid (&info, color);
  for (gint thickness = 1; thickness <= 3; thickness++) {
    GstHarness *h = harness_for (make_overlay (FALSE, FALSE, (guint) thickness), &info);
    for (guint i = 0; i < G_N_ELEMENTS (boxes); i++) {
      GstBuffer *buffer = gst_buffer_copy_deep (before);
      add_roi (buffer, "dog", boxes[i][0], boxes[i][1], boxes[i][2], boxes[i][3]);
      GstBuffer *out = harness_round (h, buffer, 0);
      check_lines (&info, before, out, ink, boxes[i], thickness);
      gst_buffer_unref (out);
    }
    gst_harness_teardown (h);
  }
  gst_buffer_unref (before);
  gst_buffer_unref (ink);
}
GST_END_TEST

/* The rectangle of the pixels that differ, in an RGB frame; FALSE when none does. */
static gboolean
changed_area (GstBuffer *before, GstBuffer *after, gint width, gint height, gint out[4])
{
  GstMapInfo a, b;
  gint stride = GST_ROUND_UP_4 (width * 3), x1 = width, y1 = height, x2 = 0, y2 = 0;

  fail_unless (gst_buffer_map (before, &a, GST_MAP_READ));
  fail_unless (gst_buffer_map (after, &b, GST_MAP_READ));
  for (gint y = 0; y < height; y++) {
    for (gint x = 0; x < width; x++) {
      if (memcmp (a.data + y * stride + 3 * x, b.data + y * stride + 3 * x, 3) == 0)
        continue;
      x1 = MIN (x1, x);
      y1 = MIN (y1, y);
      x2 = MAX (x2, x + 1);
      y2 = MAX (y2, y + 1);
    }
  }
  gst_buffer_unmap (before, &a);
  gst_buffer_unmap (after, &b);
  out[0] = x1, out[1] = y1, out[2] = x2, out[3] = y2;
  return x2 > x1;
}

/* Draws one box with a text and gives back what changed. */
static gboolean
draw_text (gboolean labels, gboolean confidence, const gint box[4], GstStructure *param,
    const char *label, gint out[4])
{
  GstVideoInfo info;

  test_info (&info, GST_VIDEO_FORMAT_RGB, 320, 240);
  GstHarness *h = harness_for (make_overlay (labels, confidence, 1), &info);
  GstBuffer *before = solid (&info, 0x808080), *buffer = gst_buffer_copy_deep (before);
  GstVideoRegionOfInterestMeta *roi = add_roi (buffer, label, box[0], box[1], box[2], box[3]);
  if (param)
    gst_video_region_of_interest_meta_add_param (roi, param);
  GstBuffer *after = harness_round (h, buffer, 0);
  gboolean changed = changed_area (before, after, 320, 240, out);
  gst_buffer_unref (before);
  gst_buffer_unref (after);
  gst_harness_teardown (h);
  return changed;
}

GST_START_TEST (test_where_texts_go)
{
  const gint middle[4] = { 100, 100, 90, 60 }, top[4] = { 100, 0, 90, 60 };
  const gint right[4] = { 310, 100, 8, 60 }, outside[4] = { 5000, 5000, 10, 10 };
  gint with[4], without[4];

  fail_unless (draw_text (FALSE, FALSE, middle, NULL, "dog", without));
  fail_unless (without[0] == 100 && without[1] == 100 && without[2] == 190 && without[3] == 160);

  /* above the box, from its left edge */
  fail_unless (draw_text (TRUE, FALSE, middle, NULL, "dog", with));
  fail_unless (with[0] == 100 && with[1] < 95 && with[1] > 60 && with[2] == 190 && with[3] == 160);
  /* inside where there is no room above */
  fail_unless (draw_text (TRUE, FALSE, top, NULL, "dog", with));
  fail_unless (with[0] == 100 && with[1] == 0 && with[2] == 190 && with[3] == 60);
  /* moved in from the right edge, the last column included */
  fail_unless (draw_text (TRUE, FALSE, right, NULL, "motorbike", with));
  fail_unless (with[0] < 300 && with[2] == 320);
  /* a box that lies beside the frame has its text at the edge */
  draw_text (TRUE, TRUE, outside, confidence (0.5), "dog", with);
}
GST_END_TEST

/* How wide the text is tells what is written. */
static gint
text_width (gboolean labels, gboolean confidences, GstStructure *param, const char *label)
{
  const gint box[4] = { 20, 100, 4, 60 };
  gint area[4];

  fail_unless (draw_text (labels, confidences, box, param, label, area));
  return area[2] - area[0];
}

GST_START_TEST (test_what_is_written)
{
  gint label = text_width (TRUE, FALSE, confidence (0.87), "dog");
  gint both = text_width (TRUE, TRUE, confidence (0.87), "dog");
  gint number = text_width (FALSE, TRUE, confidence (0.87), "dog");

  fail_unless (label > 10 && number > 10 && both > label && both > number);
  fail_unless_equals_int (text_width (FALSE, FALSE, confidence (0.87), "dog"), 4);
  fail_unless_equals_int (text_width (TRUE, TRUE, NULL, "dog"), label);
  fail_unless_equals_int (text_width (FALSE, TRUE, NULL, "dog"), 4);
  fail_unless (text_width (TRUE, FALSE, NULL, "motorbike") > label);
  /* somebody else's param, another number type */
  fail_unless_equals_int (text_width (TRUE, TRUE,
      gst_structure_new ("theirs", "confidence", G_TYPE_FLOAT, 0.87f, NULL), "dog"), both);
  fail_unless_equals_int (text_width (TRUE, TRUE,
      gst_structure_new ("theirs", "confidence", G_TYPE_STRING, "high", NULL), "dog"), label);
  /* numbers that are none, labels that are no UTF-8 */
  fail_unless_equals_int (text_width (TRUE, TRUE, confidence (NAN), "dog"), label);
  fail_unless (text_width (TRUE, TRUE, confidence (1e9), "dog") > label);
  fail_unless (text_width (TRUE, TRUE, NULL, "\xff\xfe bytes") > 10);
}
GST_END_TEST

GST_START_TEST (test_nothing_to_draw)
{
  GstVideoInfo info;

  test_info (&info, GST_VIDEO_FORMAT_NV12, W, H);
  GstHarness *h = harness_for (make_overlay (TRUE, TRUE, 2), &info);
  GstBuffer *buffer = test_picture (&info, -1);
  guint32 sum = buffer_checksum (buffer);
  GstMemory *memory = gst_buffer_peek_memory (buffer, 0);
  GstBuffer *theirs = gst_buffer_copy (buffer); /* shared memory: drawing would make a copy */
  GstBuffer *out = harness_round (h, buffer, 0);
  fail_unless (gst_buffer_peek_memory (out, 0) == memory);
  fail_unless_equals_int (buffer_checksum (out), sum);
  gst_buffer_unref (theirs);
  gst_buffer_unref (out);
  gst_harness_teardown (h);
}
GST_END_TEST

/* Who shares the pixels keeps them as they were. */
GST_START_TEST (test_shared_pixels_are_copied)
{
  GstVideoInfo info;

  test_info (&info, GST_VIDEO_FORMAT_I420, W, H);
  GstHarness *h = harness_for (make_overlay (TRUE, TRUE, 2), &info);
  GstBuffer *theirs = test_picture (&info, -1), *ours = gst_buffer_copy (theirs);
  guint32 sum = buffer_checksum (theirs);
  add_roi (ours, "dog", 10, 10, 30, 30);
  GstBuffer *out = harness_round (h, ours, 0);
  fail_unless_equals_int (buffer_checksum (theirs), sum);
  fail_if (buffer_checksum (out) == sum);
  fail_unless_equals_int (count_rois (out), 1);
  gst_buffer_unref (theirs);
  gst_buffer_unref (out);
  gst_harness_teardown (h);
}
GST_END_TEST

GST_START_TEST (test_properties_and_many_texts)
{
  GstElement *overlay = make_overlay (TRUE, TRUE, 5);
  GstVideoInfo info;
  gchar *font;
  guint thickness;
  gboolean labels, confidences;

  g_object_get (overlay, "font", &font, "thickness", &thickness, "draw-labels", &labels,
      "draw-confidence", &confidences, NULL);
  fail_unless (font && *font && thickness == 5 && labels && confidences);
  g_free (font);

  test_info (&info, GST_VIDEO_FORMAT_YUY2, 321, 123);
  GstHarness *h = harness_for (overlay, &info);
  for (guint i = 0; i < 300; i++) { /* more texts than are kept */
    GstBuffer *buffer = solid (&info, 0x808080);
    char *label = g_strdup_printf ("label %u", i % 200);
    add_roi (buffer, label, i, i, i, i);
    gst_buffer_unref (harness_round (h, buffer, i));
    if (i % 50 == 0)
      g_object_set (overlay, "font", i % 100 ? "Sans 8" : "Serif Bold 20", NULL);
    g_free (label);
  }
  gst_harness_teardown (h);
}
GST_END_TEST

static Suite *
overlay_suite (void)
{
  Suite *suite = suite_create ("overlay");
  TCase *tc = tcase_create ("overlay");

  tcase_set_timeout (tc, 60);
  suite_add_tcase (suite, tc);
  tcase_add_test (tc, test_colors);
  tcase_add_loop_test (tc, test_lines_in_every_format, 0, FRC_N_FORMATS);
  tcase_add_test (tc, test_where_texts_go);
  tcase_add_test (tc, test_what_is_written);
  tcase_add_test (tc, test_nothing_to_draw);
  tcase_add_test (tc, test_shared_pixels_are_copied);
  tcase_add_test (tc, test_properties_and_many_texts);
  return suite;
}

GST_CHECK_MAIN (overlay)
