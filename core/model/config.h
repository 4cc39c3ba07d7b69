/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Every constant of a detector that its weights do not tell. Names are torchvision's.
 */
#ifndef FRC_CONFIG_H
#define FRC_CONFIG_H

#include <glib.h>

#define FRC_MAX_LEVELS 8
#define FRC_MAX_SIZES 8
#define FRC_MAX_RATIOS 8
#define FRC_MAX_CELL_ANCHORS (FRC_MAX_SIZES * FRC_MAX_RATIOS)
#define FRC_MAX_TOP_N 2000 /* proposals, before and after NMS */

typedef struct {
  guint min_size, max_size;           /* pixels of the network input */
  gfloat image_mean[3], image_std[3]; /* R, G, B in 0 … 1 */

  guint n_levels;                      /* maps with anchors */
  guint n_sizes, n_ratios;             /* anchors per cell = n_sizes · n_ratios */
  gfloat sizes[FRC_MAX_LEVELS][FRC_MAX_SIZES];
  gfloat ratios[FRC_MAX_RATIOS];

  guint rpn_pre_nms_top_n, rpn_post_nms_top_n; /* at test time; the first a level */
  gfloat rpn_nms_threshold, rpn_score_threshold;

  guint n_roi_levels;    /* maps that RoIs are pooled from: the first ones */
  guint canonical_scale; /* side of a RoI that belongs to level 4 */
  guint pooled_size, sampling_ratio;

  gfloat box_score_threshold, box_nms_threshold;
  guint box_detections_per_image;

  gdouble batch_norm_eps;
} FrcConfig;

#endif
