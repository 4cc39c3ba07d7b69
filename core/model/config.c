/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"
#include "../stages/box_coder.h"

/* Source: torchvision 0.29, faster_rcnn.py. */
void
frc_config_init (FrcConfig *config)
{
  *config = (FrcConfig){
    .resize = FRC_RESIZE_TORCHVISION, .min_size = 800, .max_size = 1333, .size_divisor = 32,
    .image_mean = { 0.485f, 0.456f, 0.406f }, .image_std = { 0.229f, 0.224f, 0.225f },
    .batch_norm_eps = 1e-5,
    .nms = FRC_NMS_BATCHED,
    .anchors = FRC_ANCHORS_TORCHVISION, .n_ratios = 3, .ratios = { 0.5f, 1.0f, 2.0f },
    .rpn_coder = { { 1, 1, 1, 1 }, FRC_BBOX_XFORM_CLIP },
    .rpn_pre_nms_top_n = 1000, .rpn_post_nms_top_n = 1000,
    .rpn_nms_threshold = 0.7f, .rpn_score_threshold = 0.0f, .rpn_min_size = 1e-3f,
    .pooling = FRC_POOLING_ROI_ALIGN, .canonical_scale = 224, .roi_level_eps = 1e-6f,
    .pooled_size = 7, .sampling_ratio = 2, .crop_size = 14,
    .box_coder = { { 10, 10, 5, 5 }, FRC_BBOX_XFORM_CLIP }, .box_min_size = 1e-2f,
    .box_score_threshold = 0.05f, .box_nms_threshold = 0.5f, .box_detections_per_image = 100
  };
}
