/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Every constant of a detector that its weights do not tell, in the order of the flow: input, trunk,
 * proposals, pooling, head. A system of the R-CNN lineage is one choice at each arrow; where the
 * choices are functions, an enum names them, and prepare looks the function up.
 *
 * What a file's layers have in another order (BGR, two objectness scores, background last, y before
 * x) is not here: model/reorder.h brings it into this library's one order when the file is loaded.
 * Names are torchvision's where it has one.
 */
#ifndef FRC_CONFIG_H
#define FRC_CONFIG_H

#include <glib.h>

#define FRC_MAX_LEVELS 8
#define FRC_MAX_SIZES 8
#define FRC_MAX_RATIOS 8
#define FRC_MAX_CELL_ANCHORS (FRC_MAX_SIZES * FRC_MAX_RATIOS)
#define FRC_MAX_TOP_N 2000           /* proposals that reach the head */
#define FRC_MAX_PRE_NMS_TOP_N 100000 /* candidates a level, unless all are */

/* The input's size, and how a frame is sampled for it: image/resize.h. */
typedef enum {
  FRC_RESIZE_TORCHVISION, FRC_RESIZE_DETECTRON2, FRC_RESIZE_CAFFE, FRC_RESIZE_TENSORFLOW,
  FRC_N_RESIZE_RULES
} FrcResizeRule;

/* The anchors of a cell: stages/anchors.h. */
typedef enum {
  FRC_ANCHORS_TORCHVISION, FRC_ANCHORS_DETECTRON2, FRC_ANCHORS_CAFFE, FRC_ANCHORS_TENSORFLOW,
  FRC_N_ANCHOR_RULES
} FrcAnchorRule;

/* What overlaps, and within what: stages/nms.h. */
typedef enum {
  FRC_NMS_BATCHED, FRC_NMS_SEPARATE, FRC_NMS_INCLUSIVE, FRC_N_NMS_RULES
} FrcNmsRule;

/* RoIs → equal maps: kernels/roi_pool.h. */
typedef enum {
  FRC_POOLING_ROI_ALIGN, FRC_POOLING_ROI_ALIGN_V2, FRC_POOLING_ROI_MAX_POOL,
  FRC_POOLING_CROP_AND_RESIZE, FRC_N_POOLINGS
} FrcPooling;

#define FRC_NO_BBOX_CLIP 1e30f

typedef struct {
  gfloat weights[4]; /* that divide dx, dy, dw, dh */
  gfloat clip;       /* of dw and dh after that */
} FrcBoxCoder;

typedef struct {
  FrcResizeRule resize;
  guint min_size, max_size;           /* pixels of the network input */
  guint size_divisor;                 /* the input is padded to a multiple */
  gfloat image_mean[3], image_std[3]; /* R, G, B in 0 … 1 */

  gdouble batch_norm_eps;

  guint pixel_extent; /* 1: a box's sides are x2 − x1 + 1, its last pixel is at x2; else 0 */
  FrcNmsRule nms;
  gboolean clips_after_nms; /* boxes are cut to the image when the surest are chosen, not before */

  FrcAnchorRule anchors;
  guint n_levels;                      /* maps with anchors */
  guint n_sizes, n_ratios;             /* anchors per cell = n_sizes · n_ratios */
  gfloat sizes[FRC_MAX_LEVELS][FRC_MAX_SIZES];
  gfloat ratios[FRC_MAX_RATIOS];
  guint strides[FRC_MAX_LEVELS]; /* network pixels a cell, 0: padded input size // map size */
  gfloat anchor_offset;          /* of the first cell's centre */
  gboolean clips_anchors;        /* to the image, before decoding */

  FrcBoxCoder rpn_coder;
  guint rpn_pre_nms_top_n, rpn_post_nms_top_n; /* at test time; the first a level, 0: all */
  gfloat rpn_nms_threshold, rpn_score_threshold;
  gfloat rpn_min_size;           /* of a proposal's sides */
  gboolean rpn_min_size_is_of_frame; /* in pixels of the frame, else of the network input */
  gboolean rpn_filters_first;    /* small boxes go before the pre-NMS top-n, else after it */
  gboolean rpn_ranks_logits;     /* NMS sees logits, which do not saturate, else their sigmoids */

  FrcPooling pooling;
  guint n_roi_levels;    /* maps that RoIs are pooled from: the first ones */
  guint canonical_scale; /* side of a RoI that belongs to level 4 */
  gfloat roi_ratio_eps, roi_level_eps; /* added to side / canonical and to the level */
  guint pooled_size;
  guint sampling_ratio;  /* RoIAlign's samples a bin and axis; 0: one a map pixel of the bin */
  guint crop_size;       /* crop and resize: side of the crop that is max-pooled to pooled_size */

  FrcBoxCoder box_coder;
  gboolean box_decodes_in_frame; /* boxes are decoded in pixels of the frame, else of the input */
  gfloat box_min_size;
  gfloat box_score_threshold, box_nms_threshold;
  guint box_detections_per_class; /* 0: as many as an image */
  guint box_detections_per_image;
} FrcConfig;

/* What torchvision's models have in common; a family changes what it has otherwise. */
void frc_config_init (FrcConfig *config);

#endif
