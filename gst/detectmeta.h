/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The result of an inference, and how it is written onto a buffer.
 */
#ifndef FRC_GST_DETECT_META_H
#define FRC_GST_DETECT_META_H

#include <gst/video/video.h>

#include "../core/frcnn.h"
#include "labels.h"

#define FRC_MAX_DETECTIONS 1000

typedef struct {
  gboolean valid;      /* FALSE until the first inference and after a reset */
  gint64 running_time; /* of the frame that was looked at, ns; G_MININT64 = it had no time */
  FrcRect rect;        /* of that frame; the boxes are relative to it */
  guint n;
  FrcDetection detections[FRC_MAX_DETECTIONS]; /* in descending score */
} FrcResult;

/* What all objects of a frame share. */
typedef struct {
  const FrcLabelSet *labels;
  const char *model_name;
  FrcRect rect; /* the rectangle that the metas are relative to; all of the frame without a crop */
  guint64 age;  /* ns; 0 = inferred on this frame; GST_CLOCK_TIME_NONE = not known */
} FrcMetaContext;

guint frc_result_attach (const FrcResult *result, const FrcMetaContext *context, GstBuffer *buffer);

#endif
