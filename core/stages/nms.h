/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Non-maximum suppression within groups (FPN levels, classes).
 */
#ifndef FRC_NMS_H
#define FRC_NMS_H

#include "../frcnn.h"
#include "../model/config.h"
#include "../kernels/overlap.h"
#include "../pool.h"

typedef struct {
  guint capacity, n_groups;
  FrcNmsRule rule;
  guint max_per_group;       /* that stay; frc_nms_init () sets no limit */
  const FrcOverlapKernels *kernels;
  guint64 *keys, *spare;     /* [capacity] */
  FrcBoxArrays boxes;        /* [capacity], sorted by group, then rank */
  guint *rank;               /* [capacity]: position in group order → rank */
  guint8 *stays;             /* [capacity], by rank */
  guint *start;              /* [n_groups + 1] */
} FrcNms;

gboolean frc_nms_init (FrcNms *nms, guint capacity, guint n_groups, FrcNmsRule rule,
    GError **error);
void frc_nms_clear (FrcNms *nms);

/* Writes the indices of the boxes that stay to @keep, by score descending, then index ascending, at
 * most @max_keep, and returns their number. A box goes if an earlier one of its group overlaps it
 * with IoU > @threshold. Boxes have no NaN, @n ≤ capacity, group[i] < n_groups. @pool (nullable): its
 * cancel flag ends the work early (the result is then meaningless). Allocates nothing.
 *
 * FRC_NMS_BATCHED: up to 1000 boxes the IoU is that of boxes moved apart by (the largest coordinate +
 *   1) · group in f32, as torchvision.ops.batched_nms () has it on CPUs, rounding included.
 * FRC_NMS_SEPARATE: each group for itself, as TensorFlow's multiclass_non_max_suppression ().
 * FRC_NMS_INCLUSIVE: so, too, and sides are x2 − x1 + 1, as py-faster-rcnn's nms (). */
guint frc_nms_run (FrcNms *nms, const FrcBox *boxes, const gfloat *scores, const guint16 *group,
    guint n, gfloat threshold, guint max_keep, const FrcPool *pool, guint *keep);

#endif
