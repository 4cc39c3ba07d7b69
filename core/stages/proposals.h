/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * RPN outputs → proposals. Source: torchvision RegionProposalNetwork.filter_proposals ();
 * Ren et al. 2015, section 3.
 *
 * Shapes: a level has a map of h × w cells with A anchors a cell; its view's channels are the A
 * objectness logits, then A · 4 deltas (channel A + 4 · a + k).
 */
#ifndef FRC_PROPOSALS_H
#define FRC_PROPOSALS_H

#include "../model/config.h"
#include "../kernels/kernels.h"
#include "nms.h"

typedef struct {
  const FrcConfig *config;
  FrcBox base[FRC_MAX_LEVELS][FRC_MAX_CELL_ANCHORS];
  guint capacity;   /* candidates: n_levels · rpn_pre_nms_top_n */
  guint64 *top;     /* [rpn_pre_nms_top_n] */
  FrcBox *boxes;    /* [capacity] */
  gfloat *scores;   /* [capacity], after the sigmoid */
  guint16 *level;   /* [capacity] */
  guint *keep;      /* [rpn_post_nms_top_n] */
  FrcNms nms;
} FrcProposals;

gboolean frc_proposals_init (FrcProposals *proposals, const FrcConfig *config, GError **error);
void frc_proposals_clear (FrcProposals *proposals);

/* @levels: n_levels views; @padded_*: the network input with padding (anchor strides follow from
 * it), @width × @height: without (boxes are clipped to it). Writes at most @max proposals, best
 * first, and returns their number. Order: score, level, index. Allocates nothing. */
guint frc_proposals_run (FrcProposals *proposals, const FrcView *levels, guint padded_w,
    guint padded_h, guint width, guint height, guint max, const FrcPool *pool, FrcBox *out);

#endif
