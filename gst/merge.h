/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Detections of several regions of one frame → one list.
 */
#ifndef FRC_GST_MERGE_H
#define FRC_GST_MERGE_H

#include "../core/stages/nms.h"
#include "regions.h"

/* Room for all that the regions of a frame can give. */
typedef struct {
  guint n, capacity;
  FrcDetection *found; /* in pixels of the frame's rectangle */
  gint *parent_ids;
  FrcBox *boxes;
  gfloat *scores;
  guint16 *labels;
  guint *keep;
  FrcNms nms;
} FrcMerge;

gboolean frc_merge_init (FrcMerge *merge, guint n_labels, GError **error);
void frc_merge_clear (FrcMerge *merge);
FrcDetection *frc_merge_room (FrcMerge *merge);
void frc_merge_add (FrcMerge *merge, guint n, const FrcRegion *region, const FrcRect *frame);
void frc_merge_finish (FrcMerge *merge, gfloat nms_threshold, guint max, FrcResult *result);

#endif
