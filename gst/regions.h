/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is looked at in a frame: rectangles, or proposals from upstream.
 */
#ifndef FRC_GST_REGIONS_H
#define FRC_GST_REGIONS_H

#include "detectprops.h"

#define FRC_MAX_REGIONS 64
#define FRC_MAX_PROPOSALS 2000

typedef struct {
  FrcRect rect;   /* pixels of the stored frame, never empty */
  gint parent_id; /* of the ROI meta that it is; FRC_NO_PARENT */
} FrcRegion;

/* Without a region there is nothing to infer: no zone in the frame, no ROI meta on it. */
typedef struct {
  FrcRect rect; /* the part of the stored frame that metas are relative to */
  guint n_regions;
  FrcRegion regions[FRC_MAX_REGIONS]; /* largest first */
  gboolean has_proposals;
  guint n_proposals;
  FrcBox proposals[FRC_MAX_PROPOSALS]; /* pixels of rect */
} FrcTask;

void frc_task_init (FrcTask *task, const FrcDetectConfig *config, const FrcDetectTuning *tuning,
    const FrcLabelSet *labels, GstBuffer *buffer, const FrcRect *rect);
void frc_task_copy (FrcTask *out, const FrcTask *task);

#endif
