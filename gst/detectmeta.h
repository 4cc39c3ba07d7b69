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
#define FRC_NO_PARENT G_MININT

/* Which metas an object gets. */
typedef enum {
  FRC_META_AUTO, /* both where this build has the analytics library, else ROI metas */
  FRC_META_ROI,
  FRC_META_ANALYTICS,
  FRC_META_BOTH
} FrcMetaType;

typedef struct {
  gboolean valid;      /* FALSE until the first inference and after a reset */
  gint64 running_time; /* of the frame that was looked at, ns; G_MININT64 = it had no time */
  FrcRect rect;        /* of that frame; the boxes are relative to it */
  guint n;
  FrcDetection detections[FRC_MAX_DETECTIONS]; /* in descending score */
  gint parent_ids[FRC_MAX_DETECTIONS]; /* of the ROI metas that were looked into; FRC_NO_PARENT */
} FrcResult;

/* What all objects of a frame share. */
typedef struct {
  const FrcLabelSet *labels;
  const char *model_name;
  FrcRect rect; /* the rectangle that the metas are relative to; all of the frame without a crop */
  guint64 age;  /* ns; 0 = inferred on this frame; GST_CLOCK_TIME_NONE = not known */
  FrcMetaType meta_type;
} FrcMetaContext;

gboolean frc_meta_type_is_built (FrcMetaType type);
void frc_rois_ensure_ids (GstBuffer *buffer);
guint frc_result_attach (const FrcResult *result, const FrcMetaContext *context, GstBuffer *buffer);
gboolean frc_result_get_place (const FrcResult *result, guint i, const FrcMetaContext *context,
    FrcRect *out);

#endif
