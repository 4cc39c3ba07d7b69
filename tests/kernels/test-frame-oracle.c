/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Colour conversion against GStreamer's own: GstVideoConverter with videoconvert's defaults and
 * dither none, on random pixels, in every format, matrix and range. Not a level of difference.
 */
#include "frames.h"

#include <gst/video/video.h>
#include <string.h>

static FrcPool *pool;

static GstVideoColorimetry
colorimetry (const FrcImageInfo *info)
{
  static const GstVideoColorMatrix matrices[] = {GST_VIDEO_COLOR_MATRIX_BT601,
    GST_VIDEO_COLOR_MATRIX_BT709, GST_VIDEO_COLOR_MATRIX_FCC, GST_VIDEO_COLOR_MATRIX_SMPTE240M,
    GST_VIDEO_COLOR_MATRIX_BT2020};
  GstVideoColorimetry c = {GST_VIDEO_COLOR_RANGE_16_235, matrices[info->matrix],
    GST_VIDEO_TRANSFER_UNKNOWN, GST_VIDEO_COLOR_PRIMARIES_UNKNOWN};

  if (info->format < FRC_FORMAT_GRAY8) {
    c.matrix = GST_VIDEO_COLOR_MATRIX_RGB;
    c.range = GST_VIDEO_COLOR_RANGE_0_255;
  } else if (info->range == FRC_RANGE_FULL) {
    c.range = GST_VIDEO_COLOR_RANGE_0_255;
  }
  return c;
}

/* Copies @frame's planes into a buffer of GStreamer's layout. */
static GstBuffer *
buffer_new (const TestFrame *frame, const GstVideoInfo *info)
{
  GstBuffer *buffer = gst_buffer_new_and_alloc (GST_VIDEO_INFO_SIZE (info));
  const FrcImage *image = &frame->image;
  GstVideoFrame mapped;

  g_assert_true (gst_video_frame_map (&mapped, info, buffer, GST_MAP_WRITE));
  for (guint i = 0; i < GST_VIDEO_INFO_N_PLANES (info); i++) {
    /* YV12 stores V first; both call plane 1 in memory order. */
    guint to = image->info.format == FRC_FORMAT_YV12 && i > 0 ? 3 - i : i;
    guint8 *plane = GST_VIDEO_FRAME_PLANE_DATA (&mapped, to);
    for (guint y = 0; y < test_frame_rows (image->info.format, i, image->info.height); y++)
      memcpy (plane + (gsize) y * GST_VIDEO_FRAME_PLANE_STRIDE (&mapped, to),
          image->plane[i] + (gssize) y * image->stride[i],
          test_frame_row_bytes (image->info.format, i, image->info.width));
  }
  gst_video_frame_unmap (&mapped);
  return buffer;
}

/* What videoconvert makes of @frame, as floats. */
static void
convert (const TestFrame *frame, const CheckView *want)
{
  const FrcImageInfo *i = &frame->image.info;
  GstVideoInfo in_info, out_info;
  GstVideoFrame in, out;

  gst_video_info_set_format (&in_info,
      gst_video_format_from_string (frame_format_names[i->format]), i->width, i->height);
  in_info.colorimetry = colorimetry (i);
  in_info.chroma_site = GST_VIDEO_CHROMA_SITE_UNKNOWN; /* caps without chroma-site */
  gst_video_info_set_format (&out_info, GST_VIDEO_FORMAT_RGB, i->width, i->height);
  GstVideoConverter *converter = gst_video_converter_new (&in_info, &out_info,
      gst_structure_new ("config", GST_VIDEO_CONVERTER_OPT_DITHER_METHOD,
          GST_TYPE_VIDEO_DITHER_METHOD, GST_VIDEO_DITHER_NONE, NULL));
  g_assert_nonnull (converter);
  GstBuffer *in_buffer = buffer_new (frame, &in_info);
  GstBuffer *out_buffer = gst_buffer_new_and_alloc (GST_VIDEO_INFO_SIZE (&out_info));
  g_assert_true (gst_video_frame_map (&in, &in_info, in_buffer, GST_MAP_READ));
  g_assert_true (gst_video_frame_map (&out, &out_info, out_buffer, GST_MAP_READWRITE));
  gst_video_converter_frame (converter, &in, &out);
  for (guint y = 0; y < i->height; y++)
    for (guint x = 0; x < 3 * i->width; x++)
      want->view.data[(gsize) y * i->width * 3 + x] = ((const guint8 *)
          GST_VIDEO_FRAME_PLANE_DATA (&out, 0))[y * GST_VIDEO_FRAME_PLANE_STRIDE (&out, 0) + x];
  gst_video_frame_unmap (&in);
  gst_video_frame_unmap (&out);
  gst_buffer_unref (in_buffer);
  gst_buffer_unref (out_buffer);
  gst_video_converter_free (converter);
}

static void
check_frame (TestFrame *frame, guint64 *state)
{
  const FrcImageInfo *info = &frame->image.info;
  CheckView out = check_view_new_output (1, info->height, info->width, 3, 3);
  CheckView want = check_view_new_output (1, info->height, info->width, 3, 3);

  test_frame_fill_random (frame, state);
  convert (frame, &want);
  for (const char *const *name = check_kernel_names (); *name != NULL; name++) {
    test_frame_read (frame, *name, pool, NULL, info->width, info->height, &out);
    char *problem = check_view_compare (&out, &want, NULL, 1e-3);
    if (problem == NULL)
      continue;
    g_test_message ("%s: %s; %s %ux%u, matrix %d, range %d", *name, problem,
        frame_format_names[info->format], info->width, info->height, info->matrix, info->range);
    g_test_fail ();
    g_free (problem);
  }
  check_view_clear (&out);
  check_view_clear (&want);
}

static void
test_videoconvert (void)
{
  static const guint sizes[][2] = {{64, 48}, {65, 49}, {130, 7}, {97, 600}, {3, 3}, {2, 2}, {1, 1},
    {1, 9}, {9, 1}, {34, 722}};
  guint64 state = 20240315;

  for (guint format = 0; format < FRC_N_FORMATS; format++)
    for (guint k = 0; k < 10 * G_N_ELEMENTS (sizes); k++) {
      const guint *size = sizes[k / 10];
      TestFrame frame = test_frame_new (format, size[0], size[1], k % 3, k % 2);
      frame.image.info.matrix = k % 5;
      frame.image.info.range = k / 5 % 2;
      if (format >= FRC_FORMAT_GRAY8 || k % 10 == 0)
        check_frame (&frame, &state);
      test_frame_clear (&frame);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  gst_init (&argc, &argv);
  pool = frc_pool_new (2, NULL);
  g_test_add_func ("/frame/videoconvert", test_videoconvert);
  int result = g_test_run ();
  frc_pool_free (pool);
  return result;
}
