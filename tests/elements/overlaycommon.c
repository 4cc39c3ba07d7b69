/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "overlaycommon.h"

GstElement *
make_overlay (gboolean labels, gboolean confidence, guint thickness)
{
  GstElement *element = gst_element_factory_make ("fasterrcnnoverlay", NULL);

  fail_unless (element != NULL, "there is no element fasterrcnnoverlay");
  g_object_set (element, "draw-labels", labels, "draw-confidence", confidence, "thickness",
      thickness, NULL);
  return element;
}

GstBuffer *
solid (const GstVideoInfo *info, guint32 rgb)
{
  GstVideoInfo from_info;
  GstVideoFrame from, to;

  test_info (&from_info, GST_VIDEO_FORMAT_RGB, GST_VIDEO_INFO_WIDTH (info),
      GST_VIDEO_INFO_HEIGHT (info));
  GstBuffer *in = gst_buffer_new_allocate (NULL, GST_VIDEO_INFO_SIZE (&from_info), NULL);
  GstBuffer *out = gst_buffer_new_allocate (NULL, GST_VIDEO_INFO_SIZE (info), NULL);
  fail_unless (gst_video_frame_map (&from, &from_info, in, GST_MAP_WRITE));
  for (gint y = 0; y < GST_VIDEO_INFO_HEIGHT (info); y++) {
    guint8 *row = (guint8 *) GST_VIDEO_FRAME_PLANE_DATA (&from, 0) +
        y * GST_VIDEO_FRAME_PLANE_STRIDE (&from, 0);
    for (gint x = 0; x < GST_VIDEO_INFO_WIDTH (info); x++) {
      row[3 * x] = rgb >> 16;
      row[3 * x + 1] = rgb >> 8 & 0xff;
      row[3 * x + 2] = rgb & 0xff;
    }
  }
  gst_buffer_memset (out, 0, 0, -1);
  fail_unless (gst_video_frame_map (&to, info, out, GST_MAP_WRITE));
  GstVideoConverter *converter = gst_video_converter_new (&from_info, info, NULL);
  gst_video_converter_frame (converter, &from, &to);
  gst_video_converter_free (converter);
  gst_video_frame_unmap (&to);
  gst_video_frame_unmap (&from);
  gst_buffer_unref (in);
  return out;
}

GstVideoRegionOfInterestMeta *
add_roi (GstBuffer *buffer, const char *label, guint x, guint y, guint w, guint h)
{
  return gst_buffer_add_video_region_of_interest_meta (buffer, label, x, y, w, h);
}

GstStructure *
confidence (gdouble value)
{
  return gst_structure_new ("detection", "confidence", G_TYPE_DOUBLE, value, NULL);
}

guint32
rgb_pixel (GstBuffer *buffer, guint width, guint x, guint y)
{
  guint8 p[3];

  gst_buffer_extract (buffer, (gsize) y * GST_ROUND_UP_4 (width * 3) + 3 * x, p, 3);
  return (guint32) p[0] << 16 | (guint32) p[1] << 8 | p[2];
}
