/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * fasterrcnndetect on every format, size and stride: the metas are exactly what libfrcnn finds in
 * the same pixels, and the pixels stay as they were.
 */
#include "common.h"

static const guint sizes[][2] = { { 1, 1 }, { 385, 289 }, { 1920, 1080 } };
#define N_CASES (FRC_N_FORMATS * (gint) G_N_ELEMENTS (sizes))

GST_START_TEST (test_every_format_and_size)
{
  GstVideoFormat format = all_formats[__i__ / G_N_ELEMENTS (sizes)];
  const guint *size = sizes[__i__ % G_N_ELEMENTS (sizes)];
  GstVideoInfo info;
  Expected expected;

  test_info (&info, format, size[0], size[1]);
  GstBuffer *buffer = test_picture (&info, TEST_FRAME);
  GstMemory *memory = gst_buffer_peek_memory (buffer, 0);
  guint32 sum = buffer_checksum (buffer);
  expect_detections (&info, buffer, NULL, &test_query, &expected);
  if (size[0] > 1)
    fail_unless (expected.n > 0, "the picture shows nothing, so the test shows nothing");

  GstHarness *h = harness_for (make_detect (), &info);
  GST_BUFFER_DTS (buffer) = 7;
  GST_BUFFER_DURATION (buffer) = 11;
  GST_BUFFER_OFFSET (buffer) = 13;
  GST_BUFFER_OFFSET_END (buffer) = 17;
  GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_MARKER | GST_BUFFER_FLAG_DISCONT);
  GstBuffer *out = harness_round (h, buffer, 5);

  check_rois (out, &expected, size[0], size[1], 1, 0);
  fail_unless (gst_buffer_peek_memory (out, 0) == memory);
  fail_unless_equals_int (buffer_checksum (out), sum);
  fail_unless_equals_uint64 (GST_BUFFER_PTS (out), 5);
  fail_unless_equals_uint64 (GST_BUFFER_DTS (out), 7);
  fail_unless_equals_uint64 (GST_BUFFER_DURATION (out), 11);
  fail_unless_equals_uint64 (GST_BUFFER_OFFSET (out), 13);
  fail_unless_equals_uint64 (GST_BUFFER_OFFSET_END (out), 17);
  fail_unless (GST_BUFFER_FLAG_IS_SET (out, GST_BUFFER_FLAG_MARKER | GST_BUFFER_FLAG_DISCONT));
  gst_buffer_unref (out);
  gst_harness_teardown (h);
}
GST_END_TEST

/* Each RGB order finds exactly what RGB finds. */
GST_START_TEST (test_reorderings)
{
  GstVideoInfo rgb, info;
  Expected expected;

  test_info (&rgb, GST_VIDEO_FORMAT_RGB, 385, 289);
  GstBuffer *buffer = test_picture (&rgb, TEST_FRAME);
  expect_detections (&rgb, buffer, NULL, &test_query, &expected);
  gst_buffer_unref (buffer);
  fail_unless (expected.n > 0);

  test_info (&info, all_formats[__i__], 385, 289);
  GstHarness *h = harness_for (make_detect (), &info);
  GstBuffer *out = harness_round (h, test_picture (&info, TEST_FRAME), 0);
  check_rois (out, &expected, 385, 289, 1, 0);
  gst_buffer_unref (out);
  gst_harness_teardown (h);
}
GST_END_TEST

/* Rows further apart than caps tell, and planes in other places: only the video meta knows. */
static GstBuffer *
with_odd_strides (const GstVideoInfo *info, GstBuffer *packed)
{
  gsize offset[GST_VIDEO_MAX_PLANES] = { 0 };
  gint stride[GST_VIDEO_MAX_PLANES] = { 0 };
  gsize size = 5;
  GstVideoFrame from, to;

  for (guint i = 0; i < GST_VIDEO_INFO_N_PLANES (info); i++) {
    stride[i] = GST_VIDEO_INFO_PLANE_STRIDE (info, i) + 13 + 2 * i;
    offset[i] = size;
    size += (gsize) stride[i] * GST_VIDEO_INFO_HEIGHT (info) + 3;
  }
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, size, NULL);
  gst_buffer_memset (buffer, 0, 0xa5, size);
  gst_buffer_add_video_meta_full (buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_INFO_FORMAT (info),
      GST_VIDEO_INFO_WIDTH (info), GST_VIDEO_INFO_HEIGHT (info), GST_VIDEO_INFO_N_PLANES (info),
      offset, stride);
  fail_unless (gst_video_frame_map (&from, info, packed, GST_MAP_READ));
  fail_unless (gst_video_frame_map (&to, info, buffer, GST_MAP_WRITE));
  for (guint i = 0; i < GST_VIDEO_INFO_N_PLANES (info); i++) {
    for (gint y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT (&from, i); y++)
      memcpy ((guint8 *) GST_VIDEO_FRAME_PLANE_DATA (&to, i) + (gsize) y * stride[i],
          (guint8 *) GST_VIDEO_FRAME_PLANE_DATA (&from, i) +
              (gsize) y * GST_VIDEO_FRAME_PLANE_STRIDE (&from, i),
          GST_VIDEO_FRAME_PLANE_STRIDE (&from, i));
  }
  gst_video_frame_unmap (&to);
  gst_video_frame_unmap (&from);
  return buffer;
}

GST_START_TEST (test_odd_strides)
{
  GstVideoInfo info;
  Expected expected;

  test_info (&info, all_formats[__i__], 385, 289);
  GstBuffer *packed = test_picture (&info, TEST_FRAME);
  expect_detections (&info, packed, NULL, &test_query, &expected);
  fail_unless (expected.n > 0);

  GstHarness *h = harness_for (make_detect (), &info);
  GstBuffer *out = harness_round (h, with_odd_strides (&info, packed), 0);
  check_rois (out, &expected, 385, 289, 1, 0);
  gst_buffer_unref (packed);
  gst_buffer_unref (out);
  gst_harness_teardown (h);
}
GST_END_TEST

/* The caps' matrix and range are used: the same bytes are another picture under other ones. */
GST_START_TEST (test_colorimetry)
{
  static const char *const names[] = { "bt601", "bt709", "1:4:16:4", "1:3:5:1" };
  GstVideoInfo info;
  Expected found[G_N_ELEMENTS (names)];

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    test_info (&info, GST_VIDEO_FORMAT_I420, 385, 289);
    GstBuffer *buffer = test_picture (&info, TEST_FRAME);
    fail_unless (gst_video_colorimetry_from_string (&info.colorimetry, names[i]));
    expect_detections (&info, buffer, NULL, &test_query, &found[i]);
    GstHarness *h = harness_for (make_detect (), &info);
    GstBuffer *out = harness_round (h, buffer, 0);
    check_rois (out, &found[i], 385, 289, 1, 0);
    gst_buffer_unref (out);
    gst_harness_teardown (h);
  }
  for (guint i = 1; i < G_N_ELEMENTS (names); i++)
    fail_unless (found[i].n != found[0].n ||
        memcmp (found[i].found, found[0].found, found[0].n * sizeof (FrcDetection)) != 0);
}
GST_END_TEST

GST_START_TEST (test_caps_that_are_refused)
{
  static const struct {
    const char *caps;
    gboolean taken;
  } cases[] = {
    { "video/x-raw,format=I420,width=64,height=48,framerate=25/1", TRUE },
    { "video/x-raw,format=I420,width=64,height=48,framerate=0/1", TRUE },
    { "video/x-raw,format=I420,width=64,height=48,framerate=25/1,multiview-mode=mono", TRUE },
    { "video/x-raw,format=I420,width=64,height=48,framerate=25/1,pixel-aspect-ratio=2/1", TRUE },
    { "video/x-raw,format=I420,width=64,height=48,framerate=25/1,interlace-mode=interleaved",
        TRUE },
    { "video/x-raw,format=I420,width=8192,height=8192,framerate=25/1", TRUE },
    { "video/x-raw,format=I420,width=8193,height=48,framerate=25/1", FALSE },
    { "video/x-raw,format=I420,width=64,height=48,framerate=25/1,multiview-mode=side-by-side",
        FALSE },
    { "video/x-raw(format:Interlaced),format=I420,width=64,height=48,framerate=25/1,"
      "interlace-mode=alternate",
        FALSE },
    { "video/x-raw(memory:DMABuf),format=I420,width=64,height=48,framerate=25/1", FALSE },
    { "video/x-raw,format=I420_10LE,width=64,height=48,framerate=25/1", FALSE },
    { "video/x-raw,format=RGB16,width=64,height=48,framerate=25/1", FALSE },
  };
  static const char *const elements[] = { "fasterrcnndetect", "fasterrcnnoverlay" };
  GstElement *element = gst_element_factory_make (elements[__i__], NULL);
  if (!element && __i__ == 1)
    return; /* built without */
  GstPad *pad = gst_element_get_static_pad (element, "sink");

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    GstCaps *caps = gst_caps_from_string (cases[i].caps);
    fail_unless (gst_pad_query_accept_caps (pad, caps) == cases[i].taken, "%s: %s", elements[__i__],
        cases[i].caps);
    gst_caps_unref (caps);
  }
  gst_object_unref (pad);
  gst_object_unref (element);
}
GST_END_TEST

static Suite *
formats_suite (void)
{
  Suite *suite = suite_create ("formats");
  TCase *tc = tcase_create ("formats");

  tcase_set_timeout (tc, 60);
  suite_add_tcase (suite, tc);
  tcase_add_loop_test (tc, test_every_format_and_size, 0, N_CASES);
  tcase_add_loop_test (tc, test_reorderings, FRC_FORMAT_RGB, FRC_FORMAT_XBGR + 1);
  tcase_add_loop_test (tc, test_odd_strides, 0, FRC_N_FORMATS);
  tcase_add_test (tc, test_colorimetry);
  tcase_add_loop_test (tc, test_caps_that_are_refused, 0, 2);
  return suite;
}

GST_CHECK_MAIN (formats)
