/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * GStreamer's description of a frame → the core's: format, matrix, range, planes, rectangle.
 */
#include "frameinfo.h"

static const GstVideoFormat formats[FRC_N_FORMATS] = {
  [FRC_FORMAT_RGB] = GST_VIDEO_FORMAT_RGB,   [FRC_FORMAT_BGR] = GST_VIDEO_FORMAT_BGR,
  [FRC_FORMAT_RGBA] = GST_VIDEO_FORMAT_RGBA, [FRC_FORMAT_BGRA] = GST_VIDEO_FORMAT_BGRA,
  [FRC_FORMAT_ARGB] = GST_VIDEO_FORMAT_ARGB, [FRC_FORMAT_ABGR] = GST_VIDEO_FORMAT_ABGR,
  [FRC_FORMAT_RGBX] = GST_VIDEO_FORMAT_RGBx, [FRC_FORMAT_BGRX] = GST_VIDEO_FORMAT_BGRx,
  [FRC_FORMAT_XRGB] = GST_VIDEO_FORMAT_xRGB, [FRC_FORMAT_XBGR] = GST_VIDEO_FORMAT_xBGR,
  [FRC_FORMAT_GRAY8] = GST_VIDEO_FORMAT_GRAY8, [FRC_FORMAT_NV12] = GST_VIDEO_FORMAT_NV12,
  [FRC_FORMAT_NV21] = GST_VIDEO_FORMAT_NV21, [FRC_FORMAT_I420] = GST_VIDEO_FORMAT_I420,
  [FRC_FORMAT_YV12] = GST_VIDEO_FORMAT_YV12, [FRC_FORMAT_YUY2] = GST_VIDEO_FORMAT_YUY2,
  [FRC_FORMAT_UYVY] = GST_VIDEO_FORMAT_UYVY, [FRC_FORMAT_Y42B] = GST_VIDEO_FORMAT_Y42B,
  [FRC_FORMAT_Y444] = GST_VIDEO_FORMAT_Y444,
};

/* Caps without a known matrix: GStreamer's own rule, by the height of the picture. */
static FrcMatrix
matrix_of (const GstVideoInfo *info)
{
  switch (GST_VIDEO_INFO_COLORIMETRY (info).matrix) {
    case GST_VIDEO_COLOR_MATRIX_BT601:
      return FRC_MATRIX_BT601;
    case GST_VIDEO_COLOR_MATRIX_BT709:
      return FRC_MATRIX_BT709;
    case GST_VIDEO_COLOR_MATRIX_FCC:
      return FRC_MATRIX_FCC;
    case GST_VIDEO_COLOR_MATRIX_SMPTE240M:
      return FRC_MATRIX_SMPTE240M;
    case GST_VIDEO_COLOR_MATRIX_BT2020:
      return FRC_MATRIX_BT2020;
    default:
      return GST_VIDEO_INFO_HEIGHT (info) > 576 ? FRC_MATRIX_BT709 : FRC_MATRIX_BT601;
  }
}

/**
 * frc_image_info_from_video:
 * @info: of caps
 *
 * Returns: FALSE for a format that the elements do not take.
 */
gboolean
frc_image_info_from_video (FrcImageInfo *out, const GstVideoInfo *info)
{
  for (guint i = 0; i < FRC_N_FORMATS; i++) {
    if (formats[i] != GST_VIDEO_INFO_FORMAT (info))
      continue;
    gboolean full = GST_VIDEO_INFO_COLORIMETRY (info).range == GST_VIDEO_COLOR_RANGE_0_255;
    *out = (FrcImageInfo){
      .format = i,
      .width = GST_VIDEO_INFO_WIDTH (info),
      .height = GST_VIDEO_INFO_HEIGHT (info),
      .matrix = matrix_of (info),
      .range = full ? FRC_RANGE_FULL : FRC_RANGE_LIMITED,
    };
    return TRUE;
  }
  return FALSE;
}

/**
 * frc_image_info_from_buffer:
 * @info: of caps
 *
 * What gst_video_frame_map () will make of @buffer: a video meta may store another size or format
 * than the caps show. Returns: as frc_image_info_from_video ().
 */
gboolean
frc_image_info_from_buffer (FrcImageInfo *out, const GstVideoInfo *info, GstBuffer *buffer)
{
  const GstVideoMeta *meta = gst_buffer_get_video_meta (buffer);
  GstVideoInfo stored = *info;

  if (meta) {
    stored.finfo = gst_video_format_get_info (meta->format);
    stored.width = meta->width;
    stored.height = meta->height;
  }
  return frc_image_info_from_video (out, &stored);
}

/**
 * frc_image_from_frame:
 * @info: of frc_image_info_from_buffer () on the frame's buffer
 * @frame: mapped; @out borrows its planes until it is unmapped
 *
 * The core counts the chroma planes of YV12 as U, V; the file order is V, U.
 */
void
frc_image_from_frame (FrcImage *out, const FrcImageInfo *info, const GstVideoFrame *frame)
{
  gboolean swapped = info->format == FRC_FORMAT_YV12;

  *out = (FrcImage){ .info = *info };
  for (guint i = 0; i < GST_VIDEO_FRAME_N_PLANES (frame) && i < G_N_ELEMENTS (out->plane); i++) {
    guint from = swapped && i > 0 ? 3 - i : i;
    out->plane[i] = GST_VIDEO_FRAME_PLANE_DATA (frame, from);
    out->stride[i] = GST_VIDEO_FRAME_PLANE_STRIDE (frame, from);
  }
}

/**
 * frc_rect_from_buffer:
 * @info: the size of the stored frame
 *
 * Returns: what of the frame is looked at: the part of it that a crop meta names, else all of it.
 */
FrcRect
frc_rect_from_buffer (GstBuffer *buffer, const FrcImageInfo *info)
{
  FrcRect all = { 0, 0, info->width, info->height };
  const GstVideoCropMeta *crop = gst_buffer_get_video_crop_meta (buffer);

  if (!crop || crop->x >= info->width || crop->y >= info->height || !crop->width || !crop->height)
    return all;
  return (FrcRect){ crop->x, crop->y, MIN (crop->width, info->width - crop->x),
    MIN (crop->height, info->height - crop->y) };
}
