/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * fasterrcnnoverlay: who draws. GStreamer's own blending of the composition is the oracle for what
 * is attached.
 */
#include "overlaycommon.h"

#define W 320
#define H 240
#define FIELDS ",format=BGRA,width=320,height=240,framerate=25/1"
#define BOTH COMPOSITION FIELDS ";video/x-raw" FIELDS

typedef struct {
  const char *source, *sink; /* caps */
  gboolean offers; /* the meta, in the ALLOCATION query */
  gboolean attaches;
} Case;

static const Case cases[] = {
  { "video/x-raw" FIELDS, BOTH, TRUE, TRUE },
  { "video/x-raw" FIELDS, BOTH, FALSE, FALSE },
  { "video/x-raw" FIELDS, "video/x-raw" FIELDS, TRUE, FALSE },
  { "video/x-raw" FIELDS, "video/x-raw" FIELDS, FALSE, FALSE },
  { "video/x-raw" FIELDS, "ANY", FALSE, FALSE },
  { "video/x-raw" FIELDS, "ANY", TRUE, TRUE },
  { "video/x-raw" FIELDS, COMPOSITION FIELDS, FALSE, TRUE }, /* there is no other way */
  { COMPOSITION FIELDS, BOTH, TRUE, TRUE },
  { COMPOSITION FIELDS, BOTH, FALSE, TRUE }, /* it is used already */
};

static GstHarness *
harness_with (GstElement *overlay, const Case *c)
{
  GstHarness *h = harness_for (overlay, NULL);

  if (c->offers)
    gst_harness_add_propose_allocation_meta (h, GST_VIDEO_OVERLAY_COMPOSITION_META_API_TYPE, NULL);
  gst_harness_set_sink_caps_str (h, c->sink);
  gst_harness_set_src_caps_str (h, c->source);
  return h;
}

static GstVideoOverlayComposition *
composition_of (GstBuffer *buffer)
{
  GstVideoOverlayCompositionMeta *meta = gst_buffer_get_video_overlay_composition_meta (buffer);

  return meta ? meta->overlay : NULL;
}

static guint
count_compositions (GstBuffer *buffer)
{
  return gst_buffer_get_n_meta (buffer, GST_VIDEO_OVERLAY_COMPOSITION_META_API_TYPE);
}

static GstBuffer *
picture (void)
{
  GstVideoInfo info;

  test_info (&info, GST_VIDEO_FORMAT_BGRA, W, H);
  return test_picture (&info, -1);
}

static void
add_objects (GstBuffer *buffer)
{
  gst_video_region_of_interest_meta_add_param (add_roi (buffer, "person", 40, 60, 90, 120),
      confidence (0.97));
  add_roi (buffer, "dog", 100, 90, 80, 80);
  add_roi (buffer, "car", 290, 200, 100, 100); /* over the corner */
  add_roi (buffer, "cat", 10, 0, 3, 3); /* nothing inside the lines */
  add_roi (buffer, "bus", 1000, 1000, 5, 5); /* beside the frame: only its text */
}

static gboolean
out_caps_have_feature (GstHarness *h)
{
  GstCaps *caps = gst_pad_get_current_caps (h->sinkpad);
  gboolean has = gst_caps_features_contains (gst_caps_get_features (caps, 0),
      GST_CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION);

  gst_caps_unref (caps);
  return has;
}

/* Pushes a frame whose pixels somebody else holds, too; checks who draws it. */
static GstBuffer *
round_shared (GstHarness *h, gboolean attaches)
{
  GstBuffer *theirs = picture (), *ours = gst_buffer_copy (theirs);
  GstMemory *memory = gst_buffer_peek_memory (theirs, 0);
  guint32 sum = buffer_checksum (theirs);

  add_objects (ours);
  GstBuffer *out = harness_round (h, ours, 0);
  fail_unless_equals_int (out_caps_have_feature (h), attaches);
  fail_unless_equals_int (count_compositions (out), attaches);
  fail_unless_equals_int (gst_buffer_peek_memory (out, 0) == memory, attaches);
  fail_unless_equals_int (buffer_checksum (out) == sum, attaches);
  fail_unless_equals_int (buffer_checksum (theirs) == sum, TRUE);
  gst_buffer_unref (theirs);
  return out;
}

GST_START_TEST (test_who_draws)
{
  const Case *c = &cases[__i__];
  GstHarness *h = harness_with (make_overlay (TRUE, TRUE, 2), c);

  gst_buffer_unref (round_shared (h, c->attaches));
  GstBuffer *out = harness_round (h, picture (), 1); /* without objects */
  fail_unless_equals_int (count_compositions (out), 0);
  gst_buffer_unref (out);
  gst_harness_teardown (h);
}
GST_END_TEST

/* Behind another transform, which has to have caps before it can ask further. */
GST_START_TEST (test_through_a_converter)
{
  GstHarness *h = gst_harness_new_parse ("fasterrcnnoverlay ! videoconvert");

  gst_harness_add_propose_allocation_meta (h, GST_VIDEO_OVERLAY_COMPOSITION_META_API_TYPE, NULL);
  gst_harness_set_sink_caps_str (h, BOTH);
  gst_harness_set_src_caps_str (h, "video/x-raw" FIELDS);
  gst_buffer_unref (round_shared (h, TRUE));
  gst_harness_teardown (h);
}
GST_END_TEST

GST_START_TEST (test_decided_again)
{
  GstHarness *h = harness_with (make_overlay (TRUE, TRUE, 2), &cases[1]);

  gst_buffer_unref (round_shared (h, FALSE));
  gst_harness_add_propose_allocation_meta (h, GST_VIDEO_OVERLAY_COMPOSITION_META_API_TYPE, NULL);
  gst_buffer_unref (round_shared (h, FALSE)); /* nobody asked */
  fail_unless (gst_harness_push_upstream_event (h, gst_event_new_reconfigure ()));
  gst_buffer_unref (round_shared (h, TRUE));
  fail_unless (gst_harness_push_upstream_event (h, gst_event_new_reconfigure ()));
  gst_buffer_unref (round_shared (h, TRUE)); /* nothing has changed */
  gst_harness_set_sink_caps_str (h, "video/x-raw" FIELDS);
  gst_buffer_unref (round_shared (h, FALSE));
  gst_harness_set_sink_caps_str (h, BOTH);
  gst_buffer_unref (round_shared (h, TRUE));
  gst_harness_teardown (h);
}
GST_END_TEST

static void
compare_pixels (GstBuffer *a, GstBuffer *b, gint tolerance)
{
  GstMapInfo x, y;

  fail_unless (gst_buffer_map (a, &x, GST_MAP_READ) && gst_buffer_map (b, &y, GST_MAP_READ));
  fail_unless (x.size == y.size);
  for (gsize i = 0; i < x.size; i++)
    fail_unless (ABS (x.data[i] - y.data[i]) <= tolerance, "pixel %u,%u byte %u: %d, %d",
        (guint) (i / 4 % W), (guint) (i / 4 / W), (guint) (i % 4), x.data[i], y.data[i]);
  gst_buffer_unmap (a, &x);
  gst_buffer_unmap (b, &y);
}

/* What is attached, drawn by GStreamer, is what is drawn into the frame. */
static void
compare_modes (const char *colors, guint thickness, gboolean stats, gint tolerance)
{
  GstBuffer *out[2];
  GstVideoInfo info;
  GstVideoFrame frame;

  for (guint attach = 0; attach < 2; attach++) {
    GstElement *overlay = make_overlay (TRUE, TRUE, thickness);
    g_object_set (overlay, "colors", colors, "blur", "dog", "show-stats", stats, NULL);
    GstHarness *h = harness_with (overlay, &cases[attach ? 0 : 1]);
    GstBuffer *buffer = picture ();
    add_objects (buffer);
    out[attach] = harness_round (h, buffer, 0);
    gst_harness_teardown (h);
  }
  test_info (&info, GST_VIDEO_FORMAT_BGRA, W, H);
  out[1] = gst_buffer_make_writable (out[1]);
  fail_unless (gst_video_frame_map (&frame, &info, out[1], GST_MAP_READWRITE));
  fail_unless (gst_video_overlay_composition_blend (composition_of (out[1]), &frame));
  gst_video_frame_unmap (&frame);
  compare_pixels (out[0], out[1], tolerance);
  gst_buffer_unref (out[0]);
  gst_buffer_unref (out[1]);
}

GST_START_TEST (test_same_picture)
{
  compare_modes (NULL, 1, FALSE, 0);
  compare_modes ("dog:0x12345678,person:0xff000080", 5, FALSE, 2);
  compare_modes (NULL, 64, FALSE, 0);
}
GST_END_TEST

/* Nothing of the size of the frame, and nothing beside it. */
GST_START_TEST (test_rectangles_are_small)
{
  GstHarness *h = harness_with (make_overlay (FALSE, FALSE, 3), &cases[0]);
  GstBuffer *buffer = picture ();
  const guint expected[4][4] = { { 10, 20, 200, 3 }, { 10, 117, 200, 3 }, { 10, 23, 3, 94 },
    { 207, 23, 3, 94 } };

  add_roi (buffer, "person", 10, 20, 200, 100);
  GstBuffer *out = harness_round (h, buffer, 0);
  GstVideoOverlayComposition *composition = composition_of (out);
  fail_unless_equals_int (gst_video_overlay_composition_n_rectangles (composition), 4);
  for (guint i = 0; i < 4; i++) {
    gint x, y;
    guint w, h2;
    GstVideoOverlayRectangle *rectangle =
        gst_video_overlay_composition_get_rectangle (composition, i);
    fail_unless (gst_video_overlay_rectangle_get_render_rectangle (rectangle, &x, &y, &w, &h2));
    fail_unless (x == (gint) expected[i][0] && y == (gint) expected[i][1] && w == expected[i][2] &&
        h2 == expected[i][3], "%u: %d,%d %ux%u", i, x, y, w, h2);
  }
  gst_buffer_unref (out);
  gst_harness_teardown (h);
}
GST_END_TEST

static GstVideoOverlayComposition *
compose_something (void)
{
  GstBuffer *pixels = gst_buffer_new_allocate (NULL, 4 * 4 * 4, NULL);

  gst_buffer_memset (pixels, 0, 0x80, -1);
  gst_buffer_add_video_meta (pixels, GST_VIDEO_FRAME_FLAG_NONE,
      GST_VIDEO_OVERLAY_COMPOSITION_FORMAT_RGB, 4, 4);
  GstVideoOverlayRectangle *rectangle = gst_video_overlay_rectangle_new_raw (pixels, 5, 6, 4, 4,
      GST_VIDEO_OVERLAY_FORMAT_FLAG_NONE);
  GstVideoOverlayComposition *composition = gst_video_overlay_composition_new (rectangle);
  gst_video_overlay_rectangle_unref (rectangle);
  gst_buffer_unref (pixels);
  return composition;
}

/* Somebody else's composition stays first, and is not changed for whoever holds it, too. */
GST_START_TEST (test_composition_is_extended)
{
  GstHarness *h = harness_with (make_overlay (FALSE, FALSE, 1), &cases[7]);
  GstBuffer *buffer = picture ();
  GstVideoOverlayComposition *theirs = compose_something ();
  gint x, y;

  gst_buffer_add_video_overlay_composition_meta (buffer, theirs);
  add_roi (buffer, "person", 10, 20, 200, 100);
  GstBuffer *out = harness_round (h, buffer, 0);
  fail_unless_equals_int (count_compositions (out), 1);
  fail_unless_equals_int (gst_video_overlay_composition_n_rectangles (composition_of (out)), 5);
  fail_unless (gst_video_overlay_rectangle_get_render_rectangle (
      gst_video_overlay_composition_get_rectangle (composition_of (out), 0), &x, &y, NULL, NULL));
  fail_unless (x == 5 && y == 6);
  fail_unless_equals_int (gst_video_overlay_composition_n_rectangles (theirs), 1);
  gst_buffer_unref (out);

  buffer = picture (); /* nothing to add: it goes through as it is */
  gst_buffer_add_video_overlay_composition_meta (buffer, theirs);
  out = harness_round (h, buffer, 1);
  fail_unless (composition_of (out) == theirs);
  gst_buffer_unref (out);
  gst_video_overlay_composition_unref (theirs);
  gst_harness_teardown (h);
}
GST_END_TEST

/* Blurring is never left to others. */
GST_START_TEST (test_blurred_all_the_same)
{
  GstElement *overlay = make_overlay (FALSE, FALSE, 1);
  g_object_set (overlay, "blur", "person", NULL);
  GstHarness *h = harness_with (overlay, &cases[0]);
  GstBuffer *theirs = picture (), *ours = gst_buffer_copy (theirs);
  guint32 sum = buffer_checksum (theirs);

  add_roi (ours, "person", 50, 40, 100, 100);
  GstBuffer *out = harness_round (h, ours, 0);
  fail_unless_equals_int (count_compositions (out), 1);
  fail_if (buffer_checksum (out) == sum);
  fail_unless (buffer_checksum (theirs) == sum);
  gst_buffer_unref (theirs);
  gst_buffer_unref (out);
  gst_harness_teardown (h);
}
GST_END_TEST

/* A crop meta moves what is drawn into the frame, and not what is attached to it. */
GST_START_TEST (test_cropped)
{
  for (guint attach = 0; attach < 2; attach++) {
    GstHarness *h = harness_with (make_overlay (FALSE, FALSE, 4), &cases[attach ? 0 : 1]);
    GstBuffer *buffer = picture ();
    GstVideoCropMeta *crop = gst_buffer_add_video_crop_meta (buffer);
    guint8 before[4], after[4];
    gsize at = (gsize) (30 + 20) * W * 4 + (40 + 10) * 4;

    crop->x = 40, crop->y = 30, crop->width = 200, crop->height = 150;
    add_roi (buffer, "person", 10, 20, 60, 50);
    gst_buffer_extract (buffer, at, before, 4);
    GstBuffer *out = harness_round (h, buffer, 0);
    gst_buffer_extract (out, at, after, 4);
    fail_unless_equals_int (memcmp (before, after, 4) == 0, attach);
    if (attach) {
      gint x, y;
      fail_unless (gst_video_overlay_rectangle_get_render_rectangle (
          gst_video_overlay_composition_get_rectangle (composition_of (out), 0), &x, &y, NULL,
          NULL));
      fail_unless (x == 10 && y == 20);
    }
    gst_buffer_unref (out);
    gst_harness_teardown (h);
  }
}
GST_END_TEST

static Suite *
overlay_modes_suite (void)
{
  Suite *suite = suite_create ("overlay-modes");
  TCase *tc = tcase_create ("overlay-modes");

  tcase_set_timeout (tc, 60);
  suite_add_tcase (suite, tc);
  tcase_add_loop_test (tc, test_who_draws, 0, G_N_ELEMENTS (cases));
  tcase_add_test (tc, test_through_a_converter);
  tcase_add_test (tc, test_decided_again);
  tcase_add_test (tc, test_same_picture);
  tcase_add_test (tc, test_rectangles_are_small);
  tcase_add_test (tc, test_composition_is_extended);
  tcase_add_test (tc, test_blurred_all_the_same);
  tcase_add_test (tc, test_cropped);
  return suite;
}

GST_CHECK_MAIN (overlay_modes)
