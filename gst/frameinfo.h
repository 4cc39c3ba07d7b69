/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * GStreamer's description of a frame → the core's.
 */
#ifndef FRC_GST_FRAME_INFO_H
#define FRC_GST_FRAME_INFO_H

#include <gst/video/video.h>

#include "../core/frcnn.h"

/* What both elements take, in the order of FrcFormat. */
#define FRC_VIDEO_FORMATS \
  "{ RGB, BGR, RGBA, BGRA, ARGB, ABGR, RGBx, BGRx, xRGB, xBGR, GRAY8, NV12, NV21, I420, YV12, " \
  "YUY2, UYVY, Y42B, Y444 }"
#define FRC_VIDEO_FIELDS \
  "format = (string) " FRC_VIDEO_FORMATS ", width = (int) [ 1, 8192 ], " \
  "height = (int) [ 1, 8192 ], framerate = (fraction) [ 0, max ]"
#define FRC_VIDEO_CAPS "video/x-raw, " FRC_VIDEO_FIELDS

gboolean frc_image_info_from_video (FrcImageInfo *out, const GstVideoInfo *info);
gboolean frc_image_info_from_buffer (FrcImageInfo *out, const GstVideoInfo *info,
    GstBuffer *buffer);
void frc_image_from_frame (FrcImage *out, const FrcImageInfo *info, const GstVideoFrame *frame);
FrcRect frc_rect_from_buffer (GstBuffer *buffer, const FrcImageInfo *info);

#endif
