/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What anybody found in a frame, whichever metas it was written down in.
 */
#ifndef FRC_GST_OBJECTS_H
#define FRC_GST_OBJECTS_H

#include <gst/video/video.h>

#include "../core/frcnn.h"

typedef struct {
  gint64 x, y, width, height; /* pixels of the visible frame; may lie outside of it */
  const char *label;          /* (nullable) */
  gint id, parent_id;
  gint label_id;              /* -1 = not known */
  gdouble confidence;         /* negative = not known */
  gboolean has_corners;       /* whether the next four are known */
  gdouble x_min, y_min, x_max, y_max; /* shares of the visible frame */
  guint64 age;                /* ns; GST_CLOCK_TIME_NONE = not known */
} FrcObject;

FrcRect frc_visible_rect (GstBuffer *buffer, guint width, guint height);
GArray *frc_objects_read (GstBuffer *buffer, const FrcRect *visible);

#endif
