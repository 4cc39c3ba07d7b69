/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Class logits and box deltas of every RoI → detections. Source: torchvision RoIHeads.
 * postprocess_detections (); Girshick 2015, section 2.
 */
#ifndef FRC_POSTPROCESS_H
#define FRC_POSTPROCESS_H

#include "../model/config.h"
#include "../kernels/kernels.h"
#include "nms.h"

typedef struct {
  guint n_classes;  /* with background, which is class 0 */
  guint capacity;   /* candidates: RoIs · (n_classes − 1) */
  FrcBox *boxes;    /* [capacity] */
  gfloat *scores;   /* [capacity] */
  guint16 *label;   /* [capacity], class − 1 */
  guint *keep;      /* [capacity] */
  gfloat *softmax;  /* [n_classes] */
  FrcNms nms;
} FrcPostprocess;

gboolean frc_postprocess_init (FrcPostprocess *post, guint max_rois, guint n_classes,
    GError **error);
void frc_postprocess_clear (FrcPostprocess *post);

/* @head: [n, 1, 1, n_classes + 4 · n_classes]: logits, then deltas (4 · class + k). @proposals: n
 * boxes in network pixels; @width × @height: the network input without padding. @query: thresholds
 * resolved, none negative. Writes at most @max detections in network pixels, best first. */
guint frc_postprocess_run (FrcPostprocess *post, const FrcView *head, const FrcBox *proposals,
    guint width, guint height, const FrcQuery *query, guint max, const FrcPool *pool,
    FrcDetection *out);

#endif
