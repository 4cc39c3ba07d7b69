/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Rectangles and text on a frame of any of the formats, in the frame's own components.
 */
#ifndef FRC_GST_PAINT_H
#define FRC_GST_PAINT_H

#include <gst/video/video.h>

/* A colour as the frame stores it: R, G, B, A or Y, U, V or Y. */
typedef struct {
  guint8 component[4];
  guint8 alpha; /* how much of what was there it hides; 255 = all */
} FrcInk;

/* One byte a pixel: 0 = paper, 255 = ink. */
typedef struct {
  guint width, height, stride;
  guint8 *coverage;
} FrcMask;

typedef struct { gint64 x, y, width, height; } FrcArea; /* pixels; may lie outside the frame */

FrcInk frc_ink_from_rgba (const GstVideoInfo *info, guint32 rgba);
void frc_paint_box (GstVideoFrame *frame, const FrcArea *area, guint thickness, const FrcInk *ink);
void frc_paint_mask (GstVideoFrame *frame, gint64 x, gint64 y, const FrcMask *mask,
    const FrcInk *paper, const FrcInk *ink);

#endif
