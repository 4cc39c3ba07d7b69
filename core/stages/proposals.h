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

#include "../image/resize.h"
#include "../kernels/kernels.h"
#include "../model/config.h"
#include "nms.h"

typedef struct {
  const FrcConfig *config;
  FrcBox base[FRC_MAX_LEVELS][FRC_MAX_CELL_ANCHORS];
  guint top_n[FRC_MAX_LEVELS]; /* candidates of a level */
  guint capacity;   /* candidates of all levels */
  guint64 *keys;    /* [room]: a level's candidates by rank_key () */
  guint64 *spare;   /* [room] */
  guint room[FRC_MAX_LEVELS]; /* keys that are looked at together */
  FrcBox *boxes;    /* [capacity] */
  gfloat *scores;   /* [capacity] */
  guint16 *level;   /* [capacity] */
  guint *keep;      /* [rpn_post_nms_top_n] */
  FrcNms nms;
} FrcProposals;

/* @max_cells: a level, of the largest input that will come. */
gboolean frc_proposals_init (FrcProposals *proposals, const FrcConfig *config,
    const guint *max_cells, GError **error);
void frc_proposals_clear (FrcProposals *proposals);

/* @levels: n_levels views. Writes at most @max proposals in network pixels, best first, and returns
 * their number. Order: score, level, index. Allocates nothing. */
guint frc_proposals_run (FrcProposals *proposals, const FrcView *levels, const FrcInputSize *input,
    guint max, const FrcPool *pool, FrcBox *out);

#endif
