/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Class logits and box deltas of every RoI → detections. Source: torchvision RoIHeads.
 * postprocess_detections (); Girshick 2015, section 2.
 */
#ifndef FRC_POSTPROCESS_H
#define FRC_POSTPROCESS_H

#include "../kernels/kernels.h"
#include "../model/config.h"
#include "nms.h"

typedef struct {
  const FrcConfig *config;
  guint n_classes;  /* with background, which is class 0 */
  const guint16 *label_ids; /* (nullable): [n_classes − 1], else class − 1; set after init */
  guint capacity;   /* candidates: RoIs · (n_classes − 1) */
  FrcBox *boxes;    /* [capacity] */
  gfloat *scores;   /* [capacity] */
  guint16 *label;   /* [capacity], class − 1 */
  guint *keep;      /* [capacity] */
  gfloat *softmax;  /* [n_classes] */
  FrcNms nms;
} FrcPostprocess;

/* Where boxes are decoded: an image of @width × @height pixels, of which a network pixel has
 * @scale_x × @scale_y. It shows a frame of @frame_width × @frame_height, @frame_x × @frame_y a
 * pixel. */
typedef struct {
  gfloat width, height, scale_x, scale_y;
  gfloat frame_width, frame_height, frame_x, frame_y;
} FrcBoxSpace;

gboolean frc_postprocess_init (FrcPostprocess *post, const FrcConfig *config, guint max_rois,
    guint n_classes, GError **error);
void frc_postprocess_clear (FrcPostprocess *post);

/* @head: [n, 1, 1, c]: n_classes logits, then 4 deltas a class, those of background missing if c is
 * 5 · n_classes − 4. @proposals: n boxes in network pixels. @query: NMS threshold resolved. Writes
 * at most @max detections in half-open pixels of the frame, best first; one that nothing is left of
 * counts, one of an unwanted size does not. */
guint frc_postprocess_run (FrcPostprocess *post, const FrcView *head, const FrcBox *proposals,
    const FrcBoxSpace *space, const FrcQuery *query, guint max, const FrcPool *pool,
    FrcDetection *out);

#endif
